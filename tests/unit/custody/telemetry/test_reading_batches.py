"""The JSON batch of the HTTP interface: what is taken, and how each fault is said."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.telemetry import parse
from custody.telemetry.problems import BadReadings, TooLarge
from custody.telemetry.reading import NewReading

GOOD = {"seq": 7, "at": "2026-11-22T14:05:00+01:00", "temperature_c": "-150.25", "tilt": 3}


def batch(*rows):
    return parse.batch(json.dumps({"readings": rows}).encode())


def faults(raw):
    with pytest.raises(BadReadings) as refusal:
        parse.batch(raw if isinstance(raw, bytes) else json.dumps({"readings": raw}).encode())
    return refusal.value


def test_a_reading_is_taken_exactly():
    (reading,) = batch(GOOD | {"lat": "53.551086", "lon": "-9.9936819"})
    assert reading == NewReading(7, datetime(2026, 11, 22, 13, 5, tzinfo=UTC), -15025, 3, 53551086, -9993682)


@pytest.mark.parametrize(
    ("text", "c100"), [("4.125", 412), ("4.135", 414), ("-0.004", 0), ("+8", 800), ("-196", -19600), ("200", 20000)]
)
def test_a_temperature_is_rounded_half_to_even(text, c100):
    assert batch(GOOD | {"temperature_c": text})[0].temperature_c100 == c100


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"temperature_c": 4.12}, "temperature_c", 'found “4.12”; write a decimal as text, for example "4.12"'),
        ({"temperature_c": "4,12"}, "temperature_c", "found “4,12”; write a plain decimal such as -150.25"),
        ({"temperature_c": "1e3"}, "temperature_c", "write a plain decimal"),
        ({"temperature_c": "nan"}, "temperature_c", "write a plain decimal"),
        ({"temperature_c": "٤"}, "temperature_c", "write a plain decimal"),
        ({"temperature_c": "-273.16"}, "temperature_c", "a temperature lies between -273.15 and 200 °C"),
        ({"temperature_c": None}, "temperature_c", "found nothing; send temperature_c with every reading"),
        ({"tilt": 181}, "tilt", "a tilt lies between 0 and 180 degrees"),
        ({"tilt": 3.5}, "tilt", "write a whole number"),
        ({"tilt": True}, "tilt", "write a whole number"),
        ({"seq": -1}, "seq", "a sequence number is a whole number from 0 up"),
        ({"seq": 2**53}, "seq", "a sequence number is a whole number from 0 up"),
        ({"seq": "1.5"}, "seq", "a sequence number is a whole number from 0 up"),
        ({"at": "2026-11-22T13:05:00"}, "at", "write a time such as 2026-11-22T13:05:00Z"),
        ({"at": "2026-02-30T13:05:00Z"}, "at", "write a time that exists"),
        ({"at": "1970-01-01T00:00:00Z"}, "at", "check the logger's clock"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at", "write a time that exists"),
        ({"at": 1795352700}, "at", "write it as text"),
        ({"lat": "91", "lon": "0"}, "lat", "a latitude lies between -90 and 90 degrees"),
        ({"lat": "1"}, "lat, lon", "send both or neither"),
        ({"temp": "4"}, "“temp”", "found “a member that is not known”"),
    ],
)
def test_each_fault_names_the_reading_the_member_and_what_would_be_right(change, column, words):
    refusal = faults([GOOD, GOOD | {"seq": 8} | change])
    (problem,) = refusal.problems
    assert (problem.line, problem.column) == (2, column)
    assert words in str(problem)
    assert str(problem).startswith("Reading 2, ")
    assert refusal.status == 422


def test_every_fault_is_listed_up_to_fifty():
    refusal = faults([GOOD | {"seq": -1}] * 80)
    assert (len(refusal.problems), refusal.total) == (50, 80)
    assert "(and 79 more)" in refusal.message


def test_more_than_five_thousand_readings_are_too_many():
    assert len(batch(*[GOOD | {"seq": seq} for seq in range(5_000)])) == 5_000
    refusal = faults([GOOD] * 5_001)
    assert isinstance(refusal, TooLarge)
    assert refusal.status == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"null",
        b"[]",
        b"7",
        b'"readings"',
        b"{}",
        b'{"readings": []}',
        b'{"readings": {}}',
        b'{"readings": [1], "more": 2}',
        b'{"readings": [1], "readings": [2]}',
        b'{"readings": [{"seq": 1, "seq": 2}]}',
        b'{"readings": [NaN]}',
        b'{"readings": [null]}',
        b'{"readings": [{"seq": ' + b"9" * 5_000 + b"}]}",
        b'{"readings": [{"\\ud800": "\\udfff\\u0000"}]}',
        b"[" * 200_000,
        b'{"readings":' + b"[" * 100_000,
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"readings": [{"at": "=cmd|calc", "seq": 1, "tilt": 1, "temperature_c": "@x"}]}',
    ],
)
def test_what_is_no_batch_is_refused_in_words_that_can_be_sent_back(raw):
    refusal = faults(raw)
    assert refusal.problems
    for problem in refusal.problems:
        text = str(problem)
        text.encode()
        assert not any(ord(character) < 32 for character in text)
        assert problem.found[0] in "“n", "what was found stands in quotation marks, so no spreadsheet runs it"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROW = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(parse.MEMBERS), JSON)) | JSON


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, max_size=4))
def test_nothing_but_a_refusal_comes_of_nonsense(rows):
    problems, readings = (), []
    try:
        readings = parse.batch(json.dumps({"readings": rows}).encode())
    except BadReadings as refusal:
        problems = refusal.problems
    assert bool(problems) != bool(readings)
    assert len(readings) == (0 if problems else len(rows))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_nothing_but_a_refusal_comes_of_bytes(raw):
    with pytest.raises(BadReadings):
        parse.batch(raw)


@pytest.mark.parametrize(("sent", "g"), [(0, 0), (12, 12), ("1.2", 2), ("-30.01", 31), (None, None)])
def test_a_shock_is_whole_g_rounded_up_or_not_known(sent, g):
    (reading,) = batch(GOOD | ({} if sent is None else {"shock_g": sent}))
    assert reading.shock_g == g


@pytest.mark.parametrize("sent", ["x", "10001", 1.5, True])
def test_a_shock_that_is_none_is_refused(sent):
    assert "shock_g" in str([problem.column for problem in faults([GOOD | {"shock_g": sent}]).problems])
