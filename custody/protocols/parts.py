"""What a protocol is made of, as frozen dataclasses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ledger.errors import BadInput

RECORD_TYPES: Mapping[str, str] = {
    "order": "custody.therapy.ordered/v1",
    "payer_approval": "custody.payer.decided/v1",
    "booking": "custody.itinerary.booked/v1",
    "label": "custody.label.printed/v1",
    "collection": "custody.collection.performed/v1",
    "preparation": "custody.preparation.performed/v1",
    "pack": "custody.shipment.packed/v1",
    "offer": "custody.handoff.offered/v1",
    "accept": "custody.handoff.accepted/v1",
    "acceptance": "custody.material.accepted/v1",
    "process": "manufacturing.step.performed/v1",
    "test": "manufacturing.test.recorded/v1",
    "review": "manufacturing.batch.reviewed/v1",
    "release": "manufacturing.batch.released/v1",
    "gate": "custody.lymphodepletion.cleared/v1",
    "bedside": "custody.bedside.checked/v1",
    "infusion": "custody.infusion.performed/v1",
    "outcome": "custody.outcome.recorded/v1",
}
"""The record type that a step of each kind makes."""
JUDGES_ALL = 2
"""The format from which on the contract judges waits and durations, refuses impossible figures, and knows fields that
halt or are reckoned. Records under documents of format 1 replay as they were admitted."""
NAMES_ITEMS = WEIGHS_REASONS = 3
"""The format from which on what is scanned names the item that it stands on, and not the therapy alone, and from which
on a written reason says something."""


class ProtocolInvalid(BadInput):
    """A protocol document does not hold together; the message names the place."""


def with_unit(figures: str, unit: str) -> str:
    """Figures with their unit: `120 mL`, and `60 to 600 × 10⁶ cells` where the unit begins with a power of ten."""
    return f"{figures} {unit_after(unit)}" if unit else figures


def unit_after(unit: str) -> str:
    """A unit as it stands after a figure: `mL`, and `× 10⁶ cells` where it begins with a power of ten."""
    return f"× {unit}" if unit.startswith("10") else unit


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A time that follows from the records: from the end of step `start` to the end of step `end`, both by code."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is held to: another field's figure, of the same step or of one before it, both by code.

    `kind` is `at_most`, `at_least` or `same_as`; `margin_percent` is what two measurements of one thing may differ by.
    """

    kind: str
    step: str
    field: str
    margin_percent: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a step. `low`/`high` are inclusive limits in `unit`; a sensitive value is sealed, never recorded.

    `plausible`: the range that can be true at all, where the protocol names one (`custody.protocols.possible`).
    `halts`: any other answer than the expected one halts the therapy. `reckoned`: nobody enters it, it follows from the
    records. `bounds`: the other figures that it is held to.
    """

    code: str
    title: str
    kind: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    decimals: int
    choices: tuple[str, ...]
    expected: str | None
    required: bool
    sensitive: bool
    hint: str
    plausible: tuple[Decimal, Decimal] | None = None
    halts: bool = False
    reckoned: Reckoned | None = None
    bounds: tuple[Bound, ...] = ()

    def allows(self, value: str) -> bool:
        """Whether a value of the right form is inside the limits."""
        if self.kind == "decimal":
            number = Decimal(value)
            return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)
        return self.expected is None or value == self.expected

    @property
    def limits(self) -> str:
        """The limits in words, for example `50 to 400 mL`."""
        if self.low is not None and self.high is not None:
            return with_unit(f"{self.low} to {self.high}", self.unit)
        if self.low is not None:
            return with_unit(f"at least {self.low}", self.unit)
        if self.high is not None:
            return with_unit(f"at most {self.high}", self.unit)
        return f"expected: {self.expected}" if self.expected else ""


@dataclass(frozen=True, slots=True)
class Due:
    """When a step is due: minutes after the start or end of a booked slot, or after the last step before it."""

    slot: str | None
    edge: str
    offset_minutes: int


@dataclass(frozen=True, slots=True)
class Step:
    """One act of one role. `number` is the step's place in the document and its code in proofs."""

    number: int
    code: str
    title: str
    stage: str
    kind: str
    party: str
    roles: tuple[str, ...]
    after: tuple[str, ...]
    meaning: str
    second_roles: tuple[str, ...]
    scans: tuple[str, ...]
    fields: tuple[Field, ...]
    due: Due
    duration_max_minutes: int
    wait_max_minutes: int
    leg: str | None
    optional: bool
    repeats: bool
    completes: bool
    timer_minutes: int | None
    material: bool = True
    """Whether something of the patient is handled, so that its label is scanned."""

    @property
    def record_type(self) -> str:
        return RECORD_TYPES[self.kind]

    @property
    def needs_second(self) -> bool:
        return bool(self.second_roles)

    def field(self, code: str) -> Field | None:
        return next((field for field in self.fields if field.code == code), None)


