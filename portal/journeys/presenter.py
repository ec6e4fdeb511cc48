"""What the journey's page shows, from frozen domain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from custody.exceptions.queries import ExceptionLine
from custody.protocols.parts import with_unit
from custody.protocols.wording import in_titles
from custody.reimbursement import queries as reimbursement
from custody.telemetry.rules import Gap
from custody.therapies.correcting import may_correct
from custody.therapies.queries import Journey, Task, TherapyLine
from ledger.clock import parse_stamp
from ledger.log.queries import RecordView
from ledger.parties.actor import Actor
from portal.presenters import planned
from portal.presenters import therapies as present
from portal.presenters.figures import unbroken
from portal.presenters.money import DecisionView, MilestoneView, decision, decision_words, milestone
from portal.presenters.therapies import EntryView, SignatureLine, StageView


@dataclass(frozen=True, slots=True)
class RowView:
    """A therapy in a list."""

    therapy: TherapyLine
    status: present.StatusView
    stages: tuple[StageView, ...]
    centre: str
    maker: str
    cover: DecisionView | None = None


@dataclass(frozen=True, slots=True)
class CoverView:
    """The payer's decision on a therapy's own page; `stated` is what stands beside it, by its title."""

    kind: str
    words: str
    at: datetime
    payer: str
    signature: SignatureLine | None
    stated: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProofView:
    """What is known of one segment: `kind` is a status kind."""

    title: str
    kind: str
    words: str
    code: str
    note: str


@dataclass(frozen=True, slots=True)
class GapView:
    """A time about which nothing is known, between two records. `kind` is stop once over the limit."""

    start: datetime
    end: datetime
    title: str
    detail: str
    kind: str = "stop"


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One place of the custody timeline: a record, or a gap. `before` is what the thread does after it.

    `correct` is where its reader may correct a value of it.
    """

    entry: EntryView | None
    gap: GapView | None
    before: str = ""
    correct: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The custody timeline: earlier records folded with a sentence, the latest open."""

    folded: tuple[TimelineItem, ...]
    shown: tuple[TimelineItem, ...]
    sentence: str


SHOWN_ENTRIES = 8
BOXED = frozenset({"release", "gate", "bedside", "infusion"})
"""Step kinds whose signatures stand in a box of their own."""


def zone() -> str:
    return timezone.get_current_timezone_name()


def row(therapy: TherapyLine, names: Mapping[UUID, str], cover: DecisionView | None = None) -> RowView:
    return RowView(
        cover=cover,
        therapy=therapy,
        status=present.status_of(therapy),
        stages=present.stages_of(therapy),
        centre=names.get(therapy.centre, ""),
        maker=names.get(therapy.maker, "") if therapy.maker else "",
    )


def covers(therapies: Sequence[TherapyLine], by: Actor) -> dict[UUID, DecisionView]:
    """How the payer decided on each of these, for those whose business it is; nothing for others."""
    if not by.may("payer.decide"):
        return {}
    listed = [one.id for one in therapies]
    found = reimbursement.decisions(by=by, therapies=listed, limit=len(listed))
    return {one.therapy.id: decision(one) for one in found}


def cover(journey: Journey, names: Mapping[UUID, str], roles: Mapping[str, str]) -> CoverView | None:
    """How the payer decided, from the record itself; None while nothing is decided, or where it cannot be read."""
    record = next((one for one in journey.records if "approved" in one.body), None)
    if record is None:
        return None
    step = journey.protocol.step(str(record.body.get("step", "")))
    values = dict(record.body.get("values", {}))
    kind, words = decision_words(approved=record.body["approved"] is True)
    return CoverView(
        kind=kind,
        words=words,
        at=record.occurred_at,
        payer=names.get(record.party, ""),
        signature=next(iter(present.signatures_of(record, roles)), None),
        stated=tuple(
            (field.title, with_unit(values[field.code]["value"], field.unit))
            for field in (step.fields if step else ())
            if field.code in values
        ),
    )


def milestones(journey: Journey, by: Actor) -> list[MilestoneView]:
    """What the payer pays for and what of it is reached; for the payer alone."""
    if not by.may("payer.decide"):
        return []
    return [milestone(one) for one in reimbursement.milestones_of(therapy=journey.therapy.id, by=by)]


def task(one: Task, at: datetime) -> dict[str, Any]:
    """An open step, at the moment and with the words that it has on every worklist."""
    return {
        "task": one,
        "at": planned.shown_at(one, at),
        "when": planned.when(one, at),
        "held": present.held_words(one),
        "mine": one.mine,
    }


def _stage_of(one: ExceptionLine, journey: Journey) -> str:
    """The stage in which an exception lies: that of its leg's first step, else of its own step."""
    on_leg = (step.stage for step in journey.protocol.steps if one.leg and step.leg == one.leg)
    own = journey.protocol.step(one.step) if one.step else None
    return next(on_leg, own.stage if own else "")


