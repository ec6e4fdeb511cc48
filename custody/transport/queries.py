"""Reading shipments: what is on the road, who holds it, what its logger said last. No patient data and no values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from custody.protocols.document import Leg, Protocol
from custody.protocols.freshness import fresh_for
from custody.telemetry.models import Device, Reading
from custody.therapies.queries import UNKNOWN_STATE, TherapyLine, line_for, protocol_by_digest, visible
from custody.therapies.steps import TherapyNotFound
from custody.transport.codes import plain
from custody.transport.models import Handoff, HandoffStatus, Shipment
from custody.transport.operations import HandoffAlreadySettled, HandoffUnknown, arrival_due
from ledger.clock import parse_stamp
from ledger.log.models import Chain
from ledger.parties.actor import Actor


@dataclass(frozen=True, slots=True)
class LastReading:
    """What a logger said last: hundredths of a degree Celsius, whole degrees of tilt."""

    at: datetime
    temperature_c100: int
    tilt_degrees: int


@dataclass(frozen=True, slots=True)
class Late:
    """A delay that is open: when the courier expects to arrive, and when it was due."""

    expected_at: datetime
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class ShipmentLine:
    """A shipment under way. `offered_to` is the organisation that a hand-over waits for, if one is open.

    `handoff` is that hand-over's identifier, `offered_by` who offered it. `person` is who of a courier has it, None
    where its records name nobody. `late` is what the courier said last of its arrival.
    """

    therapy: TherapyLine
    leg: Leg
    logger: str
    container: str
    packed_at: datetime
    origin: UUID | None
    destination: UUID | None
    holder: UUID | None
    person: UUID | None
    offered_to: UUID | None
    handoff: UUID | None
    offered_by: UUID | None
    late: Late | None
    last: LastReading | None
    fresh_until: datetime | None = None

    @property
    def hold_ends_at(self) -> datetime:
        """Until when the cells keep: by the container's hours, and for fresh cells by those since the collection."""
        container = self.packed_at + timedelta(hours=self.leg.hold_max_hours)
        return container if self.fresh_until is None else min(container, self.fresh_until)

    @property
    def is_fresh(self) -> bool:
        """Whether it is the hours since the collection that count."""
        return self.fresh_until is not None and self.fresh_until == self.hold_ends_at

    @property
    def is_outside(self) -> bool:
        """Whether the last reading lies outside the leg's band."""
        return self.last is not None and not self.leg.low_c100 <= self.last.temperature_c100 <= self.leg.high_c100

    def is_silent(self, at: datetime) -> bool:
        """Whether nothing was heard for longer than the leg allows."""
        return at - (self.last.at if self.last else self.packed_at) > timedelta(minutes=self.leg.gap_max_minutes)


@dataclass(frozen=True, slots=True)
class TransferOffer:
    """A hand-over on the way that waits for the actor's organisation: only what the receiver needs to compare."""

    handoff: UUID
    therapy: UUID
    coi: str
    call_name: str
    leg: Leg
    giver: UUID
    container: str
    seal: str
    offered_at: datetime
    offered_by: UUID


@dataclass(frozen=True, slots=True)
class LoggerLine:
    """A logger of the actor's organisation and where it is. Without a shipment it is free."""

    id: UUID
    serial: str
    registered_at: datetime
    shipment: ShipmentLine | None
    contradictions: int


def on_the_road(*, by: Actor) -> list[ShipmentLine]:
    """Shipments not received yet that the actor's organisation has to do with, the soonest to run out first.

    A courier sees the legs that it carries. Three queries, however many shipments there are.
    """
    lines = _lines(_under_way().filter(therapy__in=visible(by)), by)
    return sorted(lines, key=lambda line: line.hold_ends_at)


def shipment_under_way(*, therapy: UUID, by: Actor) -> ShipmentLine | None:
    """The therapy's shipment that is under way, or None. Raises TherapyNotFound."""
    if not visible(by).filter(pk=therapy).exists():
        raise TherapyNotFound("There is no such therapy for your organisation.")
    return next(iter(_lines(_under_way().filter(therapy_id=therapy), by)), None)