@dataclass(frozen=True, slots=True)
class Leg:
    """A transport leg's specification. Temperatures in hundredths of a degree Celsius, tilt in degrees, shock in g.

    The hard limits are those that no reading passes, whatever the budget; None where the protocol names none.
    """

    code: str
    title: str
    origin: str
    destination: str
    low_c100: int
    high_c100: int
    budget_minutes: int
    gap_max_minutes: int
    tilt_max_degrees: int
    tilt_max_minutes: int
    hold_max_hours: int
    container: str
    hard_low_c100: int | None = None
    hard_high_c100: int | None = None
    shock_max_g: int | None = None


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """One booking of the chain: its kind, whose it is, how long it takes and how long after the one before."""

    code: str
    title: str
    kind: str
    party: str
    minutes: int
    gap_min_minutes: int
    gap_max_minutes: int


@dataclass(frozen=True, slots=True)
class Milestone:
    """What a payer pays for: reached when `step` is on record; where it names a segment in `proof`, when that one's
    compliance proof is. `share_percent` of the agreed price."""

    code: str
    title: str
    step: str
    share_percent: int
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """The steps that one compliance proof covers.

    `since`: steps of earlier segments with which it begins, so that the waits after them are proven as well.
    `vein_to_vein`: it proves that collection to infusion took no longer than the protocol allows.
    """

    code: str
    title: str
    steps: tuple[str, ...]
    leg: str | None
    since: tuple[str, ...] = ()
    vein_to_vein: bool = False


@dataclass(frozen=True, slots=True)
class Protocol:
    """A therapy's protocol: which acts, by whom, in which order, within which limits.

    `format` is the edition of the document's rules: what JUDGES_ALL brought is asked of no record under an older one.
    """

    digest: str
    format: int
    code: str
    version: str
    title: str
    starting_material: str
    vein_to_vein_max_days: int
    stages: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    legs: tuple[Leg, ...]
    slots: tuple[SlotSpec, ...]
    milestones: tuple[Milestone, ...]
    segments: tuple[Segment, ...]
    oos_default_hours: int
    oos_hours_by_country: Mapping[str, int]
    price_minor: int
    currency: str
    _by_code: Mapping[str, Step] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_code", {step.code: step for step in self.steps})

    @property
    def judges_all(self) -> bool:
        """Whether the shared contract itself judges times, possible figures and what follows from the records."""
        return self.format >= JUDGES_ALL

    @property
    def names_items(self) -> bool:
        """Whether a label has to say which item it is on, so that one cannot be scanned in another's place."""
        return self.format >= NAMES_ITEMS

    @property
    def weighs_reasons(self) -> bool:
        """Whether the contract asks of a written reason that it says something, beyond its having three words."""
        return self.format >= WEIGHS_REASONS

    def step(self, code: str) -> Step | None:
        return self._by_code.get(code)

    def step_of_kind(self, kind: str, leg: str | None = None) -> Step | None:
        return next((s for s in self.steps if s.kind == kind and (leg is None or s.leg == leg)), None)

    def leg(self, code: str) -> Leg:
        return next(leg for leg in self.legs if leg.code == code)

    def segment_title(self, code: str) -> str:
        return next((segment.title for segment in self.segments if segment.code == code), code)

    def stage_title(self, code: str) -> str:
        return dict(self.stages).get(code, code)