def dated_stages(journey: Journey, exceptions: Sequence[ExceptionLine] = ()) -> tuple[StageView, ...]:
    """The thread with the date on which each stage ended, and the gaps in it."""
    done = journey.state["done"]
    assert isinstance(done, dict)
    gaps = {
        where: one.finding for one in exceptions if one.kind == "custody_gap" and (where := _stage_of(one, journey))
    }
    views = []
    for stage, (code, _) in zip(present.stages_of(journey.therapy), journey.protocol.stages, strict=True):
        ends = [done[step.code]["at"] for step in journey.protocol.steps if step.stage == code and step.code in done]
        note = timezone.localtime(parse_stamp(max(ends))).strftime("%-d %b") if ends and stage.state == "done" else ""
        views.append(replace(stage, note=note, gap=gaps.get(code, "")))
    return tuple(views)


def dates(journey: Journey) -> list[tuple[str, datetime, datetime]]:
    """What is booked, in its order: the slot's title, its beginning and its end."""
    slots: Mapping[str, Any] = dict(journey.state)["slots"]  # type: ignore[assignment]
    return [
        (spec.title, parse_stamp(slots[spec.code]["start"]), parse_stamp(slots[spec.code]["end"]))
        for spec in journey.protocol.slots
        if spec.code in slots
    ]


def facts(journey: Journey, names: Mapping[UUID, str], at: datetime) -> list[tuple[str, str]]:
    """Product, protocol, organisations, and vein to vein so far."""
    therapy = journey.therapy
    shown = [
        ("Therapy", therapy.product),
        ("Protocol", f"version {journey.protocol.version}"),
        ("Centre", names.get(therapy.centre, "")),
    ]
    if therapy.maker:
        shown.append(("Maker", names.get(therapy.maker, "")))
    collected = journey.protocol.step_of_kind("collection")
    done = journey.state["done"]
    assert isinstance(done, dict)
    if collected and collected.code in done:
        start = parse_stamp(done[collected.code]["at"])
        infused = journey.protocol.step_of_kind("infusion")
        end = parse_stamp(done[infused.code]["at"]) if infused and infused.code in done else None
        days = ((end or at) - start).days
        shown.append(("Vein to vein", f"{days} days" if end else f"{days} days so far"))
    return shown


def _correctable(journey: Journey, by: Actor) -> dict[UUID | None, str]:
    """Where this actor corrects the step of a record, by the record: of each step the last one."""
    last: dict[str, UUID] = {}
    for record in journey.records:
        step = journey.protocol.step(str(record.body.get("step", "")))
        if step is not None and record.type == step.record_type:
            last[step.code] = record.id
    return {
        last[step.code]: reverse("correct_step", args=[journey.therapy.id, step.code])
        for step in journey.protocol.steps
        if step.code in last and may_correct(journey=journey, step=step, by=by)
    }


def timeline(
    journey: Journey, names: Mapping[UUID, str], roles: Mapping[str, str], gaps: Sequence[GapView], *, by: Actor
) -> Timeline:
    """Every record, oldest first, with the gaps between them; all but the latest folded."""
    entries = _told_once([present.entry_of(record, journey, names, roles) for record in journey.records], journey)
    boxed = [_is_boxed(record, journey) for record in journey.records]
    correctable = _correctable(journey, by)
    items: list[TimelineItem] = []
    waiting = sorted(gaps, key=lambda gap: gap.start)
    for entry, is_boxed in zip(entries, boxed, strict=True):
        while waiting and waiting[0].start <= entry.at:
            if items and items[-1].entry:
                items[-1] = replace(items[-1], before="to-gap")
            items.append(TimelineItem(None, waiting.pop(0)))
        items.append(TimelineItem(replace(entry, boxed=is_boxed), None, correct=correctable.get(entry.record, "")))
    items.extend(TimelineItem(None, gap) for gap in waiting)
    cut = max(0, len(items) - SHOWN_ENTRIES)
    # A gap keeps the record before it: nobody reads a gap without where it began.
    while cut and cut < len(items) and items[cut].gap:
        cut -= 1
    if journey.tasks and items and items[-1].entry:
        items[-1] = replace(items[-1], before="to-plan")
    folded = tuple(items[:cut])
    return Timeline(folded=folded, shown=tuple(items[cut:]), sentence=_folded_sentence(folded))


