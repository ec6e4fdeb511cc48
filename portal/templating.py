"""Loads templates; a component comes without the white space around it, so that it can stand within a sentence.

Without this, `until <c-time :at="due" />, then` would show a gap before the comma: a component's file begins with its
description and its variables, and ends with a line break.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django_cotton.cotton_loader import Loader as CottonLoader

_DESCRIPTION = re.compile(r"\A\s*\{#.*?#\}\s*")
_VARIABLES = re.compile(r"""\A(<c-vars(?:"[^"]*"|'[^']*'|[^>"'])*/>)\s*""")
_COMPONENTS = Path(settings.BASE_DIR) / "templates" / settings.COTTON_DIR


class Loader(CottonLoader):
    """django-cotton's loader, for pages and components alike."""

    def _get_template_string(self, template_name: str) -> str:
        text = str(super()._get_template_string(template_name))
        if _COMPONENTS in Path(template_name).parents:
            return _VARIABLES.sub(r"\1", _DESCRIPTION.sub("", text)).strip()
        return text
