"""The API answers bad input with problem details, never with a fault of ours."""

import io
import json

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import exceptions

from ledger.errors import Conflict
from portal.api.errors import handle
from portal.api.parsers import TooLarge, parse_json, read_bounded


class SlotTaken(Conflict):
    pass


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (SlotTaken("Another therapy took this slot."), 409, "SlotTaken"),
        (exceptions.ValidationError({"readings": [{}, {"at": ["Not a time."]}]}), 422, "BadInput"),
        (DjangoValidationError("No."), 422, "BadInput"),
        (exceptions.ParseError("The body is not JSON."), 400, "ParseError"),
        (exceptions.NotAuthenticated(), 401, "NotAuthenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "MethodNotAllowed"),
        (exceptions.UnsupportedMediaType("text/x"), 415, "UnsupportedMediaType"),
        (exceptions.Throttled(wait=30), 429, "Throttled"),
        (TooLarge(), 413, "TooLarge"),
        (Http404(), 404, "NotFound"),
        (PermissionDenied(), 403, "NotPermitted"),
        (RequestDataTooBig(), 413, "TooLarge"),
    ],
)
def test_each_refusal_becomes_problem_details(exception, status, code):
    response = handle(exception, {})

    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.data["type"] == f"urn:needlepoint:problem:{code}"
    assert response.data["detail"]


def test_a_nested_error_says_where():
    response = handle(exceptions.ValidationError({"readings": [{}, {"at": ["Not a time."]}]}), {})

    assert response.data["errors"] == [{"field": "readings.1.at", "detail": "Not a time."}]


def test_a_refusal_at_a_field_says_which():
    assert handle(SlotTaken("Taken.", field="slot"), {}).data["errors"] == [{"field": "slot", "detail": "Taken."}]


def test_a_throttled_program_is_told_when_to_come_back():
    assert handle(exceptions.Throttled(wait=30), {}).headers["Retry-After"] == "30"


def test_a_fault_of_ours_is_not_dressed_up():
    assert handle(ZeroDivisionError(), {}) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b"[Infinity]",
        b'"\\u0000"',
        b'{"\\u0000": 1}',
        b'"\\ud800"',
        b"\xff\xfe",
        b"[" * 100_000,
        b"[" * 60 + b"]" * 60,
        b"1" * 5000,
        b'{"a": 1} x',
    ],
)
def test_a_bad_body_is_a_parse_error(body):
    with pytest.raises(exceptions.ParseError):
        parse_json(body)


def test_a_body_over_the_limit_is_refused_without_reading_it_all():
    stream = io.BytesIO(b"x" * 10_000)

    with pytest.raises(TooLarge, match="100 bytes"):
        read_bounded(stream, limit=100)
    assert stream.tell() == 101


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, st.lists, max_leaves=20))
@settings(max_examples=100)
def test_every_proper_value_is_read_back(value):
    assert parse_json(json.dumps(value).encode()) == value
