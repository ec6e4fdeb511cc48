"""The label's DataMatrix: GS1 by default (GS1 General Specifications), written and checked by zxing-cpp.

The chain-of-identity id stands under application identifier (90), information mutually agreed between trading
partners: the item is no trade item, and nothing but the id identifies it.
"""

from __future__ import annotations

import functools
import re

import zxingcpp

from custody.contract.lifecycle import check_character

COI_TEXT = re.compile(r"(?:\]D2)?(?:\(90\)|90)?(?:&/CH)?([A-Z0-9]{5}[0-9]{2}[A-Z0-9]{6}[A-Z0-9*])")


@functools.lru_cache(maxsize=512)
def datamatrix_svg(coi: str) -> str:
    """A GS1 DataMatrix with the chain-of-identity id under AI (90), as SVG."""
    barcode = zxingcpp.create_barcode(f"(90){coi}", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    return str(barcode.to_svg(scale=4, add_quiet_zones=True))


def coi_in(scan: str) -> str | None:
    """The chain-of-identity id in what a scanner sent: with or without symbology identifier, GS1 or ISBT 128 prefix.

    None also where its check character is not right: that was misread or mistyped, and is nobody's label.
    """
    text = re.sub(r"[\s\x1d]", "", scan).upper()
    match = COI_TEXT.fullmatch(text)
    return match[1] if match and check_character(match[1][:-1]) == match[1][-1] else None
