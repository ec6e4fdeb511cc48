"""What a step that is signed brings with it: the exception of what is out of limits, or the halt in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from custody.contract.closing import HALTED
from custody.contract.times import findings_of_times
from custody.exceptions.opening import exception_id, key_beside, open_exception
from custody.protocols.document import Protocol, Step
from ledger.log.models import Chain, Record
from ledger.log.operations import append
from ledger.parties.actor import Actor


def halting_answers(step: Step, values: Mapping[str, str]) -> dict[str, str]:
    """The answers of these values, in their canonical form, that halt the therapy."""
    return {
        field.code: values[field.code]
        for field in step.fields
        if field.halts and field.code in values and not field.allows(values[field.code])
    }


def halt_by_answers(
    *,
    chain: Chain,
    step: Step,
    answers: Mapping[str, str],
    occurred_at: datetime,
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
) -> Record:
    """Append the halt on a locked chain, signed by those who answered; the step is not recorded."""
    return append(
        chain=chain,
        by=by,
        type=HALTED,
        body={"id": str(exception_id(chain.id, key)), "step": step.code, "answers": dict(answers)},
        meaning="answered, and so halted",
        occurred_at=occurred_at,
        at=at,
        key=key,
        second=second,
    )


def raise_findings(
    *,
    chain: Chain,
    protocol: Protocol,
    step: Step,
    started: datetime,
    ended: datetime,
    by: Actor,
    at: datetime,
    key: str,
    values: Mapping[str, str] | None = None,
    others: Sequence[str] = (),
    kind: str = "deviation",
) -> Record | None:
    """Open one exception for what of a step that was just recorded is out of limits; None where nothing is.

    `values` are the sentences of values out of limits, of the kind `kind`; what is late alone is a deviation, and so is
    what the `others` say.
    """
    times = findings_of_times(chain.state, protocol, step, started=started, ended=ended)
    findings = [*(values or {}).values(), *others, *times]
    if not findings:
        return None
    return open_exception(
        chain=chain,
        kind=kind if values else "deviation",
        finding="; ".join(findings)[:240],
        step=step.code,
        occurred_at=ended,
        by=by,
        at=at,
        key=key_beside(key),
    )
