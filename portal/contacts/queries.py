"""Whom to call. Every member may know how the others are reached, so these take no actor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from custody.therapies.queries import Journey
from ledger.parties.actor import Actor
from portal.contacts.models import DutyNumber
from portal.contacts.rules import uri_of


@dataclass(frozen=True, slots=True)
class DutyLine:
    """An organisation and its duty number; without one `number` is empty."""

    party: UUID
    name: str
    desk: str
    number: str

    @property
    def uri(self) -> str:
        """What a telephone calls."""
        return uri_of(self.number)


def duty_numbers(parties: Iterable[UUID | None], names: Mapping[UUID, str]) -> list[DutyLine]:
    """These organisations in this order, each once, with their numbers; one query."""
    wanted = [party for party in dict.fromkeys(parties) if party is not None and party in names]
    held = {row.party_id: row for row in DutyNumber.objects.filter(party__in=wanted)}
    return [
        DutyLine(party, names[party], held[party].desk, held[party].number)
        if party in held
        else DutyLine(party, names[party], "", "")
        for party in wanted
    ]


def numbers_of_others(parties: Iterable[UUID | None], names: Mapping[UUID, str], by: Actor) -> dict[UUID, DutyLine]:
    """The numbers of these organisations, save of the actor's own; one query, however many there are."""
    return {one.party: one for one in duty_numbers([one for one in parties if one != by.party], names)}


def numbers_of(journey: Journey, names: Mapping[UUID, str], *first: UUID | None) -> list[DutyLine]:
    """Whom to call about a therapy: `first`, who holds the cells, who is to take them, then centre and maker."""
    custody = journey.state["custody"]
    assert isinstance(custody, dict)
    offered = (custody["offer"] or {}).get("to")
    now = [UUID(party) if party else None for party in (custody["holder"], offered)]
    return duty_numbers([*first, *now, journey.therapy.centre, journey.therapy.maker], names)


def duty_number(party: UUID) -> DutyNumber | None:
    """The number that an organisation has set, or None."""
    return DutyNumber.objects.filter(party=party).first()
