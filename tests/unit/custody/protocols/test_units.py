"""Figures stand before their unit as the trade writes them."""

import pytest

from custody.protocols.parts import with_unit


@pytest.mark.parametrize(
    ("figures", "unit", "written"),
    [
        ("182.5", "mL", "182.5 mL"),
        ("60 to 600", "10⁶ cells", "60 to 600 × 10⁶ cells"),
        ("at least 0.8", "10⁹/L", "at least 0.8 × 10⁹/L"),
        ("at most 3", "", "at most 3"),
        ("no", "", "no"),
    ],
)
def test_a_power_of_ten_is_multiplied(figures: str, unit: str, written: str) -> None:
    assert with_unit(figures, unit) == written