def arrival_due_at(*, therapy: UUID, by: Actor) -> datetime:
    """When the therapy's shipment under way has to arrive. Raises TherapyNotFound."""
    row = visible(by).filter(pk=therapy).first()
    if row is None:
        raise TherapyNotFound("There is no such therapy for your organisation.")
    return arrival_due(_states([therapy])[therapy], protocol_by_digest(row.protocol_digest))


def seal_of(*, therapy: UUID, by: Actor) -> str:
    """The seal on record of a packed shipment; empty when nothing is packed. Raises TherapyNotFound."""
    if not visible(by).filter(pk=therapy).exists():
        raise TherapyNotFound("There is no such therapy for your organisation.")
    return str(_states([therapy])[therapy]["custody"]["seal"] or "")


def therapy_in(*, container: str, by: Actor) -> UUID | None:
    """The therapy that travels in this shipper now, of those that this actor may see."""
    rows = (
        _under_way().filter(container__iexact=container.strip(), therapy__in=visible(by)).order_by("-packed_at", "id")
    )
    return rows.values_list("therapy_id", flat=True).first()


def is_anothers(*, kind: str, scanned: str, therapy: UUID) -> bool:
    """Whether this shipper or seal is under way for another therapy. Tells nothing but that."""
    under_way = Shipment.objects.filter(received_at=None, therapy__status="active").exclude(therapy_id=therapy)
    codes = under_way.values_list("container" if kind == "shipper" else "seal", flat=True)
    return plain(scanned) in {plain(code) for code in codes}


def transfers_offered(*, by: Actor) -> list[TransferOffer]:
    """Hand-overs on the way that wait for the actor's organisation, the oldest first.

    None that the actor offered, and none of a shipper that they have.
    """
    rows = Handoff.objects.filter(receiver_id=by.party, status=HandoffStatus.OFFERED).select_related("therapy")
    rows = rows.exclude(offered_by=by.person)
    found = list(rows.order_by("offered_at", "id"))
    states = _states(row.therapy_id for row in found)
    return [
        _transfer(row, state)
        for row in found
        if _is_transfer(row, state := states[row.therapy_id]) and state["custody"].get("person") != str(by.person)
    ]


def transfer_offered(*, handoff: UUID, by: Actor) -> TransferOffer:
    """One of them. Raises HandoffAlreadySettled, HandoffUnknown."""
    found = next((offer for offer in transfers_offered(by=by) if offer.handoff == handoff), None)
    if found is not None:
        return found
    settled = Handoff.objects.filter(pk=handoff, receiver_id=by.party).exclude(status=HandoffStatus.OFFERED)
    if settled.exists():
        raise HandoffAlreadySettled(
            "This hand-over is not open any more: it was taken over, refused, or kept by who offered it. Your list of "
            "jobs says where the shipper is."
        )
    raise HandoffUnknown("This hand-over is not open any more, or it is not for your organisation.")


def loggers(*, by: Actor, contradictions: Mapping[UUID, int]) -> list[LoggerLine]:
    """The organisation's loggers by serial number, each with the shipment that it travels on.

    `contradictions` counts, by device, what `telemetry.queries.devices` found.
    """
    rows = list(Device.objects.filter(party_id=by.party, kind="logger").order_by("serial"))
    used = {line.logger: line for line in _lines(_under_way().filter(logger_id__in=[row.id for row in rows]), None)}
    return [
        LoggerLine(row.id, row.serial, row.registered_at, used.get(row.serial), contradictions.get(row.id, 0))
        for row in rows
    ]


def _under_way() -> QuerySet[Shipment]:
    heard = Reading.objects.filter(device_id=OuterRef("logger_id"), at__gte=OuterRef("packed_at")).order_by("-at")
    return (
        Shipment.objects.filter(received_at=None, therapy__status="active")
        .select_related("therapy")
        .annotate(
            heard_at=Subquery(heard.values("at")[:1]),
            heard_c100=Subquery(heard.values("temperature_c100")[:1]),
            heard_tilt=Subquery(heard.values("tilt_degrees")[:1]),
        )
    )


