"""What was corrected on the steps of a therapy, read off its records in their order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from custody.contract.corrections import CORRECTED
from custody.protocols.document import Field, Protocol, Step
from custody.protocols.parts import with_unit
from ledger.log.queries import RecordView


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One field before and after, as text with its unit; both are empty where the value is sealed."""

    field: Field
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StepCorrection:
    """One correction; `record` is its own, with both signatures."""

    step: Step
    record: RecordView
    reason: str
    changes: tuple[ValueChange, ...]


def corrections(records: Iterable[RecordView], protocol: Protocol) -> list[StepCorrection]:
    """Every correction among the records of a therapy, which are in their order."""
    standing: dict[str, dict[str, Any]] = {}
    found = []
    for record in records:
        step = protocol.step(str(record.body.get("step", "")))
        values = record.body.get("values")
        if step is None or not isinstance(values, Mapping):
            continue
        if record.type != CORRECTED:
            standing[step.code] = dict(values)
            continue
        known = standing.setdefault(step.code, {})
        changes = [
            ValueChange(field, _text(known.get(field.code)), _text(values.get(field.code)))
            for field in step.fields
            if field.code in values or field.code in record.body.get("sealed", {})
        ]
        known.update(values)
        found.append(StepCorrection(step, record, str(record.body.get("reason", "")), tuple(changes)))
    return found


def standing_values(records: Iterable[RecordView], protocol: Protocol) -> dict[str, dict[str, Any]]:
    """The public values of each step as they stand after every correction, by step and field."""
    standing: dict[str, dict[str, Any]] = {}
    for record in records:
        step, values = str(record.body.get("step", "")), record.body.get("values")
        if protocol.step(step) is None or not isinstance(values, Mapping):
            continue
        standing[step] = {**standing.get(step, {}), **values} if record.type == CORRECTED else dict(values)
    return standing


def _text(value: Mapping[str, Any] | None) -> str:
    return with_unit(str(value["value"]), str(value["unit"])) if value else ""
