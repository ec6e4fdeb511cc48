"""Reading what the loggers said: for the organisations of the therapy, and for the regulator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any
from uuid import UUID

from custody.protocols.document import Leg
from custody.protocols.freshness import fresh_for, keeps_until
from custody.telemetry import charts, committed, permissions, rules, storage
from custody.telemetry.charts import Mark
from custody.telemetry.devices import DeviceNotFound
from custody.telemetry.models import Device, ReadingConflict, ReadingsCommitment
from custody.telemetry.reading import NewReading
from custody.telemetry.rules import LegReport
from custody.telemetry.shipments import known_leg, shipment_of
from custody.therapies.queries import protocol_by_digest
from custody.transport.models import Handoff, Shipment
from ledger.parties.actor import Actor
from ledger.parties.models import Party

ORDINARY_INTERVAL = timedelta(minutes=5)
"""How often a logger is taken to send until its own readings show it."""


@dataclass(frozen=True, slots=True)
class LegReadings:
    """A leg's readings in order of time, with what they are judged by. Committed ones are exactly those committed."""

    leg: Leg
    shipment: Shipment
    end: datetime
    readings: tuple[NewReading, ...]
    ahead: int
    is_committed: bool

    @property
    def report(self) -> LegReport:
        return rules.evaluate(
            leg=self.leg, readings=self.readings, start=self.shipment.packed_at, end=self.end, ahead=self.ahead
        )


@dataclass(frozen=True, slots=True)
class LiveState:
    """A shipment under way. `hold_left_minutes` is below 0 once the cells are on the way too long.

    `is_fresh`: the hours count from the end of the collection, and not from the packing of the container.

    `is_silent`: nothing was heard for more than two of the logger's own intervals.
    """

    therapy: UUID
    leg: Leg
    device: UUID
    packed_at: datetime
    last: NewReading | None
    interval_seconds: int
    silence_seconds: int
    is_silent: bool
    is_outside: bool
    minutes_outside: int
    budget_minutes: int
    budget_left_minutes: int
    hold_left_minutes: int
    hold_max_hours: int
    is_fresh: bool
    report: LegReport


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as lists show it."""

    id: UUID
    serial: str
    kind: str
    place: int
    registered_at: datetime
    contradictions: int


def leg_readings(*, by: Actor, therapy: UUID, leg: str, at: datetime) -> LegReadings:
    """The readings from packing to receipt, or until `at` while under way. Raises NotPermitted, LegNotFound."""
    permissions.check_read(by, therapy)
    return _leg_readings(therapy, known_leg(therapy, leg), shipment_of(therapy, leg), at)


def _leg_readings(therapy: UUID, leg: Leg, shipment: Shipment, at: datetime) -> LegReadings:
    end = shipment.received_at or at
    series = committed.find(therapy, leg.code) if shipment.received_at else None
    if series is not None:
        return LegReadings(leg, shipment, end, series.readings, series.ahead, is_committed=True)
    found = storage.between(shipment.logger_id, shipment.packed_at, end)
    ordered = rules.series(leg, found, start=shipment.packed_at, end=end)
    return LegReadings(leg, shipment, end, tuple(ordered), sum(r.is_ahead for r in ordered), is_committed=False)


def leg_report(*, by: Actor, therapy: UUID, leg: str, at: datetime) -> LegReport:
    """The judgement of a leg's readings. Raises NotPermitted, LegNotFound."""
    return leg_readings(by=by, therapy=therapy, leg=leg, at=at).report


def commitment(*, by: Actor, therapy: UUID, leg: str) -> ReadingsCommitment | None:
    """What is committed of a leg, or None as yet. Raises NotPermitted, LegNotFound."""
    permissions.check_read(by, therapy)
    return ReadingsCommitment.objects.filter(therapy_id=therapy, leg=leg).first()


