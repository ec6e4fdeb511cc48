"""Packing, and custody changing hands by scan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from custody.contract.custody_chain import KEPT
from custody.contract.worklist import due_of, since_of
from custody.exceptions.opening import open_exception
from custody.protocols.document import Protocol, Step
from custody.telemetry.models import Device, DeviceKind
from custody.therapies.operations import record_step
from custody.therapies.steps import lock_therapy, step_of
from custody.transport.codes import plain
from custody.transport.models import Handoff, Shipment
from ledger.clock import stamp
from ledger.errors import BadInput, Conflict, NotFound
from ledger.ids import derived
from ledger.log.contract import State
from ledger.log.models import Chain, Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor


class LoggerUnknown(BadInput):
    """The logger is not registered, or is already on another way."""


class HandoffUnknown(NotFound):
    """There is no such hand-over, or it is not this actor's to see."""


class HandoffAlreadySettled(Conflict):
    """The hand-over was accepted or refused since the page was opened."""


class WrongStep(Conflict):
    """The step is of another kind."""


@operation
def pack(
    *,
    therapy: UUID,
    step: str,
    container: str,
    seal: str,
    logger_serial: str,
    values: Mapping[str, str],
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
    occurred_at: datetime | None = None,
) -> Record:
    """Pack for a leg: container, seal and a registered logger, by its serial. Raises LoggerUnknown."""
    chain, protocol = lock_therapy(therapy)
    known = _step(protocol, step, "pack")
    for name, value in (("container", container), ("seal", seal), ("logger", logger_serial)):
        if not value.strip():
            raise BadInput(f"Scan or type the {name}.", field=name)
    device = _free_logger(logger_serial.strip(), occurred_at or at)
    return record_step(
        chain=chain,
        step=known,
        values=values,
        scans=scans,
        by=by,
        at=at,
        key=key,
        second=second,
        occurred_at=occurred_at,
        extra={"container": container.strip(), "seal": seal.strip(), "logger": str(device.id)},
    )


@operation
def offer_handoff(
    *,
    therapy: UUID,
    step: str,
    seal: str,
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    occurred_at: datetime | None = None,
) -> Record:
    """The holder offers the packed cells to the next organisation of the protocol."""
    chain, protocol = lock_therapy(therapy)
    by.check("handoff.offer")
    known = _step(protocol, step, "offer")
    accept = next((s for s in protocol.steps if s.kind == "accept" and known.code in s.after), None)
    receiver = chain.state["parties"].get(accept.party) if accept else None
    if receiver is None:
        raise Conflict("Nobody is booked to take the cells over. Book the chain of slots first.")
    handoff = derived("handoff", therapy, key)
    return record_step(
        chain=chain,
        step=known,
        values={},
        scans=scans,
        by=by,
        at=at,
        key=key,
        occurred_at=occurred_at,
        extra={"handoff": str(handoff), "to": receiver, "seal": seal.strip(), "personal": True},
    )


@operation
def accept_handoff(
    *,
    handoff: UUID,
    seal: str,
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
    values: Mapping[str, str] | None = None,
    occurred_at: datetime | None = None,
) -> Record:
    """The receiver named by the offer scans and takes over. Raises HandoffUnknown, HandoffAlreadySettled."""
    row = _offered(handoff, by)
    chain, protocol = lock_therapy(row.therapy_id)
    by.check("handoff.accept")
    row.refresh_from_db(fields=["status"])
    if row.status != "offered":
        raise HandoffAlreadySettled(f"This hand-over is already {row.status}. Reload the page.")
    step = _accepting_step(chain, protocol, by)
    extra = {"handoff": str(handoff), "seal": seal.strip()}
    if step is None:
        return append(
            chain=chain,
            by=by,
            type="custody.transfer.accepted/v1",
            body=extra | {"scans": dict(scans)},
            meaning="took over on the way",
            occurred_at=occurred_at or at,
            at=at,
            key=key,
        )
    return record_step(
        chain=chain,
        step=step,
        values=values or {},
        scans=scans,
        by=by,
        at=at,
        key=key,
        second=second,
        occurred_at=occurred_at,
        extra=extra,
    )


