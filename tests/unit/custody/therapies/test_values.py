"""What people type, in its canonical form, or a sentence that says what would be right."""

import json
from pathlib import Path

import pytest

from custody.protocols.document import read
from custody.therapies.values import ValuesRefused, check

PROTOCOL = read(json.loads((Path(__file__).parents[4] / "protocols" / "cd19-fresh.json").read_text()))
COLLECT = PROTOCOL.step("collect")


def _given(**changes):
    values = {field.code: "100" if field.kind == "decimal" else "x" for field in COLLECT.fields if field.required}
    for field in COLLECT.fields:
        if field.code in values and field.kind == "decimal" and field.high is not None:
            values[field.code] = str(field.high)
        if field.code in values and field.kind in {"choice", "check"}:
            values[field.code] = field.expected or (field.choices[0] if field.choices else "yes")
    return values | {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("12.5", "12.5"), ("12,5", "12.5"), (" 12.50 ", "12.5"), ("10", "10"), ("010", "10")],
)
def test_numbers_have_one_form(typed, kept):
    assert check(COLLECT, _given(nucleated_cells=typed)).values["nucleated-cells"] == kept


@pytest.mark.parametrize("typed", ["", "a lot", "1e3", "NaN", "--3", "1.2.3", "١٢٠", "120 mL", "1,234.5", "∞"])
def test_what_is_no_plain_number_is_named(typed):
    with pytest.raises(ValuesRefused) as refused:
        check(COLLECT, _given(volume=typed))
    assert set(refused.value.errors) == {"volume"}
    assert refused.value.field == "volume"


def test_out_of_limits_is_kept_and_said_with_the_limit():
    checked = check(COLLECT, _given(volume="500"))

    assert checked.values["volume"] == "500"
    assert "50 to 400" in checked.out_of_limits["volume"]


def test_a_sensitive_value_never_stands_in_the_finding():
    step = PROTOCOL.step("test-viability")

    checked = check(step, {step.fields[0].code: "71.5"} | {f.code: "x" for f in step.fields[1:] if f.required})

    sentence = next(iter(checked.out_of_limits.values()))
    assert "71.5" not in sentence
    assert "80" in sentence


def test_unknown_fields_are_refused():
    with pytest.raises(ValuesRefused):
        check(COLLECT, _given() | {"colour": "red"})
