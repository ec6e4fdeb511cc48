from __future__ import annotations

import enum
import json
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto import canonical
from ledger.crypto.canonical import CanonicalError
from ledger.crypto.errors import VerificationError

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), json_values, max_size=5)


def test_strings_are_escaped_as_in_the_rfc(vectors):
    case = vectors["rfc8785"]["cases"][0]
    assert canonical.encode(json.loads(case["input"])).hex() == case["canonical_hex"]


def test_names_are_sorted_by_utf16_code_units(vectors):
    case = vectors["rfc8785"]["cases"][1]
    encoded = canonical.encode(json.loads(case["input"]))
    assert list(json.loads(encoded).values()) == case["order"]


@given(json_objects)
def test_what_is_encoded_decodes_to_the_same(value):
    assert canonical.decode(canonical.encode(value)) == value


@given(json_objects, st.randoms(use_true_random=False))
def test_order_of_insertion_changes_nothing(value, random):
    names = list(value)
    random.shuffle(names)
    assert canonical.encode({name: value[name] for name in names}) == canonical.encode(value)


@given(json_objects)
def test_spaced_or_escaped_writing_of_the_same_is_refused(value):
    exact = canonical.encode(value)
    for variant in (json.dumps(value, indent=1), json.dumps(value, separators=(",", ":"), ensure_ascii=True)):
        if variant.encode() != exact:
            with pytest.raises(CanonicalError):
                canonical.decode(variant.encode())


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"dose": 1.5}, r"\$\.dose is a float"),
        ({"dose": [1, 2.0]}, r"\$\.dose\[1\] is a float"),
        ({"a": float("nan")}, "is a float"),
        ({1: "one"}, "the key 1, which is not a string"),
        ({"n": 2**53}, "beyond 2\\^53-1"),
        ({"n": -(2**53)}, "beyond 2\\^53-1"),
        ({"d": Decimal("1")}, "of type Decimal"),
        ({"d": b"bytes"}, "of type bytes"),
        ({"d": Colour.RED}, "of type Colour"),
        ({"d": {1, 2}}, "of type set"),
        ({"d": "\ud800"}, r"\$\.d holds half of a surrogate pair"),
        ({"\ud800": 1}, "half of a surrogate pair"),
    ],
)
def test_what_json_readers_would_disagree_on_is_refused(value, reason):
    with pytest.raises(CanonicalError, match=reason):
        canonical.encode(value)


def test_the_largest_safe_integers_are_kept():
    value = {"max": 2**53 - 1, "min": -(2**53 - 1)}
    assert canonical.decode(canonical.encode(value)) == value


def test_endless_nesting_is_refused_and_not_crashed_on():
    endless: list = []
    endless.append(endless)
    with pytest.raises(CanonicalError, match="levels deep"):
        canonical.encode({"a": endless})


def test_a_document_may_have_65535_bytes_and_no_more():
    fitting = canonical.encode({"a": "x" * (canonical.MAX_BYTES - len('{"a":""}'))})
    assert len(fitting) == 65_535
    assert canonical.decode(fitting)
    with pytest.raises(CanonicalError, match="65536 bytes; at most 65535"):
        canonical.decode(fitting[:-2] + b'x"}')


def test_an_error_of_form_is_a_verification_error():
    with pytest.raises(VerificationError):
        canonical.decode(b"[]")


@pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b'{"a":{"b":1,"b":1}}', b'{"a":1,"\\u0061":1}'])
def test_a_name_that_stands_twice_is_given_as_the_reason(data):
    with pytest.raises(CanonicalError, match="stands twice"):
        canonical.decode(data)


@given(json_objects)
def test_both_writers_agree_on_every_value(value):
    assert canonical.encode(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1f", "\x7f", "\x80", '"', "\\", "/", "\u2028", "\ud7ff", "\ue000", "\uffff", "😀"]
)
def test_both_writers_agree_on_every_kind_of_character(character):
    value = {character: character, "\ue000" + character: 1, "😀" + character: [character, {character: None}]}

    assert canonical.encode(value) == rfc8785.dumps(value)
    assert canonical.decode(rfc8785.dumps(value)) == value


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
awkward = st.sampled_from(
    [
        "1.5",
        "-0",
        "1e3",
        "9007199254740992",
        "[1.0]",
        '",1.5"',
        '":1.5"',
        "12345678901234567",
        "[9007199254740992]",
        "[[1,2.5]]",
    ]
)


def _read(reader, data):
    try:
        return reader(data)
    except CanonicalError:
        return None


@given(st.dictionaries(st.text(max_size=6), any_json, max_size=3), st.booleans())
def test_the_quick_reader_takes_nothing_that_the_strict_one_refuses(value, sort):
    text = json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False)
    data = text.encode("utf-8", errors="surrogatepass")
    assert _read(canonical.decode, data) == _read(canonical._read_strictly, data)


@given(
    awkward,
    st.sampled_from(
        ['{"a":%s}', '{"a":[%s]}', '{"a":[0,%s]}', '{"a":{"b":%s}}', '{"a":"%s"}', '{"%s":1}', '{"a":1,"a":%s}']
    ),
)
def test_numbers_of_another_kind_are_refused_wherever_they_stand(number, place):
    data = (place % number).encode()
    assert _read(canonical.decode, data) == _read(canonical._read_strictly, data)
