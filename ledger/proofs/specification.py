"""What a segment of a therapy has to fulfil, as a vector of integers whose hash is the public `specHash`.

A verifier builds a `SegmentSpec` from the approved protocol document, so what is written here is what is proven.
Temperatures are centi-degrees Celsius, tilt whole degrees, shock whole g, times and spans whole seconds, test values
non-negative integers in the unit that the protocol names. The steps are a graph: each names the steps before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from ledger.proofs.field import encode_code

STEPS = 24
TESTS = 12
PREDECESSORS = 2
NO_LIMIT = 2**27 - 1
"""The longest span that a step or a wait may have: 4.2 years in seconds."""
NO_SPAN_LIMIT = 2**32 - 1
TEMPERATURE_OFFSET = 30_000
MAX_TEMPERATURE = 35_535
MAX_TILT = 127
"""A tilt beyond is written as this, so this limit allows everything."""
MAX_SHOCK = 63
"""A shock beyond is written as this, so this limit allows everything."""
MAX_TEST_VALUE = 2**48 - 1
MAX_GAP = 2**11 - 1
MAX_BUDGET = 2**26
_TEMPERATURE_WIDTH = 2**13 - 1
_READINGS_HEAD = 11


class UnprovableSpec(ValueError):
    """The specification does not fit the circuit; the text says which part and what would fit."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step: how long it may last, which steps of the segment (by index) end before it begins, and how long after
    the last of them it may begin at most. A step after none counts from the segment's beginning.

    `optional`: may be left out; what comes after it then waits for what came before it. `two_people`: a second person
    verified.
    """

    code: str
    max_duration: int = NO_LIMIT
    max_wait: int = NO_LIMIT
    after: tuple[int, ...] = ()
    optional: bool = False
    two_people: bool = False

    def __post_init__(self) -> None:
        _check_code(self.code)
        _within(self.max_duration, 0, NO_LIMIT, f"longest duration of step {self.code!r} in seconds")
        _within(self.max_wait, 0, NO_LIMIT, f"longest wait before step {self.code!r} in seconds")
        _within(len(self.after), 0, PREDECESSORS, f"number of steps just before step {self.code!r}")
        if type(self.optional) is not bool or type(self.two_people) is not bool:
            raise UnprovableSpec(f"step {self.code!r}: optional and two_people are true or false")

    @property
    def rules(self) -> int:
        """All but the code as one number: duration 32 bits, wait 32, two predecessors 8 each, and two flags.

        A predecessor is written as its index plus one; 0 is the beginning. A single one is written twice.
        """
        before = [index + 1 for index in self.after] or [0]
        flags = (self.optional << 80) + (self.two_people << 81)
        return self.max_duration + (self.max_wait << 32) + (before[0] << 64) + (before[-1] << 72) + flags


@dataclass(frozen=True, slots=True)
class TestSpec:
    """One release test with both limits included. `unit` and `decimals` only word a reason; they are not hashed."""

    __test__: ClassVar[bool] = False

    code: str
    lo: int
    hi: int
    unit: str = field(default="", compare=False)
    decimals: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        _check_code(self.code)
        _within(self.lo, 0, MAX_TEST_VALUE, f"lower limit of test {self.code!r}")
        _within(self.hi, self.lo, MAX_TEST_VALUE, f"upper limit of test {self.code!r}")


@dataclass(frozen=True, slots=True)
class ReadingsSpec:
    """The limits of one transport leg, and the steps (by index in the segment) that the log must span.

    Every reading lies within the hard limits. Those outside the band answer for the time to their neighbours by half;
    `budget` is how many seconds of that the product bears, all on one side of the band.
    """

    temperature_lo: int
    temperature_hi: int
    hard_lo: int
    hard_hi: int
    budget: int
    tilt_hi: int
    shock_hi: int
    max_gap: int
    ship_step: int
    receive_step: int

    def __post_init__(self) -> None:
        _within(self.temperature_lo, -TEMPERATURE_OFFSET, MAX_TEMPERATURE, "lowest temperature in 0.01 °C")
        highest = min(MAX_TEMPERATURE, self.temperature_lo + _TEMPERATURE_WIDTH)
        _within(self.temperature_hi, self.temperature_lo, highest, "highest temperature in 0.01 °C")
        # One step of the whole way beyond has to reach every temperature between.
        way = self.temperature_hi - self.temperature_lo + 1
        lowest, highest = max(-TEMPERATURE_OFFSET, self.temperature_lo - way), self.temperature_hi + way
        _within(self.hard_lo, lowest, self.temperature_lo, "lower hard limit in 0.01 °C")
        _within(self.hard_hi, self.temperature_hi, min(MAX_TEMPERATURE, highest), "upper hard limit in 0.01 °C")
        _within(self.budget, 0, MAX_BUDGET, "time outside the band in seconds")
        _within(self.tilt_hi, 0, MAX_TILT, "largest tilt in degrees")
        _within(self.shock_hi, 0, MAX_SHOCK, "largest shock in g")
        _within(self.max_gap, 1, MAX_GAP, "longest gap in seconds")


@dataclass(frozen=True, slots=True)
class SpanSpec:
    """From the start of one step to the end of another (by index) at most `longest` seconds: vein to vein."""

    first: int
    last: int
    longest: int

    def __post_init__(self) -> None:
        _within(self.longest, 0, NO_SPAN_LIMIT, "longest span in seconds")


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A whole segment. Raises UnprovableSpec when it does not fit."""

    steps: tuple[StepSpec, ...]
    tests: tuple[TestSpec, ...] = ()
    readings: ReadingsSpec | None = None
    span: SpanSpec | None = None

    def __post_init__(self) -> None:
        _within(len(self.steps), 1, STEPS, "number of steps")
        _within(len(self.tests), 0, TESTS, "number of release tests")
        for kind, codes in (("steps", [s.code for s in self.steps]), ("tests", [t.code for t in self.tests])):
            if len(set(codes)) != len(codes):
                raise UnprovableSpec(f"two {kind} have the same code")
        for place, step in enumerate(self.steps):
            for index in step.after:
                _within(index, 0, place - 1, f"index of a step before {step.code!r}")
            if len(set(step.after)) != len(step.after):
                raise UnprovableSpec(f"step {step.code!r} names a step before it twice")
        if self.readings is not None:
            self._names("step that ships", self.readings.ship_step)
            self._names("step that receives", self.readings.receive_step)
            _within(self.readings.receive_step, self.readings.ship_step, STEPS, "index of the step that receives")
        if self.span is not None:
            self._names("step with which the span begins", self.span.first)
            self._names("step with which the span ends", self.span.last)

    def _names(self, what: str, index: int) -> None:
        _within(index, 0, len(self.steps) - 1, f"index of the {what}")
        if self.steps[index].optional:
            raise UnprovableSpec(f"the {what} cannot be optional")

    def vector(self) -> list[int]:
        """The numbers which the circuit takes, in its order. Absent places are zero, save that a step which is not
        there is an optional one."""
        leg = self.readings
        head = [0] * _READINGS_HEAD
        if leg is not None:
            limits = (leg.temperature_lo, leg.temperature_hi, leg.hard_lo, leg.hard_hi)
            band = [limit + TEMPERATURE_OFFSET for limit in limits]
            head = [1, *band, leg.budget, leg.tilt_hi, leg.shock_hi, leg.max_gap, leg.ship_step, leg.receive_step]
        span = (self.span.first, self.span.last, self.span.longest) if self.span else (0, 0, NO_SPAN_LIMIT)
        steps = [number for s in self.steps for number in (encode_code(s.code), s.rules)]
        tests = [number for t in self.tests for number in (encode_code(t.code), t.lo, t.hi)]
        return [
            *head,
            len(self.tests),
            *span,
            *steps,
            *[0, 1 << 80] * (STEPS - len(self.steps)),
            *tests,
            *[0] * (3 * (TESTS - len(self.tests))),
        ]

    def to_json(self) -> dict[str, Any]:
        """For a page or a file, from which a verifier recomputes the hash."""
        return {
            "steps": [{**asdict(step), "after": list(step.after)} for step in self.steps],
            "tests": [asdict(test) for test in self.tests],
            "readings": asdict(self.readings) if self.readings is not None else None,
            "span": asdict(self.span) if self.span is not None else None,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises UnprovableSpec for anything else."""
        try:
            return cls(
                steps=tuple(StepSpec(**{**step, "after": tuple(step["after"])}) for step in document["steps"]),
                tests=tuple(TestSpec(**test) for test in document["tests"]),
                readings=ReadingsSpec(**document["readings"]) if document["readings"] is not None else None,
                span=SpanSpec(**document["span"]) if document["span"] is not None else None,
            )
        except (KeyError, TypeError) as problem:
            raise UnprovableSpec(f"the specification cannot be read: {problem}") from None
        except UnprovableSpec:
            raise
        except ValueError as problem:
            raise UnprovableSpec(str(problem)) from None


def _within(value: int, lo: int, hi: int, name: str) -> None:
    if type(value) is not int or not lo <= value <= hi:
        raise UnprovableSpec(f"{name}: {value}, {lo} to {hi} can be proven")


def _check_code(code: str) -> None:
    try:
        encode_code(code)
    except ValueError as problem:
        raise UnprovableSpec(str(problem)) from None
