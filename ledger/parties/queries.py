"""Members of the consortium. Every member may know who the others are, so these take no actor."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ledger.errors import NotFound
from ledger.parties.models import Party


class PartyUnknown(NotFound):
    """There is no such member."""


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolled organisation. Place in millionths of a degree."""

    id: UUID
    code: str
    name: str
    kind: str
    country: str
    city: str
    time_zone: str
    latitude_e6: int
    longitude_e6: int


_known: dict[UUID, Member] = {}
"""A member's facts never change once they are recorded, so they are kept for the life of the process."""


def parties(kind: str | None = None) -> list[Member]:
    """Every member, or those of one kind, by name."""
    rows = Party.objects.filter(kind=kind) if kind else Party.objects.all()
    return [_remember(row) for row in rows.order_by("name")]


def party(identifier: UUID) -> Member:
    """The member with this identifier. Raises PartyUnknown."""
    if identifier not in _known:
        row = Party.objects.filter(pk=identifier).first()
        if row is None:
            raise PartyUnknown(f"No member {identifier} is enrolled.")
        return _remember(row)
    return _known[identifier]


def party_coded(code: str) -> Member:
    """The member with this code. Raises PartyUnknown."""
    row = Party.objects.filter(code=code).first()
    if row is None:
        raise PartyUnknown(f"No member with the code {code} is enrolled.")
    return _remember(row)


def name_of(identifier: UUID) -> str:
    """The member's name, for screens; its identifier when nobody knows it."""
    try:
        return party(identifier).name
    except PartyUnknown:
        return str(identifier)


def forget() -> None:
    """Drop what is kept; tests that rebuild the database call it."""
    _known.clear()


def party_names() -> dict[UUID, str]:
    """Every member's name, by identifier."""
    return {member.id: member.name for member in parties()}


def party_places() -> dict[UUID, str]:
    """Where every member is, by identifier: `Utrecht, NL`."""
    return {member.id: f"{member.city}, {member.country}" for member in parties()}


def _remember(row: Party) -> Member:
    member = Member(
        id=row.id,
        code=row.code,
        name=row.name,
        kind=row.kind,
        country=row.country,
        city=row.city,
        time_zone=row.time_zone,
        latitude_e6=row.latitude_e6,
        longitude_e6=row.longitude_e6,
    )
    _known[row.id] = member
    return member
