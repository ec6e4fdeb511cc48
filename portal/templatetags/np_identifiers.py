"""Chain-of-identity identifiers, hashes and people's names.

The identifier is grouped as in ISBT 128 structure 040: facility (5), year (2), serial (6); its keyboard check character
is that of ISO 7064 mod 37-2.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from stdnum.iso7064 import mod_37_2

NARROW_SPACE = "\u202f"
COI_LENGTH = 13

register = template.Library()


@register.simple_tag
def digest(value: Any, differs: bool = False) -> SafeString:
    """A hash, shortened, whole in its title; marked where it differs from another."""
    if not value:
        return mark_safe("")
    shown = format_html("<mark>{}</mark>" if differs else "{}", short_hash(value))
    return format_html('<code class="np-hash" title="{}">{}</code>', whole_hash(value), shown)


@register.filter
def short_hash(value: Any) -> str:
    """`9c41e07b…90f1d4` of a hexadecimal digest (str or bytes); short values stay whole."""
    text = value.hex() if isinstance(value, (bytes, bytearray, memoryview)) else str(value or "")
    return text if len(text) <= 18 else f"{text[:8]}…{text[-6:]}"


@register.filter
def whole_hash(value: Any) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray, memoryview)) else str(value or "")


def _bare_coi(value: Any) -> str:
    return "".join(character for character in str(value or "").upper() if character.isalnum())


@register.filter
def coi_check(value: Any) -> str:
    """The keyboard check character (ISO 7064 mod 37-2) of a 13-character identification number."""
    bare = _bare_coi(value)
    return mod_37_2.calc_check_digit(bare[:COI_LENGTH]) if len(bare) >= COI_LENGTH else ""


@register.filter
def coi(value: Any, check: bool = True) -> SafeString:
    """`X0042 26 00` with the last four in bold, the part that people read aloud, then the check character.

    Without it (`coi:False`) nobody can type what a scan would give.

    The grouping is facility (5), year (2), serial (6), as in ISBT 128 structure 040.
    """
    bare = _bare_coi(value)
    if len(bare) < COI_LENGTH:
        return format_html('<span class="np-coi">{}</span>', value or "")
    body = bare[:COI_LENGTH]
    tail = (
        format_html('<span class="chk" title="Check character">{}</span>', coi_check(body)) if check else mark_safe("")
    )
    return format_html(
        '<span class="np-coi">{}{}{}{}{}<b>{}</b>{}</span>',
        body[:5],
        NARROW_SPACE,
        body[5:7],
        NARROW_SPACE,
        body[7:9],
        body[9:],
        tail,
    )


@register.filter
def coi_against(value: Any, other: Any) -> SafeString:
    """An identifier with the characters that differ from another one underlined, for the full-screen stop."""
    mine, theirs = _bare_coi(value), _bare_coi(other)
    if not mine:
        return format_html('<span class="np-coi">{}</span>', value or "no identifier")
    pieces, run, differs = [], "", False
    for place, character in enumerate(mine):
        now_differs = place >= len(theirs) or theirs[place] != character
        if now_differs != differs and run:
            pieces.append(format_html("<u>{}</u>", run) if differs else format_html("{}", run))
            run = ""
        differs = now_differs
        run += (NARROW_SPACE if place in (5, 7) and len(mine) >= COI_LENGTH else "") + character
    pieces.append(format_html("<u>{}</u>", run) if differs else format_html("{}", run))
    return format_html('<span class="np-coi">{}</span>', mark_safe("".join(pieces)))  # noqa: S308 - pieces are escaped


@register.filter
def initials(name: Any) -> str:
    """`IM` of `Ines Marlowe`."""
    words = [word for word in str(name or "").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def first_name(name: Any) -> str:
    return (str(name or "").split() or [""])[0]
