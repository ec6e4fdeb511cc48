"""Reading therapies: worklists, the journey of one, lists. A query gives only what its actor may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from custody.contract.worklist import planned_start
from custody.patients import access_log
from custody.patients import queries as patients
from custody.patients.identity import PatientIdentity
from custody.protocols import document
from custody.protocols.document import Protocol, Step
from custody.protocols.queries import role_lists
from custody.scheduling.models import Booking
from custody.therapies import disclosure
from custody.therapies.models import OpenStep, StepRecord, Therapy, TherapyParty
from custody.therapies.steps import TherapyNotFound
from ledger.log.audit import audit
from ledger.log.finding import Finding
from ledger.log.queries import RecordView, chain_records
from ledger.log.world import world
from ledger.parties.actor import Actor

SEE_ALL_KINDS = frozenset({"regulator"})
CARRIERS_SEE = (
    "custody.shipment.",
    "custody.handoff.",
    "custody.transfer.",
    "custody.readings.",
    "custody.identity.stopped/",
    "custody.therapy.halted/",
)
"""What a courier sees of a therapy's records: custody on the road, no values of any other step."""
UNKNOWN_STATE: Mapping[str, Any] = {
    "done": {},
    "proofs": {},
    "slots": {},
    "parties": {},
    "exceptions": {},
    "custody": {"holder": None, "offer": None, "container": None, "seal": None, "leg": None},
}
"""What pages find in the state of a therapy whose very first record does not verify."""
Row = TypeVar("Row", bound=Model)
PAGE = 50
MANY = 100
"""Where counting for a badge stops: a person with more to do than that wants the list, not the number."""
LOOK_AHEAD = 60
"""How many of the soonest steps of others are looked at for `with_others`."""


@dataclass(frozen=True, slots=True)
class TherapyLine:
    """A therapy in a list. `patient_name` is there only for those entitled to know (DESIGN §5), else empty."""

    id: UUID
    coi: str
    call_name: str
    product: str
    status: str
    ended_reason: str
    stage: str
    stage_title: str
    stage_number: int
    stage_count: int
    stage_titles: tuple[str, ...]
    centre: UUID
    maker: UUID | None
    payer: UUID
    open_exceptions: int
    proof_state: str
    ordered_at: datetime
    infusion_planned_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    patient_name: str = ""
    next_kind: str = ""
    """The kind of the first required step still to do; empty when nothing is."""
    is_on_road: bool = False
    """Whether a courier has the cells."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do now: what, for whom, by when. `held` names the kind of exception that it waits for.

    `booked_at` is when it begins as planned, if it is booked for a slot.
    """

    id: UUID
    therapy: TherapyLine
    step: str
    title: str
    kind: str
    party: UUID
    roles: tuple[str, ...]
    due_at: datetime
    since: datetime
    held: str
    mine: bool
    booked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoneStep:
    """A step that was performed: which, for whom, when, and whether in limits."""

    id: UUID
    therapy: TherapyLine
    step: str
    title: str
    person: UUID
    performed_at: datetime
    in_limits: bool


@dataclass(frozen=True, slots=True)
class Journey:
    """One therapy whole: its protocol, its state as the contract sees it, and every record, verified.

    `broken` says what does not verify; the state is then the one up to where it does.
    """

    therapy: TherapyLine
    protocol: Protocol
    state: dict[str, object]
    tasks: tuple[Task, ...]
    records: tuple[RecordView, ...]
    patient: PatientIdentity | None
    patient_id: UUID
    broken: tuple[Finding, ...] = ()


def visible(by: Actor) -> QuerySet[Therapy]:
    """The therapies that this actor's organisation takes part in; a regulator sees all."""
    if not by.may("therapy.read"):
        return Therapy.objects.none()
    if by.party_kind in SEE_ALL_KINDS:
        return Therapy.objects.all()
    return Therapy.objects.filter(pk__in=_taken_part(by))


def _taken_part(by: Actor) -> QuerySet[TherapyParty, Any]:
    return TherapyParty.objects.filter(party_id=by.party).values("therapy_id")