def _told_once(entries: Sequence[EntryView], journey: Journey) -> list[EntryView]:
    """The entries of the records, so that no two of them read as one event told twice.

    A step that is done anew says so, and an exception that a record opened does not repeat what that record says.
    """
    told: list[EntryView] = []
    done: set[str] = set()
    for record, entry in zip(journey.records, entries, strict=True):
        step = journey.protocol.step(str(record.body.get("step", "")))
        if step is not None and record.type == step.record_type:
            told.append(replace(entry, title=f"{entry.title}, again") if step.code in done else entry)
            done.add(step.code)
        elif told and entry.detail and entry.detail == told[-1].detail:
            told.append(replace(entry, detail=f"For what stands before it: “{told[-1].title}”."))
        else:
            told.append(entry)
    return told


def _is_boxed(record: RecordView, journey: Journey) -> bool:
    step = journey.protocol.step(str(record.body.get("step", "")))
    return step is not None and step.kind in BOXED


def _folded_sentence(folded: Sequence[TimelineItem]) -> str:
    """Why the folded part needs no reading; or what in it does."""
    entries = [item.entry for item in folded if item.entry]
    wrong = sum(entry.kind == "stop" for entry in entries)
    gaps = sum(item.gap is not None for item in folded)
    verified = all(entry.mark == "verified" for entry in entries)
    count = sum(entry.mark == "verified" for entry in entries)
    parts = ["all verified" if verified else f"{count or 'none'} verified"]
    if wrong:
        parts.append(f"{wrong} out of order")
    if gaps:
        parts.append(f"{gaps} with a gap")
    return ", ".join(parts)


def gaps_of(reports: Sequence[tuple[str, int, Sequence[Gap]]]) -> list[GapView]:
    """The gaps of the loggers' readings: (leg's title, minutes allowed, gaps of its report)."""
    return [
        GapView(
            start=gap.start,
            end=gap.end,
            title=unbroken(f"No reading for {gap.minutes} min"),
            detail=unbroken(f"{title}. The protocol allows {allowed} min."),
        )
        for title, allowed, gaps in reports
        for gap in gaps
    ]


def locked_gate(journey: Journey) -> tuple[str, str] | None:
    """The gate that is not open yet, and what has to be done first; None once it is open or passed."""
    gate = journey.protocol.step_of_kind("gate")
    done = journey.state["done"]
    assert isinstance(done, dict)
    if gate is None or gate.code in done or journey.therapy.status != "active":
        return None
    if any(task.step == gate.code for task in journey.tasks):
        return None
    before = [step.title for code in gate.after if code not in done and (step := journey.protocol.step(code))]
    return gate.title, ", ".join(before)


def proofs(journey: Journey) -> list[ProofView]:
    """Each segment: proven, not proven with its reason, being proven, or to come."""
    verdicts = journey.state["proofs"]
    done = journey.state["done"]
    assert isinstance(verdicts, dict)
    assert isinstance(done, dict)
    reasons = {
        record.body["segment"]: unbroken(in_titles(str(record.body["reasons"][0]), journey.protocol))
        for record in journey.records
        if record.type == "custody.proof.refused/v1" and record.body
    }
    views = []
    for segment in journey.protocol.segments:
        verdict = verdicts.get(segment.code)
        steps = [step for code in segment.steps if (step := journey.protocol.step(code))]
        finished = all(step.code in done or step.optional for step in steps)
        if verdict == "proven":
            views.append(ProofView(segment.title, "proven", "Proven", segment.code, ""))
        elif verdict == "not_proven":
            views.append(
                ProofView(segment.title, "stop", "Cannot be proven", segment.code, reasons.get(segment.code, ""))
            )
        elif finished:
            views.append(ProofView(segment.title, "move", "Being proven", segment.code, ""))
        else:
            views.append(ProofView(segment.title, "plan", "To come", segment.code, ""))
    return views
