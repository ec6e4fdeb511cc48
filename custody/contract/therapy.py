"""The therapy contract: which clause admits which record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from custody.contract import closing, corrections, custody_chain, exceptions, holds, lifecycle, proofs
from custody.contract.moment import OPEN_STATUSES, Moment, fresh
from custody.contract.steps import admit_step
from custody.protocols import document
from custody.protocols.document import RECORD_TYPES, Protocol, ProtocolInvalid, Step
from ledger.log.contract import Refused, State, World
from ledger.log.entries import MAX_CLOCK_SKEW, Entry

KindClause = Callable[[Moment, Step], None]
RecordClause = Callable[[Moment], None]

ORDERED = RECORD_TYPES["order"]
_KIND_OF_TYPE = {record_type: kind for kind, record_type in RECORD_TYPES.items()}

_kind_clauses: dict[str, KindClause] = {
    "payer_approval": lifecycle.payer_decided,
    "booking": lifecycle.booked,
    "label": lifecycle.label_printed,
    "collection": custody_chain.collected,
    "pack": custody_chain.packed,
    "offer": custody_chain.step_offered,
    "accept": custody_chain.step_accepted,
    "acceptance": custody_chain.material_judged,
    "outcome": lifecycle.outcome_recorded,
}
_record_clauses: dict[str, RecordClause] = {
    "custody.therapy.ended/v1": lifecycle.ended,
    "custody.label.reprinted/v1": lifecycle.label_reprinted,
    "custody.itinerary.moved/v1": lifecycle.moved,
    corrections.CORRECTED: corrections.step_corrected,
    "custody.identity.stopped/v1": exceptions.identity_stopped,
    closing.HALTED: exceptions.halted_by_answer,
    "custody.exception.opened/v1": exceptions.opened,
    closing.CLOSED: exceptions.closed,
    closing.CLOSED_WITH_REASON: exceptions.closed_with_reason,
    "custody.oos.requested/v1": exceptions.oos_requested,
    "custody.oos.evaluated/v1": exceptions.oos_evaluated,
    "custody.oos.accepted/v1": exceptions.oos_accepted,
    "custody.oos.informed/v1": exceptions.oos_informed,
    "custody.transfer.offered/v1": custody_chain.transfer_offered,
    "custody.transfer.accepted/v1": custody_chain.transfer_accepted,
    "custody.handoff.refused/v1": custody_chain.handoff_refused,
    "custody.readings.committed/v1": custody_chain.readings_committed,
    "custody.proof.published/v1": proofs.published,
    "custody.proof.refused/v1": proofs.refused,
    holds.HELD: holds.held,
    holds.AGREED: holds.agreed,
    holds.BROKEN: holds.broken,
}
VOUCHED_FOR = frozenset(
    {
        "custody.identity.stopped/v1",
        "custody.handoff.refused/v1",
        "custody.exception.opened/v1",
        "custody.readings.committed/v1",
        "custody.proof.published/v1",
        "custody.proof.refused/v1",
        holds.HELD,
    }
)
"""Records that nobody signs electronically: alarms, refusals and what programs write. Their party vouches for them."""
AFTER_THE_END = frozenset(
    {
        "custody.exception.opened/v1",
        *closing.CLOSINGS,
        "custody.readings.committed/v1",
        "custody.proof.published/v1",
        "custody.proof.refused/v1",
        "custody.oos.informed/v1",
    }
)
"""Records that a therapy takes even after it was cancelled or has failed."""


def extend_kind(kind: str, clause: KindClause) -> None:
    """Add the clause of a step kind; a room above custody calls it once, at start-up."""
    _kind_clauses[kind] = clause


def extend_record(record_type: str, clause: RecordClause) -> None:
    """Add the clause of a record that is no protocol step."""
    _record_clauses[record_type] = clause


class TherapyContract:
    """Admits the records of one therapy, from order to the last outcome."""

    chain_kind = "therapy"

    def initial(self) -> State:
        return {"status": "none"}

    def is_signed(self, entry: Entry) -> bool:
        """Whether the people whom this record names have to sign it with the key that they have (21 CFR 11.70)."""
        return entry.type not in VOUCHED_FOR

    def protocol(self, state: State, entry: Entry, world: World) -> Protocol:
        digest = entry.body.get("protocol") if state["status"] == "none" else state["protocol"]
        if not isinstance(digest, str):
            raise Refused("An order names its protocol by digest.")
        try:
            return document.read_cached(world.document(digest), digest)
        except ProtocolInvalid as problem:
            raise Refused(f"The document that this order names is no protocol. {problem.message}") from problem

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if state["status"] == "none" and entry.type != ORDERED:
            raise Refused("A therapy begins with its order.")
        if not isinstance(entry.body, Mapping):
            raise Refused("The content of a record is a list of names with their values.")
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise Refused(
                "The time lies in the future. Write when it was; if it is right, check the clock of this device."
            )
        moment = Moment(fresh(state), entry, self.protocol(state, entry, world), world)
        if entry.type == ORDERED:
            if state["status"] != "none":
                raise Refused("This therapy is already ordered.")
            lifecycle.ordered(moment)
            admit_step(moment)
            return moment.state
        clause = _record_clauses.get(entry.type)
        if state["status"] not in OPEN_STATUSES and entry.type not in AFTER_THE_END:
            raise Refused(f"This therapy has ended ({state['status']}); nothing more can be done on it.")
        holds.check_not_held(state, entry.type)
        if clause is not None:
            clause(moment)
            return moment.state
        kind = _KIND_OF_TYPE.get(entry.type)
        if kind is None:
            raise Refused(f"The shared rules know no record “{entry.type}”.")
        if state["status"] == "completed" and kind != "outcome":
            raise Refused("This therapy is infused; only outcomes may still be recorded.")
        step = admit_step(moment)
        kind_clause = _kind_clauses.get(kind)
        if kind_clause is not None:
            kind_clause(moment, step)
        return moment.state
