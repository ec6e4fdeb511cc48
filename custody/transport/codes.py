"""Shipper numbers and seals as they are read and compared."""

from __future__ import annotations


def plain(code: str) -> str:
    """A shipper's number or a seal without blanks and case, as two of them are compared."""
    return "".join(code.split()).casefold()