@operation
def refuse_handoff(*, handoff: UUID, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """The receiver refuses, with a coded reason; the giver still holds the cells."""
    row = _offered(handoff, by)
    chain, _ = lock_therapy(row.therapy_id)
    by.check("handoff.refuse")
    if reason not in REFUSAL_REASONS:
        raise BadInput(f"Give the reason: {', '.join(REFUSAL_REASONS.values())}.", field="reason")
    return append(
        chain=chain,
        by=by,
        type="custody.handoff.refused/v1",
        body={"handoff": str(handoff), "reason": reason},
        meaning="refused to take over",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def keep(*, handoff: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Take back what was offered to the own organisation's people: nobody took it over. Raises HandoffUnknown."""
    row = _offered(handoff, by)
    chain, _ = lock_therapy(row.therapy_id)
    by.check("handoff.offer")
    return append(
        chain=chain,
        by=by,
        type="custody.handoff.refused/v1",
        body={"handoff": str(handoff), "reason": KEPT},
        meaning="kept: nobody took over",
        occurred_at=at,
        at=at,
        key=key,
    )


TRANSPORT_PROBLEMS = {
    "delay": "Delayed on the road",
    "damage": "Shipper damaged on the road",
    "seal_broken": "Seal found broken on the road",
    "lost": "Shipper lost on the road",
}
"""What a courier reports, and how its finding begins."""


@operation
def report_problem(
    *,
    therapy: UUID,
    problem: str,
    by: Actor,
    at: datetime,
    key: str,
    occurred_at: datetime | None = None,
    expected_at: datetime | None = None,
) -> Record:
    """The courier that holds the cells says what happened on the road: an exception that QA judges before they go on.

    A delay says when the shipment is expected now. Raises TherapyNotFound, NotPermitted, BadInput, and Refused by the
    contract.
    """
    chain, protocol = lock_therapy(therapy)
    by.check("exception.open")
    if problem not in TRANSPORT_PROBLEMS:
        raise BadInput("Say what happened: delay, damage, seal broken or lost.", field="problem")
    custody = chain.state.get("custody") or {}
    if custody.get("leg") is None or custody.get("holder") != str(by.party):
        raise Conflict("Your organisation does not hold this shipment on the road, so it reports no problem with it.")
    leg = protocol.leg(custody["leg"])
    return open_exception(
        chain=chain,
        kind="transport_problem",
        finding=f"{TRANSPORT_PROBLEMS[problem]}, {leg.title[:1].lower()}{leg.title[1:]}",
        occurred_at=occurred_at or at,
        by=by,
        at=at,
        key=key,
        leg=leg.code,
        facts={"problem": problem, **_expected(chain, protocol, problem, expected_at, occurred_at or at)},
    )


def arrival_due(state: State, protocol: Protocol) -> datetime:
    """When the shipment under way has to be at its destination: when its delivery is due, by the protocol."""
    leg = state["custody"]["leg"]
    destination = protocol.leg(leg).destination
    arrival = next(
        one for one in protocol.steps if one.kind == "accept" and one.leg == leg and one.party == destination
    )
    delivery = next(one for one in protocol.steps if one.kind == "offer" and one.code in arrival.after)
    return due_of(state, delivery, since_of(state, protocol, delivery))


def _expected(
    chain: Chain, protocol: Protocol, problem: str, expected_at: datetime | None, since: datetime
) -> dict[str, str]:
    if problem != "delay":
        return {}
    planned = arrival_due(chain.state, protocol)
    if expected_at is None:
        raise BadInput("Say when you expect to arrive.", field="expected_at")
    if expected_at <= since:
        raise BadInput("That time is past. Say when you expect to arrive.", field="expected_at")
    if expected_at <= planned:
        raise BadInput("That is no later than planned, so it is no delay.", field="expected_at")
    return {"expected_at": stamp(expected_at), "planned_at": stamp(planned)}


REFUSAL_REASONS = {
    "seal_broken": "seal broken or another one",
    "damaged": "shipper damaged",
    "temperature": "temperature out of band",
    "wrong_item": "not the item announced",
    "papers": "papers missing",
}


@operation
def offer_transfer(*, therapy: UUID, receiver: UUID, seal: str, by: Actor, at: datetime, key: str) -> Record:
    """A courier hands over to another courier on the way, or to a colleague of the own one."""
    chain, _ = lock_therapy(therapy)
    by.check("handoff.offer")
    return append(
        chain=chain,
        by=by,
        type="custody.transfer.offered/v1",
        body={
            "handoff": str(derived("handoff", therapy, key)),
            "to": str(receiver),
            "seal": _as_set(chain, seal),
            "personal": True,
        },
        meaning="handed over on the way",
        occurred_at=at,
        at=at,
        key=key,
    )


def _as_set(chain: Chain, seal: str) -> str:
    """The seal as it was written when it was set, where that is what was read; blanks do not count."""
    on_record = str(chain.state["custody"]["seal"] or "")
    return on_record if plain(seal) == plain(on_record) else seal.strip()


def _free_logger(serial: str, at: datetime) -> Device:
    """The registered logger, locked, so that of two who pack with it at once the second is told. Raises LoggerUnknown.

    On two ways at once its readings would count for both therapies.
    """
    device = Device.objects.select_for_update().filter(serial=serial, kind=DeviceKind.LOGGER).first()
    if device is None:
        raise LoggerUnknown(f"No logger with the serial “{serial[:40]}” is registered.", field="logger")
    under_way = Shipment.objects.filter(logger_id=device.id, packed_at__lte=at, therapy__status="active")
    if under_way.exclude(received_at__lte=at).exists():
        raise LoggerUnknown(
            f"The logger {serial} is on another shipment that has not been received yet. Take another logger.",
            field="logger",
        )
    return device


def _step(protocol: Protocol, code: str, kind: str) -> Step:
    step = step_of(protocol, code)
    if step.kind != kind:
        raise WrongStep(f"“{step.title}” is done on its own screen.")
    return step


def _accepting_step(chain: Chain, protocol: Protocol, by: Actor) -> Step | None:
    """The protocol's acceptance that is due now for this party; None on the way between couriers."""
    for step in protocol.steps:
        if step.kind == "accept" and step.code not in chain.state["done"]:
            offered = any(before in chain.state["done"] for before in step.after)
            if offered and chain.state["parties"].get(step.party) == str(by.party):
                return step
    return None


def _offered(handoff: UUID, by: Actor) -> Handoff:
    row = Handoff.objects.filter(pk=handoff, receiver_id=by.party).first()
    if row is None:
        raise HandoffUnknown("There is no such hand-over for your organisation.")
    return row
