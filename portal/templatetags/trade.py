"""Words of the trade for templates: the names of roles and organisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template

from portal.accounts.roles import ROLES
from portal.contacts.queries import DutyLine

register = template.Library()


@register.filter
def role_name(code: str) -> str:
    """A role's name by its code."""
    role = ROLES.get(code)
    return role.name if role else code.replace("_", " ")


@register.filter
def duty_of(numbers: Mapping[UUID, DutyLine], party: Any) -> DutyLine | None:
    """How an organisation is called, or None where it has set no number."""
    found = numbers.get(party)
    return found if found and found.number else None


@register.filter
def named(names: Mapping[UUID, str], party: Any) -> str:
    """An organisation's name, from `party_names`."""
    return names.get(party, "")
