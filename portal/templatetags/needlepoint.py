"""Every filter and tag of the screens, in one library that is built in to all templates (settings.TEMPLATES)."""

from __future__ import annotations

from django import template

from portal.templatetags import np_forms, np_identifiers, np_numbers, np_signs, np_times

register = template.Library()

for part in (np_times, np_identifiers, np_numbers, np_signs, np_forms):
    register.filters.update(part.register.filters)
    register.tags.update(part.register.tags)
