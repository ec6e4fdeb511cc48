"""A therapy, a task and a record in words, icons and threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.contract.closing import HALTED
from custody.contract.corrections import CORRECTED, REASONS
from custody.contract.custody_chain import KEPT
from custody.contract.holds import BROKEN, HELD, WORKLIST_REASON
from custody.exceptions.models import ExceptionKind
from custody.protocols.parts import with_unit
from custody.protocols.wording import in_titles
from custody.therapies.corrections import corrections
from custody.therapies.queries import Journey, Task, TherapyLine
from ledger.log.queries import RecordView, SignatureView
from portal.presenters.figures import unbroken
from portal.presenters.marks import mark_of
from portal.presenters.money import decision_words
from portal.presenters.records import OF_A_THERAPY

STATUS_WORDS: Mapping[str, tuple[str, str]] = {
    "completed": ("ok", "Infused"),
    "cancelled": ("wait", "Cancelled"),
    "failed": ("stop", "Failed"),
    "declined": ("wait", "Declined by payer"),
}
STAGE_WORDS: Mapping[str, tuple[str, str, str]] = {
    "order": ("wait", "Being ordered", "clipboard-text"),
    "collection": ("plan", "Before collection", "droplet"),
    "transit": ("move", "On the road to the maker", "truck"),
    "making": ("move", "Making", "flask"),
    "release": ("move", "Tests and release", "certificate"),
    "return": ("move", "On the way back", "truck-return"),
    "receipt": ("move", "Received, being checked", "package-import"),
    "lymphodepletion": ("move", "Lymphodepletion", "stethoscope"),
    "infusion": ("due", "Before infusion", "heartbeat"),
    "follow-up": ("ok", "Infused, followed up", "circle-check"),
}
BEFORE_WORDS: Mapping[tuple[str, str], tuple[str, str, str]] = {
    ("order", "payer_approval"): ("wait", "Ordered, the payer decides", "clipboard-text"),
    ("order", "booking"): ("wait", "Covered, slots to book", "calendar-event"),
    ("collection", "label"): ("plan", "Booked, labels to print", "tag"),
    ("collection", "preparation"): ("move", "Collected, being prepared", "droplet"),
    ("transit", "pack"): ("move", "Collected, to be packed", "package"),
    ("transit", "offer"): ("move", "Packed, waits for the courier", "package"),
    ("transit", "accept"): ("move", "Packed, waits for the courier", "package"),
    ("making", "acceptance"): ("move", "At the maker, to be accepted", "package-import"),
    ("return", "pack"): ("move", "Released, to be packed", "package"),
    ("return", "offer"): ("move", "Packed, waits for the courier", "package"),
    ("return", "accept"): ("move", "Packed, waits for the courier", "package"),
}
"""What stands before a stage's own words are true, by the stage and the kind of step that it waits for."""
ARRIVED_WORDS: Mapping[str, tuple[str, str, str]] = {
    "transit": ("move", "At the maker’s door", "package-import"),
    "return": ("move", "At the centre’s door", "package-import"),
}
"""The courier hands over, and nobody has received yet."""
ENDED_WORDS: Mapping[str, str] = {
    "patient_withdrew": "the patient withdrew",
    "patient_unfit": "the patient is not fit for it",
    "patient_died": "the patient died",
    "payer_declined": "the payer declined",
    "other_therapy": "another therapy was chosen",
    "collection_failed": "the collection failed",
    "material_refused": "the material was refused",
    "manufacturing_failed": "making failed",
    "out_of_specification": "out of specification",
    "identity_lost": "identity was lost",
    "excursion": "a transport excursion",
}
BAD_RECORDS = frozenset(
    {
        "custody.identity.stopped/v1",
        HALTED,
        "custody.exception.opened/v1",
        "custody.handoff.refused/v1",
        "custody.proof.refused/v1",
        "custody.therapy.ended/v1",
        HELD,
        BROKEN,
    }
)
METHOD_WORDS: Mapping[str, str] = {
    "password": "identified by password",
    "password+totp": "identified by password and authenticator app",
    "passkey": "identified by passkey",
    "sign-on": "identified by the organisation’s sign-on",
    "device": "by a device",
    "system": "by the system",
}
"""How a person was identified whose signature is no key's of their own: in the session or for this act.

Such a record knows no more, so no more is said of it.
"""
OWN_KEY_WORDS: Mapping[str, str] = {
    "passkey": "with their own passkey",
    "password+totp": "with their own key, by password and app",
}


