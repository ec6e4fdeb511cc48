"""The label on the screen: its barcode as a picture within the page."""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

SHAPE = re.compile(r'<svg width="(\d+)" height="(\d+)".*?<path d="([0-9MHVZhvz .-]+)"', re.DOTALL)


class NoBarcode(ValueError):
    """The writer's picture is not of the form that we know."""


def inline_svg(svg: str, *, words: str) -> SafeString:
    """The bars of our own writer's SVG, drawn anew: only its numbers and path letters reach the page."""
    found = SHAPE.search(svg)
    if found is None:
        raise NoBarcode("the barcode's picture has another form than expected")
    width, height, path = found.groups()
    return format_html(
        '<svg class="np-bars" viewBox="0 0 {} {}" role="img" aria-label="{}" shape-rendering="crispEdges"'
        ' preserveAspectRatio="xMinYMid">'
        '<path d="{}" fill="currentColor"/></svg>',
        width,
        height,
        words,
        mark_safe(path),  # noqa: S308  matched above: digits, blanks and path letters only
    )
