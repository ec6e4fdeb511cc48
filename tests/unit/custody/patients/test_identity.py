"""The patient's identity: its rules, its normal form, and that it shows itself nowhere."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.patients.identity import (
    InvalidIdentity,
    PatientIdentity,
    checked,
    from_fields,
    normalise_record_number,
    to_fields,
)

TODAY = date(2026, 3, 1)
GOOD = PatientIdentity(
    given_name="Ngozi",
    family_name="O’Malley-Brandão",
    birth_date=date(1971, 5, 17),
    record_number="rn 4471-08",
    weight_kg=Decimal("68.50"),
    contact="+351 21 000 0000",
)


def test_a_good_identity_comes_back_in_its_normal_form():
    tidy = checked(replace(GOOD, given_name="  Ngozi   Ada ", family_name="Branda\u0303o"), today=TODAY)

    assert (tidy.given_name, tidy.family_name) == ("Ngozi Ada", "Brandão")
    assert tidy.record_number == "RN4471-08"
    assert tidy.full_name == "Ngozi Ada Brandão"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("given_name", ""),
        ("given_name", " .- "),
        ("family_name", "x" * 101),
        ("family_name", "Bran\u202edao"),
        ("birth_date", date(2026, 3, 1)),
        ("birth_date", date(2062, 1, 1)),
        ("birth_date", date(1905, 2, 28)),
        ("record_number", ""),
        ("record_number", "12"),
        ("record_number", "-1234"),
        ("record_number", "12'; DROP"),
        ("record_number", "1" * 21),
        ("weight_kg", Decimal("1.99")),
        ("weight_kg", Decimal("400.1")),
        ("weight_kg", Decimal("NaN")),
        ("weight_kg", Decimal("Infinity")),
        ("contact", "x" * 201),
    ],
)
def test_a_bad_value_is_refused_at_its_field(field, value):
    with pytest.raises(InvalidIdentity) as refused:
        checked(replace(GOOD, **{field: value}), today=TODAY)

    assert refused.value.field == field
    assert refused.value.status == 422
    # The words must not repeat what was typed: they are logged and audited.
    assert not value or str(value) not in refused.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birth_date", date(2026, 2, 28)),
        ("birth_date", date(1905, 3, 2)),
        ("birth_date", date(1906, 3, 1)),
        ("weight_kg", Decimal("2")),
        ("weight_kg", Decimal("400")),
        ("record_number", "1234"),
        ("given_name", "李"),
        ("contact", ""),
    ],
)
def test_values_at_the_limits_are_accepted(field, value):
    assert getattr(checked(replace(GOOD, **{field: value}), today=TODAY), field) == value


def test_it_shows_nothing_of_itself():
    shown = f"{GOOD!r} {GOOD!s} {GOOD} {[GOOD]}"

    assert not any(text in shown for text in ("Ngozi", "Malley", "1971", "4471", "68"))


@given(st.decimals(2, 400, places=2), st.dates(date(1910, 1, 1), date(2026, 2, 28)), st.text(max_size=30))
def test_fields_come_back_as_they_went(weight, birth_date, contact):
    identity = replace(GOOD, weight_kg=weight, birth_date=birth_date, contact=contact)

    assert from_fields(to_fields(identity)) == identity
    assert "E" not in to_fields(identity)["weight_kg"]


def test_record_numbers_are_compared_without_spaces_and_case():
    assert normalise_record_number(" rn 44\u00a071 ") == normalise_record_number("RN4471") == "RN4471"