def method_words(signature: SignatureView) -> str:
    """How somebody signed: with a key of their own, which anyone can check, or as their organisation vouches."""
    known = OWN_KEY_WORDS if signature.key_id else METHOD_WORDS
    return known.get(signature.method, signature.method)


@dataclass(frozen=True, slots=True)
class StageView:
    """One knot of the thread: `state` is done, now, plan or stop."""

    name: str
    state: str
    note: str = ""
    gap: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class StatusView:
    """A status: its kind (`is-…`), its words and its icon."""

    kind: str
    words: str
    icon: str = ""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry of the custody timeline."""

    at: datetime
    title: str
    detail: str
    mark: str
    mark_word: str
    kind: str
    icon: str
    leaf_index: int | None
    entry_hash: str
    signatures: tuple[SignatureLine, ...]
    boxed: bool = False
    record: UUID | None = None
    log: str = ""
    is_void: bool = False
    """Whether its signatures no longer count: the record is not what was signed."""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """A signature as every display shows it: name, role, meaning, time, method (21 CFR 11.50)."""

    name: str
    role: str
    meaning: str
    method: str
    at: datetime


def status_of(therapy: TherapyLine) -> StatusView:
    """Where a therapy stands, in words."""
    if therapy.status in STATUS_WORDS:
        kind, words = STATUS_WORDS[therapy.status]
        reason = ENDED_WORDS.get(therapy.ended_reason, "")
        return StatusView(kind, f"{words}: {reason}" if reason and therapy.status != "declined" else words)
    return StatusView(*_under_way(therapy))


def _under_way(therapy: TherapyLine) -> tuple[str, str, str]:
    if therapy.is_on_road and therapy.next_kind == "accept" and therapy.stage in ARRIVED_WORDS:
        return ARRIVED_WORDS[therapy.stage]
    if not therapy.is_on_road and (therapy.stage, therapy.next_kind) in BEFORE_WORDS:
        return BEFORE_WORDS[therapy.stage, therapy.next_kind]
    return STAGE_WORDS.get(therapy.stage, ("move", therapy.stage_title, ""))


def stages_of(therapy: TherapyLine) -> tuple[StageView, ...]:
    """The thread of a therapy: what is done, where it stands, what is planned."""
    over = therapy.status == "completed"
    broken = therapy.status in {"cancelled", "failed", "declined"}
    views = []
    for number, title in enumerate(therapy.stage_titles, 1):
        if number < therapy.stage_number or (over and number <= therapy.stage_number):
            state = "done"
        elif number == therapy.stage_number:
            state = "stop" if broken else "now"
        else:
            state = "plan"
        views.append(StageView(title, state))
    return tuple(views)


def exception_words(kind: str) -> str:
    return str(ExceptionKind(kind).label)


def held_words(task: Task) -> str:
    """Why a task waits, or nothing."""
    if task.held == WORKLIST_REASON:
        return "Held: the ledger has forked"
    return f"Waits: {exception_words(task.held).lower()}" if task.held else ""


def record_title(record: RecordView, journey: Journey) -> str:
    """What a record says, in a few words: the protocol's own title where it is a step."""
    if _is_unreadable(record):
        return "A record that was changed after it was signed"
    step = journey.protocol.step(str(record.body.get("step", "")))
    if record.type == CORRECTED and step:
        return f"{OF_A_THERAPY[CORRECTED]}: {step.title}"
    if _is_kept(record):
        return "Kept: nobody took over"
    if record.type in OF_A_THERAPY:
        return OF_A_THERAPY[record.type]
    if "approved" in record.body:
        return decision_words(approved=record.body["approved"] is True)[1]
    return step.title if step else record.type


