"""Canonical JSON: RFC 8785 (JCS), narrowed to what a ledger may hold.

Narrower than the RFC on purpose: no floats (a quantity is an integer or a decimal string with a unit), integers only
within ±(2^53-1), where every JSON reader agrees on them (RFC 7493 §2.2). Reading is strict: stored bytes are verified
as they stand, and bytes that are not already canonical are refused rather than repaired.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson
import rfc8785

from ledger.crypto.errors import VerificationError

MAX_BYTES = 65_535
"""The longest entry that a tlog-tiles entry bundle can hold: its length is a big-endian uint16."""

MAX_DEPTH = 64
"""Nesting of lists and objects; far above any record, far below Python's recursion limit."""

MAX_INTEGER = 2**53 - 1

# orjson writes and reads several times as fast as the standard library, and as RFC 8785 asks where nothing is escaped
# and no character lies beyond the basic multilingual plane: it sorts names by code point and not by UTF-16 code unit
# (§3.2.3). In UTF-8 such a character begins with a byte of 0xF0 or more. It reads floats and integers beyond 2^53-1
# too; what might be one goes the slow way, where the reason is said.
_BEYOND_BMP = bytes(range(0xF0, 0x100))
_OTHER_NUMBER = re.compile(rb'":(?=[-0-9])-?(?:[0-9]+[.eE]|[0-9]{16})')


class CanonicalError(VerificationError, ValueError):
    """A value that has no canonical form here, or bytes that are not in it."""


def encode(value: Any) -> bytes:
    """The canonical UTF-8 bytes of `value`: dicts with string keys, lists, strings, integers, booleans and None."""
    if _is_plain(value, 0) and (written := _write_plain(value)) is not None:
        return written
    _check(value, path="$", depth=0)
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise CanonicalError(f"This value has no canonical form: {error}.") from error


def _write_plain(value: Any) -> bytes | None:
    """The canonical bytes of a plain value, unless it holds a character that is escaped or sorted otherwise."""
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return written if _is_unescaped(written) else None


def _is_unescaped(data: bytes) -> bool:
    return b"\\" not in data and (data.isascii() or len(data.translate(None, _BEYOND_BMP)) == len(data))


def decode(data: bytes, *, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The object in `data`, which has to be canonical already and at most `limit` bytes long."""
    if len(data) > limit:
        raise CanonicalError(f"The document has {len(data)} bytes; at most {limit} are allowed.")
    value = _read_plain(data)
    return _read_strictly(data) if value is None else value


def _read_plain(data: bytes) -> dict[str, Any] | None:
    """The object in `data` when everything about it is as it should be; else None, and the reason is still to be said.

    A name that stands twice, or any other writing of the same value, does not come out of the writer as it went in.
    """
    if not _is_unescaped(data) or _OTHER_NUMBER.search(data):
        return None
    try:
        value = orjson.loads(data)
        if not isinstance(value, dict) or orjson.dumps(value, option=orjson.OPT_SORT_KEYS) != data:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    # What was read is plain, save that it may be nested too deeply and that lists may hold such numbers.
    return value if (b"[" not in data and data.count(b"{") <= MAX_DEPTH) or _is_plain(value, 0) else None


def _read_strictly(data: bytes) -> dict[str, Any]:
    """The same, slower, saying what is wrong."""
    try:
        text = data.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        raise CanonicalError(f"The document is not UTF-8: byte {error.start} is out of place.") from error
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except CanonicalError:
        raise
    except RecursionError as error:
        raise CanonicalError("The document is nested too deeply.") from error
    except ValueError as error:
        raise CanonicalError(f"The document is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise CanonicalError("The document is not a JSON object.")
    if encode(value) != data:
        raise CanonicalError("The document is not in canonical form (RFC 8785).")
    return value


def _is_plain(value: Any, depth: int) -> bool:
    """Whether `_check` would surely find nothing; most values are, and need no words about where something stands."""
    if depth > MAX_DEPTH:
        return False
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        inner = value.values()
    elif kind is list or kind is tuple:
        inner = value
    else:
        return kind is str or value is None or kind is bool or (kind is int and -MAX_INTEGER <= value <= MAX_INTEGER)
    for item in inner:  # noqa: SIM110  a generator would double the time
        if type(item) is not str and item is not None and not _is_plain(item, depth + 1):
            return False
    return True


def _check(value: Any, *, path: str, depth: int) -> None:
    """Refuse what RFC 8785 would allow, round or crash on, and say where it stands."""
    if depth > MAX_DEPTH:
        raise CanonicalError(f"{path[:200]} is nested more than {MAX_DEPTH} levels deep.")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if not _is_unicode(value):
            raise CanonicalError(f"{path} holds half of a surrogate pair, which UTF-8 cannot hold.")
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise CanonicalError(f"{path} is an integer beyond 2^53-1; write it as a string.")
    elif isinstance(value, float):
        raise CanonicalError(f"{path} is a float; write it as an integer or a decimal string with its unit.")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise CanonicalError(f"{path} has the key {key!r}, which is not a string.")
            if not _is_unicode(key):
                raise CanonicalError(f"{path} has the key {key!r}, half of a surrogate pair, which UTF-8 cannot hold.")
            _check(item, path=f"{path}.{key}", depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, path=f"{path}[{index}]", depth=depth + 1)
    else:
        raise CanonicalError(f"{path} is of type {type(value).__name__}, which JSON does not have.")


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CanonicalError(f"The key {key!r} stands twice in one object.")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    # Before int(): Python itself refuses above 4,300 digits, with another message, and is slow below that.
    if len(digits) > 17 or not -MAX_INTEGER <= int(digits) <= MAX_INTEGER:
        raise CanonicalError("An integer is beyond 2^53-1; write it as a string.")
    return int(digits)


def _no_float(literal: str) -> NoReturn:
    raise CanonicalError(f"{literal[:40]} is a float; write it as an integer or a decimal string with its unit.")
