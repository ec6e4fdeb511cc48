"""What the bedside's two screens say: what was shown before, and what a stop asks of the people who stand there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.protocols.document import Step
from custody.therapies.queries import Journey, TherapyLine
from ledger.clock import parse_stamp

BEFORE: tuple[tuple[str, str], ...] = (
    ("release", "Released by the Qualified Person"),
    ("acceptance", "Product accepted here"),
    ("gate", "Gate open"),
    ("bedside", "Checked at the bedside"),
)
"""Step kinds that have to stand behind an infusion, in order, and how the bedside calls them."""
WHAT: Mapping[str, str] = {
    "wristband": "This wristband belongs to another patient.",
    "bag": "This bag is for another patient.",
    "cassette": "This cassette is for another patient.",
    "label": "This label belongs to another therapy.",
    "order": "This order belongs to another therapy.",
    "shipper": "This shipper carries another patient’s cells.",
    "seal": "This seal belongs to another patient’s shipper.",
}
ON_THE_ROAD = frozenset({"shipper", "seal"})
AT_THE_PATIENT = frozenset({"bedside", "infusion"})


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """One thing that was done before and is on record. `at` is None when it is not."""

    title: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class StopView:
    """A full-screen stop: what is wrong, who says what, and what to do now, in order."""

    title: str
    says: str
    steps: tuple[tuple[str, str], ...]


def before(journey: Journey) -> tuple[ShownBefore, ...]:
    """What stands on the ledger behind this bedside: the last acceptance, since a product passes two."""
    done = journey.state["done"]
    assert isinstance(done, dict)
    shown = []
    for kind, title in BEFORE:
        of_kind = [step for step in journey.protocol.steps if step.kind == kind]
        if not of_kind:
            continue
        found = done.get(of_kind[-1].code)
        if found is None and kind == "bedside":
            continue
        shown.append(ShownBefore(title, parse_stamp(found["at"]) if found else None))
    return tuple(shown)


def halted(finding: str, step: Step | None, therapy: TherapyLine, parties: Mapping[UUID, str]) -> StopView:
    """The words of a stop after an answer that halts, by where it was given."""
    maker = parties.get(therapy.maker, "") if therapy.maker else ""
    told = f"{maker} has been told." if maker else "Everyone who takes part has been told."
    patient = step is not None and step.kind in AT_THE_PATIENT
    orders = "Do not thaw. Do not infuse." if patient else "Nothing goes on until this is settled."
    first = (
        ("Leave the bag in its cassette.", "Put the lid back on the shipper.")
        if patient
        else ("Keep everything where it is.", "Do not relabel and do not throw anything away.")
    )
    return StopView(
        title=f"This answer halts the therapy. {orders}",
        says=finding,
        steps=(
            first,
            ("Call the physician and QA.", f"{told} Say what you saw."),
            ("Somebody else closes this:", "a physician or QA with a second person, none of whom gave the answer."),
            ("Then the step is done anew.", "What was answered stays on record."),
        ),
    )


def stopped(kind: str, step: Step, therapy: TherapyLine, parties: Mapping[UUID, str]) -> StopView:
    """The words of a stop, by what was scanned and where."""
    maker = parties.get(therapy.maker, "") if therapy.maker else ""
    told = f"{maker} has been told." if maker else "Everyone who takes part has been told."
    patient = step.kind in AT_THE_PATIENT
    road = kind in ON_THE_ROAD
    title = WHAT.get(kind, "What was scanned belongs to another therapy.")
    orders = " Do not thaw. Do not infuse." if patient else " Nothing goes on until this is settled."
    steps: list[tuple[str, str]] = []
    if patient:
        steps.append(("Leave the bag in its cassette.", "Put the lid back on the shipper."))
        steps.append(("Call the cell lab and the physician.", f"{told} Both read the identifiers aloud."))
        steps.append(("Stay with the patient", "until they arrive. Nobody can override this on the ward."))
    elif road:
        steps.append(("Take nothing over, hand nothing over.", "Leave both shippers closed, sealed and plugged in."))
        steps.append(("Call dispatch and the cell lab.", f"{told} Both read shipper and seal aloud."))
        steps.append(("The therapy is halted", "until a physician or QA and a second person have closed this stop."))
    elif step.party == "maker":
        steps.append(
            ("Close it, and leave it where it is.", "Do not open another. Do not relabel, and throw nothing away.")
        )
        centre = parties.get(therapy.centre, "The centre")
        steps.append(("Call QA.", f"{centre} has been told. Two people read the identifiers aloud."))
        steps.append(("The therapy is halted", "until QA or a physician, and a second person, have closed this stop."))
    else:
        steps.append(("Keep everything where it is.", "Do not relabel and do not throw anything away."))
        steps.append(("Call the physician.", f"{told}"))
        steps.append(("The therapy is halted", "until a physician and a second person have closed this stop."))
    return StopView(title=title + orders, says=f"{kind.capitalize()} says, another therapy", steps=tuple(steps))
