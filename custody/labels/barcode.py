"""The label's DataMatrix: GS1 by default (GS1 General Specifications), written and checked by zxing-cpp.

The label's code (`custody.contract.items`) stands under application identifier (90), information mutually agreed
between trading partners, of at most 30 characters: the item is no trade item, and nothing but the code identifies it.
"""

from __future__ import annotations

import functools
import re

import zxingcpp

from custody.contract.items import Label, label_of

CODE = re.compile(
    r"(?:\]D2)?(?:\(90\)|90)?(?:&/CH)?([A-Z0-9]{5}[0-9]{2}[A-Z0-9]{6}[A-Z0-9*](?:[WRMPC][0-9]{2}[A-Z0-9*])?)"
)


@functools.lru_cache(maxsize=2048)
def datamatrix_svg(code: str) -> str:
    """A GS1 DataMatrix with a label's code under AI (90), as SVG."""
    barcode = zxingcpp.create_barcode(f"(90){code}", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    return str(barcode.to_svg(scale=4, add_quiet_zones=True))


def label_in(scan: str) -> Label | None:
    """The label that a scanner sent: with or without symbology identifier, GS1 or ISBT 128 prefix, and blanks.

    None also where a check character is not right: that was misread or mistyped, and is nobody's label.
    """
    text = re.sub(r"[\s\x1d]", "", scan).upper()
    match = CODE.fullmatch(text)
    return label_of(match[1]) if match else None


def coi_in(scan: str) -> str | None:
    """The chain-of-identity id in what a scanner sent, whatever it stands on."""
    label = label_in(scan)
    return label.coi if label else None
