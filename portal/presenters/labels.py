"""Labels on the screen and on paper: what each says in words, and its barcode as a picture within the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from custody.contract.items import ONE_OF_A_KIND, Item, Label
from custody.labels.barcode import datamatrix_svg
from custody.labels.queries import Print, highest

SHAPE = re.compile(r'<svg width="(\d+)" height="(\d+)".*?<path d="([0-9MHVZhvz .-]+)"', re.DOTALL)


HEADINGS = {
    "wristband": "Wristband",
    "order": "Order",
    "label": "Cells",
    "bag": "Product bag",
    "cassette": "Cassette",
}
"""What stands large on a label: the thing that it belongs on."""


@dataclass(frozen=True, slots=True)
class LabelView:
    """One label: what it belongs on, its place among those of its kind, and its code, which can be typed as well."""

    kind: str
    heading: str
    number: int
    count: int
    code: str
    item_code: str
    check: str
    barcode: SafeString


def label_views(coi: str, items: Sequence[Item], printed: Sequence[Print]) -> list[LabelView]:
    """The labels of these items. `count` is the highest number of the kind, of these and of all printed before."""
    views = []
    for item in items:
        code = Label(coi, item).code
        together = max(one.number for one in items if one.kind == item.kind)
        views.append(
            LabelView(
                kind=item.kind,
                heading=HEADINGS[item.kind],
                number=item.number,
                count=0 if item.kind in ONE_OF_A_KIND else max(together, highest(item.kind, printed)),
                code=code,
                item_code=item.code,
                check=code[-1],
                barcode=inline_svg(datamatrix_svg(code), words=f"DataMatrix of {code}"),
            )
        )
    return views


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
