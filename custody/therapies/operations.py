"""Ordering a therapy, performing its steps, and ending it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from custody.compliance.triggers import enqueue_finished
from custody.contract.comparing import HeldTo
from custody.contract.items import check_character
from custody.contract.reckoning import reckoned_values
from custody.exceptions.from_steps import halt_by_answers, halting_answers, raise_findings
from custody.patients import callnames
from custody.patients import queries as patients
from custody.patients.restriction import check_may_order
from custody.protocols import document
from custody.protocols.document import Step
from custody.therapies.models import CoiSerial, Therapy
from custody.therapies.off_plan import off_plan
from custody.therapies.steps import lock_therapy, prepare, protocol_of, step_of
from custody.therapies.values import check
from ledger.errors import BadInput, Conflict
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.world import world
from ledger.parties.actor import Actor

GENERIC_KINDS = frozenset({"collection", "preparation", "acceptance", "gate", "bedside", "infusion", "outcome"})
"""Step kinds that need nothing beside what the protocol says."""


class NotAStepOfThisRoom(Conflict):
    """The step has its own operation."""


class TimesWrong(BadInput):
    """Start and end of a step do not fit together."""


class PatientHasTherapy(Conflict):
    """The patient already has a therapy under way under this protocol."""


@operation
def order_therapy(
    *,
    patient: UUID,
    protocol: str,
    payer: UUID,
    consent: bool,
    eligible: bool,
    values: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
) -> Record:
    """Order a therapy for an enrolled patient under the protocol with this digest.

    The chain-of-identity identifier is issued here, before any collection (DOMAIN, step 2). Raises NotPermitted,
    PatientNotFound, UseRestricted, ValuesRefused, Refused.
    """
    by.check("therapy.order")
    held = patients.held_patient(by=by, patient=patient)
    check_may_order(held.id)
    specification = document.read_cached(world.document(protocol), protocol)
    if Therapy.objects.filter(patient_id=patient, protocol_digest=protocol, status="active").exists():
        raise PatientHasTherapy(
            f"This patient already has a therapy under way: {specification.title}. Open it instead."
        )
    therapy = derived("therapy", by.party, key)
    chain = open_chain(kind="therapy", subject=therapy)
    coi = issue_coi(by, at)
    step = specification.steps[0]
    preparation = prepare(
        therapy=therapy,
        state={},
        protocol=specification,
        step=step,
        started_at=at,
        occurred_at=at,
        values=values,
        by=by,
        at=at,
    )
    commitments = patients.identity_commitments(patient=held.id, by=by)
    return append(
        chain=chain,
        by=by,
        type=step.record_type,
        body=preparation.body
        | {
            "protocol": protocol,
            "coi": coi,
            "call_name": callnames.choose(_call_names_in_use(by.party, coi), coi[:-1]),
            "patient": str(held.id),
            "payer": str(payer),
            "consent": consent,
            "eligible": eligible,
            "identity": {field: commitment.digest for field, commitment in commitments.items()},
        },
        meaning=step.meaning,
        occurred_at=at,
        at=at,
        key=key,
    )


def issue_coi(by: Actor, at: datetime) -> str:
    """The next chain-of-identity identifier of the actor's facility (ISBT 128 structure 040)."""
    counter, _ = CoiSerial.objects.select_for_update().get_or_create(party_id=by.party, year=at.year % 100)
    counter.last += 1
    counter.save(update_fields=["last"])
    bare = f"{by.party_code}{at.year % 100:02d}{counter.last:06d}"
    return bare + check_character(bare)


def _call_names_in_use(centre: UUID, coi: str) -> set[str]:
    """Names of the centre's active therapies, and anybody's that end alike: a maker works for many centres."""
    tail = coi[:-1][-callnames.TAIL_LENGTH :]
    active = Therapy.objects.filter(status="active").filter(Q(centre_id=centre) | Q(call_name__endswith=f" {tail}"))
    return set(active.values_list("call_name", flat=True))


