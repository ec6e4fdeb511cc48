"""Who looked: every opening of a patient's identity by a person is written down in the same request, for good.

A page that fetches itself again as the ledger moves shows the same names to the same person: on such lists one look of
a person at a patient within TOGETHER_SECONDS is one row. Every other opening is a row of its own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from uuid import UUID

from custody.patients.models import Patient, PatientAccess
from ledger.parties.actor import Actor

TOGETHER_SECONDS = 600
MOST_REMEMBERED = 20_000
LISTS = frozenset({"worklist"})
_seen: dict[tuple[UUID, UUID, UUID, str], float] = {}
_way: ContextVar[str] = ContextVar("needlepoint_access_way", default="worklist")


@dataclass(frozen=True, slots=True)
class Look:
    """One opening, as the centre reads it."""

    patient: UUID
    person: UUID
    party: UUID
    role: str
    way: str
    purpose: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LookGroup:
    """What one person opened in one way, for one purpose, on one day: `looks` has each opening, the last first."""

    day: date
    looks: tuple[Look, ...]

    @property
    def first_at(self) -> datetime:
        return self.looks[-1].at

    @property
    def last_at(self) -> datetime:
        return self.looks[0].at

    @property
    def patients(self) -> tuple[UUID, ...]:
        """Whose identity was opened, each once."""
        return tuple(dict.fromkeys(one.patient for one in self.looks))


@contextmanager
def opened_for(way: str) -> Iterator[None]:
    """What is opened within is opened for this: `journey`, `search`, `order`…"""
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


def note(*, by: Actor, patients: Collection[UUID], centre: UUID, way: str = "", purpose: str = "") -> None:
    """Write down that a person is shown who these patients are; one statement at most. Software is no person."""
    if by.method == "system" or not patients:
        return
    way = way or _way.get()
    wanted = _not_just_seen(by, patients, way) if way in LISTS else patients
    PatientAccess.objects.bulk_create(
        PatientAccess(
            patient_id=patient,
            centre=centre,
            person=by.person,
            party=by.party,
            role=by.role,
            way=way,
            purpose=purpose[:60],
        )
        for patient in wanted
    )


def forget() -> None:
    """Take no look for a repeated one; tests call it."""
    _seen.clear()


def looks_at(patient: UUID, *, limit: int) -> list[Look]:
    """Who opened this patient's identity, the last first; the caller has checked who may ask."""
    return _looks(PatientAccess.objects.filter(patient_id=patient).order_by("-at")[:limit])


def looks_of_centre(centre: UUID, *, limit: int, offset: int = 0) -> list[Look]:
    """Who opened identities of this centre's patients, the last first."""
    return _looks(PatientAccess.objects.filter(centre=centre).order_by("-at")[offset : offset + limit])


def together(looks: Iterable[Look], zone: tzinfo) -> list[LookGroup]:
    """Openings, the last first, put together by person, role, way, purpose and day of this zone; the last looked first.

    A page that is opened again and again is one line then, and nothing that was opened is left out.
    """
    found: dict[tuple[object, ...], list[Look]] = {}
    for one in looks:
        day = one.at.astimezone(zone).date()
        found.setdefault((one.person, one.party, one.role, one.way, one.purpose, day), []).append(one)
    return [LookGroup(each[0].at.astimezone(zone).date(), tuple(each)) for each in found.values()]


def centre_of(patient: UUID) -> UUID | None:
    return Patient.objects.filter(pk=patient).values_list("centre_id", flat=True).first()


def _looks(rows: Iterable[PatientAccess]) -> list[Look]:
    return [Look(row.patient_id, row.person, row.party, row.role, row.way, row.purpose, row.at) for row in rows]


def _not_just_seen(by: Actor, patients: Collection[UUID], way: str) -> list[UUID]:
    moment = time.monotonic()
    if len(_seen) > MOST_REMEMBERED:
        _seen.clear()
    fresh = []
    for patient in dict.fromkeys(patients):
        place = (by.person, by.party, patient, way)
        if moment - _seen.get(place, -TOGETHER_SECONDS) >= TOGETHER_SECONDS:
            _seen[place] = moment
            fresh.append(patient)
    return fresh
