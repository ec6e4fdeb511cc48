"""Correcting a value of a step that is on record: signed by two people, with a reason, and nothing is overwritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract.comparing import HeldTo
from custody.contract.correctable import why_not
from custody.contract.corrections import CORRECTED
from custody.contract.worklist import times_done
from custody.exceptions.from_steps import halt_by_answers, halting_answers
from custody.exceptions.opening import key_beside, open_exception
from custody.protocols.document import Field, Protocol, Step
from custody.therapies.corrections import standing_values
from custody.therapies.projection import step_row_id
from custody.therapies.queries import Journey, find_therapy
from custody.therapies.steps import SEALED_TABLE, lock_therapy, seal_values, step_of
from custody.therapies.values import check
from ledger.errors import BadInput
from ledger.log.models import Record
from ledger.log.operations import append, operation
from ledger.log.queries import chain_records
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy


class NothingCorrected(BadInput):
    """Every value that was sent is the one that stands."""


@operation
def correct_step(
    *,
    therapy: UUID,
    step: str,
    values: Mapping[str, str],
    reason: str,
    by: Actor,
    second: Actor,
    at: datetime,
    key: str,
) -> Record:
    """Record other values for fields of a step; `values` holds all of its fields, and those that differ are recorded.

    A corrected value that is out of limits opens a deviation, and so does one that what was recorded later contradicts.
    One that contradicts what stands before it is refused. Raises NotPermitted, TherapyNotFound, StepUnknown,
    ValuesRefused, NothingCorrected, Refused.
    """
    find_therapy(therapy=therapy, by=by)
    chain, protocol = lock_therapy(therapy)
    by.check("step.perform")
    second.check("step.verify")
    known = step_of(protocol, step)
    standing = present_values(therapy=therapy, step=known, protocol=protocol, by=by)
    follows = {field.code: standing[field.code] for field in known.fields if field.reckoned and field.code in standing}
    held_to = HeldTo(chain.state, protocol, known)
    checked = check(known, values, follows, held_to, standing)
    changed = {code: value for code, value in checked.values.items() if standing.get(code) != value}
    if not changed:
        raise NothingCorrected("Nothing differs from what stands there. Change the value that is wrong.")
    answers = halting_answers(known, changed)
    if answers:
        return halt_by_answers(
            chain=chain, step=known, answers=answers, occurred_at=at, by=by, at=at, key=key, second=second
        )
    count = times_done(chain.state, known.code)
    secrets = {f"value:{code}": value for code, value in changed.items() if _is_sensitive(known, code)}
    sealed = seal_values(therapy, str(step_row_id(therapy, known.code, count)), secrets, by=by, at=at)
    outside = [words for code, words in checked.out_of_limits.items() if code in changed]
    outside += held_to.contradicted_later(changed)
    record = append(
        chain=chain,
        by=by,
        type=CORRECTED,
        body={
            "step": known.code,
            "n": count,
            "reason": reason,
            "values": {
                code: {"value": value, "unit": _field(known, code).unit}
                for code, value in changed.items()
                if not _is_sensitive(known, code)
            },
            "sealed": {name.removeprefix("value:"): commitment for name, commitment in sealed.items()},
            "in_limits": not outside,
        },
        meaning="value corrected",
        occurred_at=at,
        at=at,
        key=key,
        second=second,
    )
    if outside:
        open_exception(
            chain=chain,
            kind="deviation",
            finding="; ".join(outside)[:240],
            step=known.code,
            occurred_at=at,
            by=by,
            at=at,
            key=key_beside(key),
        )
    return record


def present_values(*, therapy: UUID, step: Step, protocol: Protocol, by: Actor) -> dict[str, str]:
    """The values of a step as they stand, as entered; sealed ones where the actor's organisation sealed them."""
    records = chain_records(kind="therapy", subject=therapy, prove=False)
    public = standing_values(records, protocol).get(step.code, {})
    count = sum(1 for one in records if one.body.get("step") == step.code and one.body.get("leaf"))
    row = str(step_row_id(therapy, step.code, count))
    opened = privacy.open_many(table=SEALED_TABLE, rows=[row], by=by).get(row, {})
    sealed = {name.removeprefix("value:"): value for name, value in opened.items() if name.startswith("value:")}
    return {code: str(value["value"]) for code, value in public.items()} | sealed


def may_correct(*, journey: Journey, step: Step, by: Actor) -> bool:
    """Whether this actor may correct a value of this step now."""
    if not by.may("step.perform") or by.role not in step.roles:
        return False
    parties: dict[str, str] = dict(journey.state)["parties"]  # type: ignore[assignment]
    return parties.get(step.party) == str(by.party) and not reason_not(journey=journey, step=step)


def reason_not(*, journey: Journey, step: Step) -> str:
    """Why no value of this step can be corrected, whoever asks; empty when one can."""
    state: dict[str, Any] = dict(journey.state)
    return why_not(state, journey.protocol, step)


def _field(step: Step, code: str) -> Field:
    known = step.field(code)
    assert known is not None, "the values were checked"
    return known


def _is_sensitive(step: Step, code: str) -> bool:
    return _field(step, code).sensitive


def count_corrections(*, therapies: Collection[UUID], by: Actor) -> Counter[UUID]:
    """How often the actor's organisation has corrected its steps of these therapies; one query."""
    rows = Record.objects.filter(type=CORRECTED, party_id=by.party, chain__kind="therapy", chain__subject__in=therapies)
    return Counter(rows.values_list("chain__subject", flat=True))
