"""One step's figures held to another's, by the state alone: what is on record, and what stands after corrections. Pure.

The state keeps the figures of those fields that a bound speaks of, and no others: a therapy whose protocol holds no
figure to another has the state that it always had. A figure that is entered, or corrected, has to agree with what
stands before it. Where a correction contradicts what was recorded after it, it is believed and the contradiction is
raised: both cannot be true, and only others can say which (docs/adr/0021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from custody.contract.correctable import why_not
from custody.protocols.bounds import agrees, figure, reach, relation
from custody.protocols.document import Bound, Field, Protocol, Step

FIGURES = "figures"
"""The member of a step that is done, in the state, which holds its figures by field."""
REMEMBERED = 64
_named: dict[str, frozenset[tuple[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Held:
    """A bound with the field that it holds, the one that it names, and the figure that stands there."""

    bound: Bound
    field: Field
    other_step: Step
    other: Field
    stands: str
    """Empty where the other field is of the same step and not entered yet."""
    own: bool

    @property
    def named(self) -> str:
        """`“Bags received” in “Accept the product”, 2 bags`."""
        where = "" if self.own else f" in “{self.other_step.title}”"
        return f"“{self.other.title}”{where}" + (f", {figure(self.stands, self.other)}" if self.stands else "")

    @property
    def words(self) -> str:
        """For whoever is about to enter the figure."""
        said = relation(self.bound, self.named)
        return f"{said[:1].upper()}{said[1:]}."

    @property
    def reach(self) -> tuple[Decimal | None, Decimal | None]:
        """The lowest and the highest figure that agree; None where there is no such bound, or none yet."""
        return reach(self.bound, self.field, self.other, self.stands) if self.stands else (None, None)


@dataclass(frozen=True, slots=True)
class HeldTo:
    """What the figures of a step are held to: its protocol and the therapy's state, empty before the order."""

    state: Mapping[str, Any]
    protocol: Protocol
    step: Step

    def contradictions(self, values: Mapping[str, str], *, changed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Why each of these values cannot be true, by field code; what has not `changed` is not judged again."""
        found: dict[str, str] = {}
        for held in self._held(values):
            touched = {held.field.code} | ({held.other.code} if held.own else set())
            if changed is not None and touched.isdisjoint(changed):
                continue
            value = values.get(held.field.code)
            if value is not None and not agrees(held.bound, held.field, value, held.other, held.stands):
                found.setdefault(held.field.code, self._sentence(held, value))
        return found

    def held(self, field: Field, values: Mapping[str, str] | None = None) -> list[Held]:
        """What a field is held to: figures on record, and fields of this step, filled in with `values` or not yet."""
        own = dict.fromkeys((one.code for one in self.step.fields), "") | dict(values or {})
        return [held for held in self._held(own) if held.field.code == field.code]

    def contradicted_later(self, changed: Mapping[str, str]) -> list[str]:
        """What was recorded after this step and does not agree with these corrected values, in sentences."""
        found = []
        for step in self.protocol.steps:
            if step.code == self.step.code:
                continue
            for field in step.fields:
                value = figures_of(self.state, step.code).get(field.code)
                for bound in field.bounds:
                    if value is None or bound.step != self.step.code or bound.field not in changed:
                        continue
                    other = _field(self.step, bound.field)
                    if not agrees(bound, field, value, other, changed[bound.field]):
                        found.append(
                            f"{other.title} corrected to {figure(changed[bound.field], other)}, but “{field.title}” in "
                            f"“{step.title}” is {figure(value, field)}"
                        )
        return found

    def _held(self, values: Mapping[str, str]) -> Iterator[Held]:
        """Every bound of the step whose other figure is there: on record, or among these values."""
        for field in self.step.fields:
            for bound in field.bounds:
                own = bound.step == self.step.code
                stands = (values if own else figures_of(self.state, bound.step)).get(bound.field)
                other_step = self.step if own else self.protocol.step(bound.step)
                if stands is not None and other_step is not None:
                    yield Held(bound, field, other_step, _field(other_step, bound.field), stands, own)

    def _sentence(self, held: Held, value: str) -> str:
        to_do = "Check both figures."
        if not held.own:
            final = why_not(self.state, self.protocol, held.other_step)
            to_do = "Check the figure. If the other one is wrong, " + (
                "it can no longer be corrected: do not go on, and open an exception."
                if final
                else f"“{held.other_step.title}” is corrected first."
            )
        entered = figure(value, held.field)
        return f"{held.field.title} {relation(held.bound, held.named)}; {entered} is not possible. {to_do}"


def figures_of(state: Mapping[str, Any], code: str) -> Mapping[str, str]:
    """The figures of a step that stand, by field code: those that some bound speaks of; empty where it is not done."""
    found: Mapping[str, str] = state.get("done", {}).get(code, {}).get(FIGURES, {})
    return found


def compared(protocol: Protocol, step: Step, values: Mapping[str, str]) -> dict[str, str]:
    """Those of a step's values that some bound of the protocol speaks of."""
    return {code: value for code, value in values.items() if (step.code, code) in _spoken_of(protocol)}


def _spoken_of(protocol: Protocol) -> frozenset[tuple[str, str]]:
    """Step and field, by code, of every figure that is held to another or that another is held to."""
    found = _named.get(protocol.digest)
    if found is None:
        bounds = [
            (step.code, field.code, bound) for step in protocol.steps for field in step.fields for bound in field.bounds
        ]
        found = frozenset(
            place for step, field, bound in bounds for place in ((step, field), (bound.step, bound.field))
        )
        while len(_named) >= REMEMBERED:
            _named.pop(next(iter(_named)), None)
        _named[protocol.digest] = found
    return found


def _field(step: Step, code: str) -> Field:
    field = step.field(code)
    assert field is not None, "the document was checked"
    return field