def entry_of(record: RecordView, journey: Journey, parties: Mapping[UUID, str], roles: Mapping[str, str]) -> EntryView:
    """A record as an entry of the custody timeline."""
    body = record.body
    bad = (
        (record.type in BAD_RECORDS and not _is_kept(record))
        or body.get("in_limits") is False
        or body.get("approved") is False
    )
    mark, word = mark_of(record)
    detail = _detail(record, journey, parties)
    return EntryView(
        at=record.occurred_at,
        title=record_title(record, journey),
        detail=unbroken(f"{detail} Why: {record.problem}" if record.standing == "broken" else detail),
        mark=mark,
        mark_word=word,
        kind="stop" if bad or record.standing == "broken" else "",
        icon="alert-octagon" if bad or record.standing == "broken" else "check",
        leaf_index=record.leaf_index,
        entry_hash=record.entry_hash,
        record=record.id,
        log=record.log,
        is_void=record.standing == "broken",
        signatures=signatures_of(record, roles),
    )


def signatures_of(record: RecordView, roles: Mapping[str, str]) -> tuple[SignatureLine, ...]:
    """A record's signatures, the first signer's first; `roles` names each role."""
    return tuple(
        SignatureLine(
            name=signature.name,
            role=roles.get(signature.role, signature.role.replace("_", " ").capitalize()),
            meaning=signature.meaning,
            method=method_words(signature),
            at=signature.at,
        )
        for signature in record.signatures
    )


def _is_kept(record: RecordView) -> bool:
    """Whether a courier took back what it had offered to its own people: no refusal, though of that type."""
    return record.type == "custody.handoff.refused/v1" and record.body.get("reason") == KEPT


def _is_unreadable(record: RecordView) -> bool:
    """Whether what the record holds is not what anybody signed, so that none of it is shown."""
    return record.standing == "broken" and not record.body


def _detail(record: RecordView, journey: Journey, parties: Mapping[UUID, str]) -> str:
    if _is_unreadable(record):
        return "What it says now is not shown, as nobody signed it. Ask who performed the step; keep the paper record."
    body = record.body
    party = parties.get(record.party, "")
    if "finding" in body:
        return in_titles(str(body["finding"]), journey.protocol)
    if record.type == "custody.shipment.packed/v1":
        return f"{party}. {body['container']}, seal {body['seal']}."
    if "to" in body and UUID(body["to"]) == record.party:
        return f"Within {party}, to a colleague, seal {body['seal']}."
    if "to" in body:
        return f"From {party} to {parties.get(UUID(body['to']), 'another organisation')}, seal {body['seal']}."
    if "seal" in body:
        return f"By {party}, seal {body['seal']} intact."
    if record.type == "custody.readings.committed/v1":
        return f"{body['count']:,} readings of the logger, signed and committed."
    if record.type == "custody.proof.published/v1":
        return journey.protocol.segment_title(str(body["segment"]))
    if record.type == "custody.proof.refused/v1":
        segment = journey.protocol.segment_title(str(body["segment"]))
        return f"{segment}: {in_titles(str(body['reasons'][0]), journey.protocol)}"
    if record.type == CORRECTED:
        return _correction(record, journey, party)
    step = journey.protocol.step(str(body.get("step", "")))
    shown = []
    for code, value in dict(body.get("values", {})).items():
        field = step.field(code) if step else None
        if field is not None and (field.kind in {"decimal", "choice"} or "approved" in body):
            shown.append(f"{field.title} {with_unit(value['value'], value['unit'])}")
    since = " A value was corrected since." if _is_corrected(record, journey) else ""
    return f"{party}. {', '.join(shown[:3])}.{since}" if shown else f"{party}.{since}"


def _is_corrected(record: RecordView, journey: Journey) -> bool:
    step = record.body.get("step")
    return bool(step) and any(one.type == CORRECTED and one.body.get("step") == step for one in journey.records)


def _correction(record: RecordView, journey: Journey, party: str) -> str:
    """What was corrected, from what to what and why; without values for those who see none."""
    found = next((one for one in corrections(journey.records, journey.protocol) if one.record.id == record.id), None)
    if found is None:
        return f"{party}."
    changes = [
        f"{change.field.title} {change.before or 'none'}, now {change.after}" if change.after else change.field.title
        for change in found.changes
    ]
    said = [party, ", ".join(changes), REASONS.get(found.reason, "")]
    return " ".join(f"{part}." for part in said if part)
