"""Encodings into the field: one fact, one number."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs.field import (
    FIELD,
    encode_code,
    encode_digest,
    encode_uuid,
    format_element,
    new_salt,
    parse_element,
)


@given(st.integers(0, FIELD - 1))
def test_an_element_survives_its_text(value: int) -> None:
    assert parse_element(format_element(value)) == value


@pytest.mark.parametrize("text", ["", "01", "+1", "-1", " 1", "1 ", "1e3", "0x1", "١", str(FIELD), "9" * 79, None, 5])
def test_other_spellings_of_numbers_are_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_element(text)  # type: ignore[arg-type]


@given(st.sets(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,29}", fullmatch=True), min_size=2, max_size=20))
def test_different_codes_are_different_elements(codes: set[str]) -> None:
    assert len({encode_code(code) for code in codes}) == len(codes)
    assert all(0 < encode_code(code) < FIELD for code in codes)


@pytest.mark.parametrize("code", ["", "Pack", "a" * 31, "-a", "a b", "é", "a\n", "\0a"])
def test_codes_outside_the_alphabet_are_refused(code: str) -> None:
    with pytest.raises(ValueError):
        encode_code(code)


def test_uuid_and_digest_are_big_endian() -> None:
    assert encode_uuid(UUID(int=258)) == 258
    assert encode_digest(bytes(30) + b"\x07\xff") == 7
    with pytest.raises(ValueError):
        encode_digest(bytes(31))


def test_salts_differ_and_fit() -> None:
    salts = {new_salt() for _ in range(50)}
    assert len(salts) == 50
    assert max(salts) < 2**248
