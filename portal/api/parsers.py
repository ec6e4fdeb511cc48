"""Reading what programs send: strict JSON of a bounded size, so that bad input ends in a 4xx here and never later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 40


class TooLarge(APIException):
    """More bytes than this server takes in one request."""

    status_code = 413
    default_detail = "The request is larger than this server takes. Send it in parts."


def read_bounded(stream: IO[bytes], *, limit: int) -> bytes:
    """The whole stream when it holds at most `limit` bytes. Raises TooLarge."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"The request is larger than {limit:,} bytes, the most this server takes. Send it in parts.")
    return data


def parse_json(data: bytes) -> Any:
    """RFC 8259 JSON in UTF-8 as I-JSON (RFC 7493): no duplicate names, no NaN, no lone surrogates; and no NUL.

    Raises ParseError, whose text says what is wrong.
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ParseError:
        raise
    except RecursionError:
        raise ParseError("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8 text.") from None
    except ValueError as problem:
        raise ParseError(f"The body is not JSON: {problem}") from None
    _check(value, 0)
    return value


class StrictJSONParser(BaseParser):
    """DRF's parser over `parse_json`, at most `INGEST_MAX_BYTES`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse_json(read_bounded(stream, limit=settings.INGEST_MAX_BYTES))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The name “{twice[:60]}” stands twice in one object.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is no JSON number.")


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ParseError(f"The JSON is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, below in value.items():
            _check_text(name)
            _check(below, depth + 1)
    elif isinstance(value, list):
        for below in value:
            _check(below, depth + 1)


def _check_text(text: str) -> None:
    if text.isascii():
        if "\x00" in text:
            raise ParseError("Text holds a NUL character.")
        return
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ParseError("Text holds a character that no text has (NUL or half of a pair).")
