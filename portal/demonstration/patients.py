"""Invented patients. Names are drawn from lists and mean nobody."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from custody.patients.identity import PatientIdentity

GIVEN = """
    Aaltje Bas Carine Douwe Emiel Femke Gijs Hanna Ivo Jette Kees Lieke Maarten Nienke Otto Petra Quinten Roos Sjoerd
    Tineke Ursula Victor Wilma Xander Yara Zoe Alistair Bethan Callum Dilys Edmund Fiona Graham Hilary Isla Jolyon
""".split()  # noqa: SIM905
FAMILY = """
    Aarden Brink Coster Dekema Elsinga Faber Groothuis Hoekstra Ibsen Jorna Kalma Lammers Meinema Nauta Oosting
    Postma Quist Reitsma Sikkema Terpstra Uiterwijk Veldman Wierda Ypma Zijlstra Ashdown Birtles Cray Dunmore Elphick
""".split()  # noqa: SIM905


def invented(number: int, today: date) -> PatientIdentity:
    """The demonstration's patient with this number; the same number gives the same patient."""
    source = Random(f"patient {number}")  # noqa: S311  a demonstration, no secret
    age_days = source.randint(6 * 365, 78 * 365)
    weight = Decimal(source.randint(220, 1010)) / 10 if age_days < 16 * 365 else Decimal(source.randint(480, 1040)) / 10
    return PatientIdentity(
        given_name=GIVEN[number % len(GIVEN)],
        family_name=FAMILY[(number * 7) % len(FAMILY)],
        birth_date=today - timedelta(days=age_days),
        record_number=f"LN-{200_000 + number * 37}",
        weight_kg=weight,
        contact=f"+31 20 555 {number:04d}",
    )