def chart(*, by: Actor, therapy: UUID, leg: str, at: datetime, zone: str = "UTC") -> dict[str, Any]:
    """The figure of a leg's readings, for the chart component of kind `readings`. Raises NotPermitted, LegNotFound."""
    found = leg_readings(by=by, therapy=therapy, leg=leg, at=at)
    return charts.figure(
        leg=found.leg, readings=found.readings, report=found.report, marks=_marks(found.shipment), zone=zone
    )


def _marks(shipment: Shipment) -> list[Mark]:
    taken = Handoff.objects.filter(therapy_id=shipment.therapy_id, leg=shipment.leg, status="accepted")
    rows = list(taken.order_by("settled_at").values_list("settled_at", "receiver_id"))
    names = dict(Party.objects.filter(pk__in=[receiver for _, receiver in rows]).values_list("id", "name"))
    marks = [Mark(settled_at, f"Taken over by {names[receiver]}") for settled_at, receiver in rows if settled_at]
    return [Mark(shipment.packed_at, "Sealed"), *marks]


def live_state(*, by: Actor, therapy: UUID, at: datetime) -> LiveState | None:
    """The shipment that is under way, or None when there is none. Raises NotPermitted, LegNotFound."""
    permissions.check_read(by, therapy)
    shipment = Shipment.objects.filter(therapy_id=therapy, received_at=None).order_by("-packed_at").first()
    if shipment is None:
        return None
    found = _leg_readings(therapy, known_leg(therapy, shipment.leg), shipment, at)
    report, leg = found.report, found.leg
    last = found.readings[-1] if found.readings else None
    interval = _interval(found.readings)
    silence = at - (last.at if last else shipment.packed_at)
    row = shipment.therapy
    protocol, collected_at = protocol_by_digest(row.protocol_digest), row.collected_at
    hold_left = keeps_until(protocol, leg, packed_at=shipment.packed_at, collected_at=collected_at) - at
    fresh = fresh_for(protocol, leg) if collected_at is not None else None
    return LiveState(
        therapy=therapy,
        leg=leg,
        device=shipment.logger_id,
        packed_at=shipment.packed_at,
        last=last,
        interval_seconds=int(interval.total_seconds()),
        silence_seconds=max(0, int(silence.total_seconds())),
        is_silent=silence > 2 * interval,
        is_outside=last is not None and rules.is_outside(leg, last.temperature_c100),
        minutes_outside=report.minutes_outside,
        budget_minutes=leg.budget_minutes,
        budget_left_minutes=max(0, (leg.budget_minutes * 60 - report.seconds_outside) // 60),
        hold_left_minutes=int(hold_left.total_seconds() // 60),
        hold_max_hours=leg.hold_max_hours if fresh is None else int(fresh.total_seconds() // 3600),
        is_fresh=fresh is not None,
        report=report,
    )


def _interval(readings: tuple[NewReading, ...]) -> timedelta:
    """How often the logger sends: the middle of its last twenty intervals."""
    latest = readings[-21:]
    steps = [after.at - before.at for before, after in pairwise(latest)]
    return median_low(steps) if steps else ORDINARY_INTERVAL


def device(*, device: UUID, by: Actor) -> DeviceRow:
    """A device of the actor's organisation. Raises NotPermitted, DeviceNotFound."""
    found = next((row for row in devices(by=by) if row.id == device), None)
    if found is None:
        raise DeviceNotFound("There is no such device of your organisation.")
    return found


def devices(*, by: Actor) -> list[DeviceRow]:
    """The devices of the actor's organisation, by serial number. Raises NotPermitted."""
    permissions.check_register(by)
    rows = Device.objects.filter(party_id=by.party).order_by("serial")
    doubts: dict[UUID, int] = {}
    for device in ReadingConflict.objects.filter(device__party_id=by.party).values_list("device_id", flat=True):
        doubts[device] = doubts.get(device, 0) + 1
    return [
        DeviceRow(row.id, row.serial, row.kind, row.place, row.registered_at, doubts.get(row.id, 0)) for row in rows
    ]