def of_visible(rows: QuerySet[Row], by: Actor) -> QuerySet[Row]:
    """The rows, of a model with a `therapy`, that belong to a therapy that this actor may see.

    Asks the table of who takes part only, so that a list with an end is read off its index.
    """
    if not by.may("therapy.read"):
        return rows.none()
    return rows if by.party_kind in SEE_ALL_KINDS else rows.filter(therapy_id__in=_taken_part(by))


def parties_of(therapies: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Which organisations take part in each of these therapies."""
    found: dict[UUID, set[UUID]] = {}
    rows = TherapyParty.objects.filter(therapy_id__in=therapies).values_list("therapy_id", "party_id")
    for therapy, party in rows:
        found.setdefault(therapy, set()).add(party)
    return {therapy: frozenset(parties) for therapy, parties in found.items()}


def find_therapy(*, therapy: UUID, by: Actor) -> Therapy:
    """A therapy that this actor may see. Raises TherapyNotFound."""
    row = visible(by).filter(pk=therapy).first()
    if row is None:
        raise TherapyNotFound("There is no such therapy for your organisation.")
    return row


def therapy_line(*, therapy: UUID, by: Actor) -> TherapyLine:
    """One therapy as a list shows it, without who the patient is. Raises TherapyNotFound."""
    return line_for(find_therapy(therapy=therapy, by=by), by)


def find_by_coi(*, coi: str, by: Actor) -> Therapy | None:
    """The therapy with this chain-of-identity id, if this actor may see it."""
    return visible(by).filter(coi=coi).first()


def protocol_by_digest(digest: str) -> Protocol:
    return document.read_cached(world.document(digest), digest)


def protocol_of_therapy(*, therapy: UUID, by: Actor) -> Protocol:
    """The protocol of a therapy that this actor may see. Raises TherapyNotFound."""
    return protocol_by_digest(find_therapy(therapy=therapy, by=by).protocol_digest)


def of_colleagues(*, by: Actor, limit: int) -> list[Task]:
    """What other roles of this actor's organisation have to do now and may do; soonest due first."""
    rows = OpenStep.objects.filter(party_id=by.party, held="").exclude(roles__in=role_lists(by.role))
    return tasks_from(rows.select_related("therapy").order_by("due_at", "id")[:limit], by)


def first_tasks(*, therapies: Collection[UUID], by: Actor) -> dict[UUID, Task]:
    """For each of these therapies the soonest thing that the actor's organisation has to do on it; one query."""
    rows = OpenStep.objects.filter(party_id=by.party, therapy_id__in=therapies).select_related("therapy")
    found: dict[UUID, Task] = {}
    for task in tasks_from(rows.order_by("due_at", "id"), by):
        found.setdefault(task.therapy.id, task)
    return found


def _of_role(by: Actor) -> QuerySet[OpenStep]:
    return OpenStep.objects.filter(party_id=by.party, roles__in=role_lists(by.role))


def my_tasks(*, by: Actor, limit: int = PAGE, offset: int = 0) -> list[Task]:
    """What this actor's own role has to do now, soonest due first.

    What an exception holds comes after all that can be done, so that it never pushes work off a page.
    """
    free, held = _of_role(by).filter(held=""), _of_role(by).exclude(held="")
    rows = list(free.select_related("therapy").order_by("due_at", "id")[offset : offset + limit])
    if len(rows) < limit:
        skipped = max(0, offset - free.count()) if offset else 0
        left = limit - len(rows)
        rows += held.select_related("therapy").order_by("due_at", "id")[skipped : skipped + left]
    return tasks_from(rows, by)


def tasks_of(*, therapy: UUID, by: Actor) -> list[Task]:
    """What may be done on one therapy now, by the actor's organisation."""
    rows = OpenStep.objects.filter(therapy_id=therapy, party_id=by.party).select_related("therapy")
    return tasks_from(rows.order_by("due_at", "id"), by)


def count_my_tasks(*, by: Actor, due_before: datetime | None = None, with_held: bool = False) -> int:
    """How many things this actor's own role may do now, up to MANY; what an exception holds counts only on demand."""
    rows = _of_role(by) if with_held else _of_role(by).filter(held="")
    return count_to_many(rows.filter(due_at__lte=due_before) if due_before else rows)


def count_to_many(rows: QuerySet[Any]) -> int:
    """How many rows there are, where MANY stands for that many and more: the database stops looking there."""
    return rows.order_by()[:MANY].count()


def with_others(*, by: Actor, limit: int = 8) -> list[Task]:
    """Of therapies under way in which this actor's role has nothing to do now: what is done next, and by whom.

    One task a therapy, the soonest due; soonest first. Found among the LOOK_AHEAD soonest steps of others, so that it
    costs the same however many therapies there are.
    """
    roles = role_lists(by.role)
    theirs = of_visible(OpenStep.objects.filter(therapy__status="active"), by)
    theirs = theirs.exclude(party_id=by.party, roles__in=roles).select_related("therapy")
    ahead = list(theirs.order_by("due_at", "id")[:LOOK_AHEAD])
    seen = {row.therapy_id for row in ahead}
    own = OpenStep.objects.filter(party_id=by.party, roles__in=roles, therapy_id__in=seen)
    mine = set(own.values_list("therapy_id", flat=True))
    soonest: dict[UUID, OpenStep] = {}
    for row in ahead:
        if row.therapy_id not in mine:
            soonest.setdefault(row.therapy_id, row)
    return tasks_from(list(soonest.values())[:limit], by)


def done_since(*, by: Actor, since: datetime, limit: int = PAGE) -> list[DoneStep]:
    """The steps that this actor's organisation has performed since then, the last one first."""
    rows = StepRecord.objects.filter(party_id=by.party, performed_at__gte=since).select_related("therapy")
    found = []
    for row in rows.order_by("-performed_at", "id")[:limit]:
        step = protocol_by_digest(row.therapy.protocol_digest).step(row.step)
        found.append(
            DoneStep(
                id=row.id,
                therapy=line(row.therapy),
                step=row.step,
                title=step.title if step else row.step,
                person=row.person,
                performed_at=row.performed_at,
                in_limits=row.in_limits,
            )
        )
    return found


def tasks_from(rows: Iterable[OpenStep], by: Actor) -> list[Task]:
    """Steps as tasks. A list of work goes by call name and chain of identity, so nobody's identity is opened for it."""
    rows = list(rows)
    booked = _booked([row.therapy_id for row in rows])
    return [
        Task(
            id=row.id,
            therapy=line_for(row.therapy, by),
            step=row.step,
            title=row.title,
            kind=row.kind,
            party=row.party_id,
            roles=tuple(row.roles.strip(",").split(",")),
            due_at=row.due_at,
            since=row.since,
            held=row.held,
            mine=row.party_id == by.party and f",{by.role}," in row.roles,
            booked_at=_planned(row, booked),
        )
        for row in rows
    ]


def _booked(therapies: Collection[UUID]) -> dict[tuple[UUID, str], datetime]:
    """When each booked slot of these therapies begins; one query."""
    rows = Booking.objects.filter(therapy_id__in=set(therapies), released_at=None)
    return {(therapy, code): start for therapy, code, start in rows.values_list("therapy_id", "code", "starts_at")}


def _planned(row: OpenStep, booked: Mapping[tuple[UUID, str], datetime]) -> datetime | None:
    """When an open step begins as planned; None where no slot is booked for it."""
    step = protocol_by_digest(row.therapy.protocol_digest).step(row.step)
    start = booked.get((row.therapy_id, step.due.slot or "")) if step is not None else None
    if step is None or start is None:
        return None
    return planned_start(slot_start=start, due_at=row.due_at, longest_minutes=step.duration_max_minutes)


def therapies(
    *, by: Actor, status: str = "", search: str = "", limit: int = PAGE, offset: int = 0
) -> list[TherapyLine]:
    """The therapies this actor may see, the last changed first; `search` matches call name or chain of identity."""
    rows = visible(by)
    if status:
        rows = rows.filter(status=status)
    if search:
        rows = rows.filter(Q(call_name__icontains=search) | Q(coi__icontains=search.replace(" ", "")))
    found = list(rows.order_by("-changed_at", "id")[offset : offset + limit])
    named = patients.names(by=by, patient_ids=[row.patient_id for row in found])
    return [line_for(row, by, named.get(row.patient_id, "")) for row in found]


def line_for(row: Therapy, by: Actor | None, patient_name: str = "") -> TherapyLine:
    """`line`, without the reason of an end for payers and couriers, as that may be clinical."""
    made = line(row, patient_name)
    return replace(made, ended_reason="") if by is None else disclosure.therapy_for(by, made)


def line(row: Therapy, patient_name: str = "") -> TherapyLine:
    """One row as a frozen value; reads no further rows."""
    protocol = protocol_by_digest(row.protocol_digest)
    codes = [code for code, _ in protocol.stages]
    following = protocol.step(row.next_step)
    return TherapyLine(
        id=row.id,
        coi=row.coi,
        call_name=row.call_name,
        product=row.product,
        status=row.status,
        ended_reason=row.ended_reason,
        stage=row.stage,
        stage_title=protocol.stage_title(row.stage),
        stage_number=codes.index(row.stage) + 1 if row.stage in codes else 1,
        stage_count=len(codes),
        stage_titles=tuple(title for _, title in protocol.stages),
        centre=row.centre_id,
        maker=row.maker_id,
        payer=row.payer_id,
        open_exceptions=row.open_exceptions,
        proof_state=row.proof_state,
        ordered_at=row.ordered_at,
        infusion_planned_at=row.infusion_planned_at,
        ended_at=row.ended_at,
        changed_at=row.changed_at,
        patient_name=patient_name,
        next_kind=following.kind if following else "",
        is_on_road=following is not None and _is_on_road(protocol, following),
    )


def _is_on_road(protocol: Protocol, following: Step) -> bool:
    """Whether the cells were picked up in the stage that they are in, and are not received yet."""
    in_stage = [step for step in protocol.steps if step.stage == following.stage]
    return sum(step.kind == "accept" for step in in_stage[: in_stage.index(following)]) == 1


def journey(*, therapy: UUID, by: Actor) -> Journey:
    """One therapy whole, with every record verified. Raises TherapyNotFound."""
    row = find_therapy(therapy=therapy, by=by)
    held = audit(kind="therapy", subject=therapy)
    with access_log.opened_for("journey"):
        known = patients.identities(by=by, patient_ids=[row.patient_id])
    open_steps = OpenStep.objects.filter(therapy=row).select_related("therapy").order_by("due_at", "id")
    return Journey(
        therapy=line_for(row, by),
        protocol=protocol_by_digest(row.protocol_digest),
        state={**UNKNOWN_STATE, **held.state},
        tasks=tuple(tasks_from(open_steps, by)),
        records=tuple(
            disclosure.record_for(by, record)
            for record in chain_records(kind="therapy", subject=therapy)
            if _shows(record, by)
        ),
        patient=known.get(row.patient_id),
        patient_id=row.patient_id,
        broken=held.findings,
    )


def _shows(record: RecordView, by: Actor) -> bool:
    """Whether this actor may see a record's content: a courier what concerns the road, others all of it."""
    return by.party_kind != "courier" or record.type.startswith(CARRIERS_SEE) or bool(record.body.get("leg"))


def step_to_do(*, therapy: UUID, step: str, by: Actor) -> tuple[Task, Step]:
    """An open step of this actor's organisation, and what the protocol asks of it. Raises TherapyNotFound."""
    row = OpenStep.objects.filter(therapy_id=therapy, step=step, party_id=by.party).select_related("therapy").first()
    if row is None:
        raise TherapyNotFound("This step is not to be done now. It may be done already: open the journey to see.")
    known = protocol_by_digest(row.therapy.protocol_digest).step(step)
    assert known is not None, "open steps are made from the protocol"
    return tasks_from([row], by)[0], known