def _lines(rows: Iterable[Any], by: Actor | None) -> list[ShipmentLine]:
    """`by` None: whoever the logger belongs to may know where it is."""
    rows = list(rows)
    states = _states(row.therapy_id for row in rows)
    serials = dict(Device.objects.filter(pk__in={row.logger_id for row in rows}).values_list("id", "serial"))
    lines = []
    for row in rows:
        protocol = protocol_by_digest(row.therapy.protocol_digest)
        leg, state = protocol.leg(row.leg), states[row.therapy_id]
        parties = state["parties"]
        if by is not None and by.party_kind == "courier" and str(by.party) not in _carriers(protocol, leg, parties):
            continue
        custody = state["custody"]
        lines.append(
            ShipmentLine(
                therapy=line_for(row.therapy, by),
                leg=leg,
                logger=serials.get(row.logger_id, ""),
                container=row.container,
                packed_at=row.packed_at,
                origin=_party(parties.get(leg.origin)),
                destination=_party(parties.get(leg.destination)),
                holder=_party(custody["holder"]),
                person=_party(custody.get("person")),
                offered_to=_party(custody["offer"]["to"]) if custody["offer"] else None,
                handoff=_party(custody["offer"]["id"]) if custody["offer"] else None,
                offered_by=_party(custody["offer"]["person"]) if custody["offer"] else None,
                late=_late(state["exceptions"].values(), leg),
                last=LastReading(row.heard_at, row.heard_c100, row.heard_tilt) if row.heard_at else None,
                fresh_until=_fresh_until(row, protocol, leg),
            )
        )
    return lines


def _late(exceptions: Iterable[Mapping[str, Any]], leg: Leg) -> Late | None:
    """What was said last of the arrival on this leg; delays reported before times were asked for say nothing."""
    told = [one for one in exceptions if one.get("said_at") and one["leg"] == leg.code]
    if not told:
        return None
    last = max(told, key=lambda one: str(one["said_at"]))
    return Late(parse_stamp(last["expected_at"]), parse_stamp(last["planned_at"]))


def _fresh_until(row: Shipment, protocol: Protocol, leg: Leg) -> datetime | None:
    fresh, collected_at = fresh_for(protocol, leg), row.therapy.collected_at
    return collected_at + fresh if fresh is not None and collected_at is not None else None


def _states(therapies: Iterable[UUID]) -> dict[UUID, Any]:
    rows = Chain.objects.filter(kind="therapy", subject__in=set(therapies)).values_list("subject", "state")
    return {subject: {**UNKNOWN_STATE, **state} for subject, state in rows}


def _carriers(protocol: Protocol, leg: Leg, parties: Mapping[str, str]) -> set[str | None]:
    """The organisations that carry on a leg: who accepts on it without being its destination."""
    capacities = {step.party for step in protocol.steps if step.kind == "accept" and step.leg == leg.code}
    return {parties.get(capacity) for capacity in capacities - {leg.destination}}


def _is_transfer(row: Handoff, state: Mapping[str, Any]) -> bool:
    """A hand-over that is no step of the protocol, and still the one that is open."""
    offer = state["custody"]["offer"]
    return offer is not None and offer["id"] == str(row.id) and offer["step"] is None


def _transfer(row: Handoff, state: Mapping[str, Any]) -> TransferOffer:
    return TransferOffer(
        handoff=row.id,
        therapy=row.therapy_id,
        coi=row.therapy.coi,
        call_name=row.therapy.call_name,
        leg=protocol_by_digest(row.therapy.protocol_digest).leg(row.leg),
        giver=row.giver_id,
        container=str(state["custody"]["container"]),
        seal=str(state["custody"]["seal"]),
        offered_at=row.offered_at,
        offered_by=row.offered_by,
    )


def _party(text: str | None) -> UUID | None:
    return UUID(text) if text else None
