"""What happens to oversight as time goes by: inspections end, and each organisation's month is reported and signed.

Reports are made by one job an organisation and month, as soon as the month is over; a month in which an organisation
had nothing to do is reported too, as silence would say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from custody.compliance.tasks import operator_prover
from custody.oversight import operations, reports
from custody.oversight.models import Inspection, Report
from custody.oversight.printing import pdf_of
from custody.oversight.rules import SITE_KINDS, month_before, month_bounds
from custody.therapies.models import TherapyParty
from ledger.errors import Refusal
from ledger.log.models import Record
from ledger.outbox.handlers import JobRun, handles
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor, service_actor
from ledger.parties.queries import Member, parties, party

JOB = "report.sign"
AFTER = timedelta(minutes=10)
"""How long after a month's end its report is made: what happened then may be recorded a little later."""


def enqueue_reports(*, at: datetime) -> int:
    """Put last month's missing reports into the outbox, once each; how many there were."""
    month = month_before(at)
    _, until = month_bounds(month)
    if at < until + AFTER:
        return 0
    signed = set(Report.objects.filter(month=month).values_list("party_id", flat=True))
    busy = set(TherapyParty.objects.values_list("party_id", flat=True).distinct())
    wanted = [one for one in parties() if one.kind in SITE_KINDS and one.id in busy - signed]
    for member in wanted:
        enqueue(
            kind=JOB,
            payload={"party": str(member.id), "month": month},
            at=at,
            key=f"{JOB}:{member.id}:{month}",
        )
    return len(wanted)


@handles(JOB, lease_seconds=120)
def sign(payload: Mapping[str, Any], run: JobRun) -> None:
    """Make and sign one report; a second run finds it signed."""
    sign_now(member=party(UUID(payload["party"])), month=str(payload["month"]), at=run.at)


def sign_now(*, member: Member, month: str, at: datetime) -> Record | None:
    """Make and sign an organisation's report on a month; None when that is done already. Raises Refused."""
    if Report.objects.filter(party_id=member.id, month=month).exists():
        return None
    content = reports.content_of(member, month, at=at)
    return operations.sign_report(
        month=month, content=content, pdf=pdf_of(content), by=reporter(member), at=at, key=f"report:{member.id}:{month}"
    )


def end_inspections(*, at: datetime) -> int:
    """Write down the end of the inspections whose time is over; how many there were."""
    over = list(Inspection.objects.filter(status="open", ends_at__lte=at).values_list("pk", flat=True))
    if not over:
        return 0
    operator = operator_prover()
    by = service_actor(
        party=operator.party,
        party_code=operator.party_code,
        party_kind=operator.party_kind,
        service="inspection clock",
        permissions=frozenset({"inspection.end"}),
    )
    ended = 0
    for identifier in over:
        try:
            operations.end_inspection(inspection=identifier, by=by, at=at, key=f"ended:{identifier}")
        except Refusal:
            # Closed by the authority between the list and the lock.
            continue
        ended += 1
    return ended


def reporter(member: Member) -> Actor:
    """An organisation's own software, which signs its reports and does nothing else."""
    return service_actor(
        party=member.id,
        party_code=member.code,
        party_kind=member.kind,
        service="reporter",
        permissions=frozenset({operations.SIGN}),
    )
