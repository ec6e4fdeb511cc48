"""A value of a batch step that was misread and corrected, so that the demonstration shows what becomes of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from custody.protocols.document import Field
from custody.therapies.correcting import correct_step, present_values
from custody.therapies.models import StepRecord
from custody.therapies.queries import protocol_by_digest
from portal.demonstration.consortium import Cast

MAKER = "M0311"


def tell_correction(cast: Cast, *, now: datetime) -> None:
    """Correct the last process step with a measured value of a batch that waits for its review or is being made."""
    rows = StepRecord.objects.filter(kind="process", party__code=MAKER, therapy__status="active", in_limits=True)
    for row in rows.select_related("therapy").order_by("-performed_at", "id")[:60]:
        protocol = protocol_by_digest(row.therapy.protocol_digest)
        step, release = protocol.step(row.step), protocol.step_of_kind("release")
        measured = [field for field in step.fields if _between(field)] if step else []
        if step is None or not measured or StepRecord.objects.filter(
            therapy=row.therapy, step=release.code if release else ""
        ).exists():  # fmt: skip
            continue
        first = cast.actor(row.party_id, *step.roles)
        second = cast.actor(row.party_id, *(step.second_roles or step.roles), other_than=first.person)
        values = present_values(therapy=row.therapy_id, step=step, protocol=protocol, by=first)
        field = measured[0]
        correct_step(
            therapy=row.therapy_id,
            step=step.code,
            values=values | {field.code: _another(field, values[field.code])},
            reason="misread",
            by=first,
            second=second,
            at=max(row.performed_at + timedelta(minutes=25), now - timedelta(hours=2)),
            key="demo-step-correction",
        )
        return


def _between(field: Field) -> bool:
    return field.kind == "decimal" and not field.sensitive and field.low is not None and field.high is not None


def _another(field: Field, value: str) -> str:
    """Another value in limits."""
    assert field.low is not None
    assert field.high is not None
    middle = round((field.low + field.high) / 2, field.decimals)
    return f"{next(one for one in (middle, field.low, field.high) if one != Decimal(value)):f}"
