"""Which person of a courier has a shipper, and how a colleague takes it over: custody on the road is personal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from custody.transport.queries import ShipmentLine
from ledger.parties.actor import Actor
from portal.accounts.queries import names_of

UNNAMED = "A colleague"


@dataclass(frozen=True, slots=True)
class ColleagueView:
    """A colleague who has the shipper. `take_url` is where the reader takes it over, empty while it is not offered."""

    name: str
    take_url: str

    @property
    def finding(self) -> str:
        return f"{self.name} has this shipper."

    @property
    def refusal(self) -> str:
        """What is said to somebody else who would hand it on."""
        return f"{self.finding} Take it over first."


def may_pass_on(colleague: ColleagueView | None, by: Actor) -> bool:
    """Who has the shipper passes it on; the dispatcher does it where that person cannot."""
    return colleague is None or by.role == "dispatcher"


def may_keep(line: ShipmentLine, by: Actor) -> bool:
    """Who offered it to colleagues or has the shipper takes it back when nobody took over; and the dispatcher does."""
    return by.role == "dispatcher" or by.person in {line.offered_by, line.person}


def holders_of(lines: Iterable[ShipmentLine | None]) -> dict[UUID, str]:
    """The names of the people who have these shipments; one query, however many there are."""
    return names_of({line.person for line in lines if line is not None and line.person is not None})


def colleague_with(line: ShipmentLine | None, by: Actor, people: Mapping[UUID, str]) -> ColleagueView | None:
    """The colleague who has this shipment; None when it is the reader, another organisation, or nobody by name."""
    if line is None or line.holder != by.party or line.person in {None, by.person}:
        return None
    offered = line.offered_to == by.party and line.offered_by != by.person and by.may("handoff.accept")
    take_url = reverse("transfer_take", args=[line.handoff]) if offered else ""
    return ColleagueView(people.get(line.person, UNNAMED) if line.person else UNNAMED, take_url)
