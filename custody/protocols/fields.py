"""What a protocol may say of its fields beside their limits: what is possible, what halts, what is reckoned. Pure.

What holds one field's figure to another's is in `custody.protocols.bounds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from custody.protocols.parts import JUDGES_ALL, Field, Protocol, ProtocolInvalid, Step

SECONDS: Mapping[str, int] = {"min": 60, "h": 3600, "d": 86_400}
"""Units of a reckoned time."""
NEVER_HALTS = frozenset({"order", "payer_approval", "booking", "offer", "test", "outcome"})
"""Step kinds at which no answer halts: nothing is under way yet or asked, a result has its own path, or all is over."""
NEVER_RECKONED = frozenset({"order", "payer_approval", "booking", "test"})


def check_fields(protocol: Protocol, before: Mapping[str, frozenset[str]]) -> None:
    """Raise ProtocolInvalid, which names the field and what would be right. `before`: each step's ancestors."""
    for step in protocol.steps:
        if not protocol.judges_all and not step.material:
            raise ProtocolInvalid(
                f"Step “{step.code}”: “material” belongs to the format needlepoint-protocol/{JUDGES_ALL}."
            )
        for field in step.fields:
            where = f"Step “{step.code}”, field “{field.code}”"
            if not protocol.judges_all and (
                field.plausible is not None or field.halts or field.reckoned is not None or field.bounds
            ):
                raise ProtocolInvalid(
                    f"{where}: “plausible”, “halts”, “reckoned” and what holds it to another field belong to the "
                    f"format needlepoint-protocol/{JUDGES_ALL}."
                )
            _plausible(where, field)
            if field.halts:
                _halts(where, step, field)
            if field.reckoned is not None:
                _reckoned(where, step, field, protocol, before)


def _plausible(where: str, field: Field) -> None:
    if field.plausible is None:
        return
    low, high = field.plausible
    if field.kind != "decimal":
        raise ProtocolInvalid(f"{where}: only a decimal has a plausible range.")
    if low >= high:
        raise ProtocolInvalid(f"{where}: the plausible range begins above its end.")
    for limit in (field.low, field.high):
        if limit is not None and not low <= limit <= high:
            raise ProtocolInvalid(f"{where}: the limit {limit} lies outside the plausible range.")
    for bound in field.plausible:
        if bound != bound.quantize(Decimal(1).scaleb(-field.decimals)):
            raise ProtocolInvalid(f"{where}: the bound {bound} has more than {field.decimals} decimals.")


def _halts(where: str, step: Step, field: Field) -> None:
    if field.kind not in {"check", "choice"} or field.expected is None:
        raise ProtocolInvalid(f"{where}: an answer halts where one is expected, in a check or a choice.")
    if field.sensitive or not field.required:
        raise ProtocolInvalid(f"{where}: an answer that halts is required and stands in the open.")
    if step.kind in NEVER_HALTS:
        raise ProtocolInvalid(f"{where}: no answer halts in a step of the kind “{step.kind}”.")


def _reckoned(where: str, step: Step, field: Field, protocol: Protocol, before: Mapping[str, frozenset[str]]) -> None:
    assert field.reckoned is not None
    if field.plausible is not None:
        raise ProtocolInvalid(f"{where}: what is reckoned follows from the records, and has no plausible range.")
    start, end = protocol.step(field.reckoned.start), protocol.step(field.reckoned.end)
    if field.kind != "decimal" or field.unit not in SECONDS:
        raise ProtocolInvalid(f"{where}: what is reckoned is a decimal in min, h or d.")
    if field.sensitive or not field.required:
        raise ProtocolInvalid(f"{where}: what is reckoned is required and stands in the open.")
    if step.kind in NEVER_RECKONED:
        raise ProtocolInvalid(f"{where}: nothing is reckoned in a step of the kind “{step.kind}”.")
    if start is None or end is None or start.code not in before[end.code]:
        raise ProtocolInvalid(f"{where}: it is reckoned from one step to another that comes after it.")
    if end.code != step.code and end.code not in before[step.code]:
        raise ProtocolInvalid(f"{where}: “{end.code}” is not done yet when this is reckoned.")
    if start.optional or start.repeats or (end.code != step.code and (end.optional or end.repeats)):
        raise ProtocolInvalid(f"{where}: it is reckoned between steps that are always done, and once.")
