"""A figure is never torn from its unit, and words beside it break as before."""

from decimal import Decimal

import pytest

from custody.protocols.document import Field
from portal.actions.step_form import control_for, limits_of
from portal.presenters.figures import unbroken


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("60 to 600 × 10⁶ cells", "60 to 600~×~10⁶~cells"),
        ("T cells 449 × 10⁶ cells, 500 to 30000 × 10⁶ cells", "T cells 449~×~10⁶~cells, 500 to 30000~×~10⁶~cells"),
        ("129 min outside 2 °C to 8 °C, 60 allowed", "129~min outside 2~°C to 8~°C, 60 allowed"),
        ("Viable cells 91.3 %, 85 to 100 %", "Viable cells 91.3~%, 85 to 100~%"),
        ("at least 0.8 × 10⁹/L", "at least 0.8~×~10⁹/L"),
        ("Viable cells 3 × 10⁶ cells/kg", "Viable cells 3~×~10⁶~cells/kg"),
        ("1 d 3 h late", "1~d 3~h late"),
        ("Record 5 mentions 3 dogs and 2 things", "Record 5 mentions 3 dogs and 2 things"),
    ],
)
def test_every_space_within_a_figure_holds(said, shown):
    assert unbroken(said).replace("\u00a0", "~") == shown
    assert unbroken(unbroken(said)) == unbroken(said)


def counted(unit):
    return Field("dose", "Dose", "decimal", unit, Decimal(60), Decimal(600), 0, (), None, True, False, "")


@pytest.mark.parametrize(("unit", "after"), [("10⁶ cells", "× 10⁶ cells"), ("mL", "mL"), ("", "")])
def test_beside_a_form_field_the_power_of_ten_stands_with_its_sign_once(unit, after):
    field = counted(unit)

    assert limits_of(field) == "60 to 600"
    assert control_for(field).unit == after
