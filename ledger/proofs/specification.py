"""What a segment of a therapy has to fulfil, as a vector of integers whose hash is the public `specHash`.

A verifier builds a `SegmentSpec` from the approved protocol document, so what is written here is what is proven.
Temperatures are centi-degrees Celsius, tilt whole degrees, times and spans whole seconds, test values
non-negative integers in the unit that the protocol names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from ledger.proofs.field import encode_code

STEPS = 24
TESTS = 12
NO_LIMIT = 2**28 - 1
"""The longest span that a step or a wait may have: 8.5 years in seconds."""
NO_TOTAL_LIMIT = 2**32 - 1
TEMPERATURE_OFFSET = 30_000
MAX_TEMPERATURE = 35_535
MAX_TILT = 180
MAX_TEST_VALUE = 2**48 - 1
_TEMPERATURE_WIDTH = 2**13 - 1
_MAX_GAP = 2**12


class UnprovableSpec(ValueError):
    """The specification does not fit the circuit; the text says which part and what would fit."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step: its code, how long it may last, and how long after the end of the step before it may begin."""

    code: str
    max_duration: int = NO_LIMIT
    max_wait: int = NO_LIMIT

    def __post_init__(self) -> None:
        _check_code(self.code)
        _within(self.max_duration, 0, NO_LIMIT, f"longest duration of step {self.code!r} in seconds")
        _within(self.max_wait, 0, NO_LIMIT, f"longest wait before step {self.code!r} in seconds")


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
    """The band of one transport leg, and the steps (by index in the segment) that the log must span."""

    temperature_lo: int
    temperature_hi: int
    tilt_hi: int
    max_gap: int
    ship_step: int
    receive_step: int

    def __post_init__(self) -> None:
        _within(self.temperature_lo, -TEMPERATURE_OFFSET, MAX_TEMPERATURE, "lowest temperature in 0.01 °C")
        highest = min(MAX_TEMPERATURE, self.temperature_lo + _TEMPERATURE_WIDTH)
        _within(self.temperature_hi, self.temperature_lo, highest, "highest temperature in 0.01 °C")
        _within(self.tilt_hi, 0, MAX_TILT, "largest tilt in degrees")
        _within(self.max_gap, 1, _MAX_GAP, "longest gap in seconds")


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A whole segment. Raises UnprovableSpec when it does not fit."""

    steps: tuple[StepSpec, ...]
    tests: tuple[TestSpec, ...] = ()
    readings: ReadingsSpec | None = None
    max_total: int = NO_TOTAL_LIMIT

    def __post_init__(self) -> None:
        _within(len(self.steps), 1, STEPS, "number of steps")
        _within(len(self.tests), 0, TESTS, "number of release tests")
        _within(self.max_total, 0, NO_TOTAL_LIMIT, "longest time for the whole segment in seconds")
        if self.readings is not None:
            last = len(self.steps) - 1
            _within(self.readings.ship_step, 0, last, "index of the step that ships")
            _within(self.readings.receive_step, self.readings.ship_step, last, "index of the step that receives")

    def vector(self) -> list[int]:
        """The numbers which the circuit takes, in its order, absent places zero."""
        leg = self.readings
        head = [0] * 7
        if leg is not None:
            band = (leg.temperature_lo + TEMPERATURE_OFFSET, leg.temperature_hi + TEMPERATURE_OFFSET, leg.tilt_hi)
            head = [1, *band, leg.max_gap, leg.ship_step, leg.receive_step]
        steps = [number for s in self.steps for number in (encode_code(s.code), s.max_duration, s.max_wait)]
        tests = [number for t in self.tests for number in (encode_code(t.code), t.lo, t.hi)]
        return [
            *head,
            len(self.steps),
            len(self.tests),
            self.max_total,
            *steps,
            *[0] * (3 * (STEPS - len(self.steps))),
            *tests,
            *[0] * (3 * (TESTS - len(self.tests))),
        ]

    def to_json(self) -> dict[str, Any]:
        """For a page or a file, from which a verifier recomputes the hash."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "tests": [asdict(test) for test in self.tests],
            "readings": asdict(self.readings) if self.readings is not None else None,
            "max_total": self.max_total,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises UnprovableSpec for anything else."""
        try:
            return cls(
                steps=tuple(StepSpec(**step) for step in document["steps"]),
                tests=tuple(TestSpec(**test) for test in document["tests"]),
                readings=ReadingsSpec(**document["readings"]) if document["readings"] is not None else None,
                max_total=document["max_total"],
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
