"""Who a patient is: the value that only the centre sees, and the rules for its fields. Pure.

Its `repr` shows nothing, so that no log, error page or test report can.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal

from ledger.errors import BadInput

MAX_AGE_YEARS = 120
MAX_NAME_LENGTH = 100
MAX_CONTACT_LENGTH = 200
MIN_WEIGHT_KG, MAX_WEIGHT_KG = Decimal(2), Decimal(400)
# Letters, digits and the separators that hospitals print; 4 to 20 characters, a letter or digit at each end.
RECORD_NUMBER = re.compile(r"[A-Z0-9](?:[A-Z0-9./-]{2,18})[A-Z0-9]")


class InvalidIdentity(BadInput):
    """A field of the patient's identity cannot be right."""


@dataclass(frozen=True, slots=True, repr=False)
class PatientIdentity:
    """What identifies a patient. Weight in kilograms, as weighed, None once erased; `contact` may be empty."""

    given_name: str
    family_name: str
    birth_date: date
    record_number: str
    weight_kg: Decimal | None
    contact: str = ""

    def __repr__(self) -> str:
        return "PatientIdentity(…)"

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(PatientIdentity))


def normalise_record_number(text: str) -> str:
    """The record number as it is compared: no spaces, capitals, Unicode NFKC."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def checked(identity: PatientIdentity, *, today: date) -> PatientIdentity:
    """The identity in its normal form. Raises InvalidIdentity, whose `field` names what to mend."""
    found = faults(identity, today=today)
    if found:
        field, sentence = next(iter(found.items()))
        raise InvalidIdentity(sentence, field=field)
    return replace(
        identity,
        given_name=_name(identity.given_name, "given_name", "given name"),
        family_name=_name(identity.family_name, "family_name", "family name"),
        record_number=normalise_record_number(identity.record_number),
        contact=_printable(identity.contact, "contact", "contact"),
    )


def faults(identity: PatientIdentity, *, today: date) -> dict[str, str]:
    """What cannot be right, by field, all of it at once: each with the sentence that says what would be."""
    found: dict[str, str] = {}
    checks: tuple[Callable[[], object], ...] = (
        lambda: _name(identity.given_name, "given_name", "given name"),
        lambda: _name(identity.family_name, "family_name", "family name"),
        lambda: _contact(identity.contact),
        lambda: _born(identity.birth_date, today),
        lambda: _number(normalise_record_number(identity.record_number)),
        lambda: _weight(identity.weight_kg),
    )
    for check in checks:
        try:
            check()
        except InvalidIdentity as fault:
            found[str(fault.field)] = fault.message
    return found


def to_fields(identity: PatientIdentity) -> dict[str, str]:
    """Each field as text, as it is sealed: ISO 8601 date, plain decimal weight."""
    return {
        "given_name": identity.given_name,
        "family_name": identity.family_name,
        "birth_date": identity.birth_date.isoformat(),
        "record_number": identity.record_number,
        "weight_kg": f"{identity.weight_kg.normalize():f}" if identity.weight_kg is not None else "",
        "contact": identity.contact,
    }


def from_fields(values: Mapping[str, str]) -> PatientIdentity:
    """The identity that `to_fields` wrote, or what an erasure has left of it."""
    return PatientIdentity(
        given_name=values["given_name"],
        family_name=values["family_name"],
        birth_date=date.fromisoformat(values["birth_date"]),
        record_number=values["record_number"],
        weight_kg=Decimal(weight) if (weight := values.get("weight_kg")) else None,
        contact=values.get("contact", ""),
    )


def _name(text: str, field: str, label: str) -> str:
    tidy = _printable(text, field, label)
    if not any(character.isalpha() for character in tidy):
        raise InvalidIdentity(f"Enter the patient's {label}.", field=field)
    if len(tidy) > MAX_NAME_LENGTH:
        raise InvalidIdentity(f"Shorten the {label} to {MAX_NAME_LENGTH} characters.", field=field)
    return tidy


def _born(birth_date: date, today: date) -> None:
    if birth_date >= today:
        raise InvalidIdentity("The birth date must lie in the past. Check the year.", field="birth_date")
    if _years_between(birth_date, today) > MAX_AGE_YEARS:
        raise InvalidIdentity(
            f"The birth date lies more than {MAX_AGE_YEARS} years ago. Check the year.", field="birth_date"
        )


def _number(record_number: str) -> None:
    if not RECORD_NUMBER.fullmatch(record_number):
        raise InvalidIdentity(
            "A record number has 4 to 20 letters or digits, with . / - between them. "
            "Type it as it stands on the wristband.",
            field="record_number",
        )


def _weight(kilograms: Decimal | None) -> None:
    if kilograms is None or not kilograms.is_finite() or not MIN_WEIGHT_KG <= kilograms <= MAX_WEIGHT_KG:
        raise InvalidIdentity(
            f"The weight must lie between {MIN_WEIGHT_KG} and {MAX_WEIGHT_KG} kg. The dose depends on it: weigh again.",
            field="weight_kg",
        )


def _contact(contact: str) -> None:
    if len(_printable(contact, "contact", "contact")) > MAX_CONTACT_LENGTH:
        raise InvalidIdentity(f"Shorten the contact to {MAX_CONTACT_LENGTH} characters.", field="contact")


def _printable(text: str, field: str, label: str) -> str:
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    # Control and formatting characters (category C) could hide or turn round what a label shows.
    if any(unicodedata.category(character).startswith("C") for character in tidy):
        raise InvalidIdentity(f"The {label} holds a character that cannot be printed. Type it again.", field=field)
    return tidy


def _years_between(earlier: date, later: date) -> int:
    return later.year - earlier.year - ((later.month, later.day) < (earlier.month, earlier.day))