@operation
def decide_payer(
    *, therapy: UUID, approved: bool, values: Mapping[str, str], by: Actor, at: datetime, key: str
) -> Record:
    """The payer approves the therapy, or declines it, which ends it."""
    chain, protocol = lock_therapy(therapy)
    by.check("payer.decide")
    step = protocol.step_of_kind("payer_approval")
    if step is None:
        raise NotAStepOfThisRoom("This therapy's protocol asks no payer.")
    preparation = prepare(
        therapy=therapy,
        state=chain.state,
        protocol=protocol,
        step=step,
        started_at=at,
        occurred_at=at,
        values=values,
        by=by,
        at=at,
    )
    record = append(
        chain=chain,
        by=by,
        type=step.record_type,
        body=preparation.body | {"approved": approved},
        meaning=step.meaning if approved else "declined",
        occurred_at=at,
        at=at,
        key=key,
    )
    if approved:
        raise_findings(
            chain=chain,
            protocol=protocol,
            step=step,
            started=at,
            ended=at,
            values=preparation.checked.out_of_limits,
            by=by,
            at=at,
            key=key,
        )
    return record


@operation
def perform_step(
    *,
    therapy: UUID,
    step: str,
    values: Mapping[str, str],
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
    started_at: datetime | None = None,
    occurred_at: datetime | None = None,
) -> Record:
    """Perform a step of custody that needs nothing beside what the protocol says (collection, acceptance, infusion…).

    `started_at` and `occurred_at` default to now. A value out of limits is recorded as such and opens an exception; so
    does a collection on another day than booked, and what is done before its day.
    """
    chain, protocol = lock_therapy(therapy)
    known = step_of(protocol, step)
    if known.kind not in GENERIC_KINDS:
        raise NotAStepOfThisRoom(f"“{known.title}” is done on its own screen.")
    return record_step(
        chain=chain,
        step=known,
        values=values,
        scans=scans,
        by=by,
        at=at,
        key=key,
        second=second,
        started_at=started_at,
        occurred_at=occurred_at,
    )


def record_step(
    *,
    chain: Chain,
    step: Step,
    values: Mapping[str, str],
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
    started_at: datetime | None = None,
    occurred_at: datetime | None = None,
    extra: Mapping[str, Any] | None = None,
    exception_kind: str = "deviation",
) -> Record:
    """Append a step's record to a locked chain, and open an exception for what is out of limits or out of its time.

    An answer that halts is recorded as a halt in the step's place: the record is then of the type HALTED.

    For operations of this room and the rooms above; it checks the permission `step.perform`.
    """
    by.check("step.perform")
    if second is not None:
        second.check("step.verify")
    ended = occurred_at or at
    started = started_at or ended
    if started > ended:
        raise TimesWrong("The step ends before it starts. Check the two times.", field="started_at")
    if ended > at + timedelta(minutes=5):
        raise TimesWrong(
            "The time lies in the future. Write when it was; if it is right, check the clock of this device.",
            field="occurred_at",
        )
    protocol = protocol_of(chain)
    held_to = HeldTo(chain.state, protocol, step)
    checked = check(step, values, reckoned_values(chain.state, step, ended=ended), held_to)
    answers = halting_answers(step, checked.values)
    if answers:
        return halt_by_answers(
            chain=chain, step=step, answers=answers, occurred_at=ended, by=by, at=at, key=key, second=second
        )
    preparation = prepare(
        therapy=chain.subject,
        state=chain.state,
        protocol=protocol,
        step=step,
        started_at=started,
        occurred_at=ended,
        values=values,
        scans=scans,
        by=by,
        at=at,
        second=second,
    )
    before = chain.state
    record = append(
        chain=chain,
        by=by,
        type=step.record_type,
        body=preparation.body | dict(extra or {}),
        meaning=step.meaning,
        occurred_at=ended,
        at=at,
        key=key,
        second=second,
    )
    off = off_plan(before, protocol, step, started, ended)
    raise_findings(
        chain=chain,
        protocol=protocol,
        step=step,
        started=started,
        ended=ended,
        values=preparation.checked.out_of_limits,
        others=[off.finding] if off else [],
        kind=exception_kind,
        by=by,
        at=at,
        key=key,
    )
    enqueue_finished(chain=chain, protocol=protocol, at=at)
    return record


@operation
def end_therapy(*, therapy: UUID, how: str, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """Cancel a therapy (`how="cancelled"`), or record that it has failed (`how="failed"`), with a known reason."""
    chain, _ = lock_therapy(therapy)
    by.check("therapy.end")
    return append(
        chain=chain,
        by=by,
        type="custody.therapy.ended/v1",
        body={"how": how, "reason": reason},
        meaning=f"therapy {how}",
        occurred_at=at,
        at=at,
        key=key,
    )
