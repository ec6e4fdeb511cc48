"""Opening and closing an inspection; signing a month's report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.oversight import rules
from custody.oversight.models import ReportFile
from custody.oversight.queries import PERMISSION
from ledger.clock import stamp
from ledger.crypto import canonical
from ledger.errors import Conflict
from ledger.ids import derived
from ledger.log.models import Record
from ledger.log.operations import append, lock_chain, open_chain, operation
from ledger.parties.actor import Actor

SIGN = "report.sign"


class ReportSigned(Conflict):
    """The month is reported already."""


@operation
def open_inspection(
    *,
    site: UUID,
    product: str,
    since: datetime,
    until: datetime,
    reason: str,
    reference: str,
    ends_at: datetime,
    by: Actor,
    at: datetime,
    key: str,
) -> Record:
    """Open an inspection of a site (and one of its products, or all) over a period, until `ends_at`.

    Its identifier is the record's `chain.subject`. Raises NotPermitted, Refused.
    """
    by.check(PERMISSION)
    return append(
        chain=open_chain(kind=rules.INSPECTION, subject=derived("inspection", by.party, key)),
        by=by,
        type=rules.OPENED,
        body={
            "site": str(site),
            "product": product,
            "since": stamp(since),
            "until": stamp(until),
            "reason": reason,
            "reference": reference,
            "ends_at": stamp(ends_at),
        },
        meaning="inspection opened",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def close_inspection(*, inspection: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Close an inspection before its time. Raises NotPermitted, ChainMissing, Refused."""
    by.check(PERMISSION)
    return _end(inspection, "closed", "inspection closed", by=by, at=at, key=key)


@operation
def end_inspection(*, inspection: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Write down that an inspection's time is over. Raises NotPermitted, ChainMissing, Refused."""
    by.check("inspection.end")
    return _end(inspection, "ended", "inspection ended", by=by, at=at, key=key)


def _end(inspection: UUID, how: str, meaning: str, *, by: Actor, at: datetime, key: str) -> Record:
    return append(
        chain=lock_chain(kind=rules.INSPECTION, subject=inspection),
        by=by,
        type=rules.CLOSED,
        body={"how": how},
        meaning=meaning,
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def sign_report(*, month: str, content: Mapping[str, Any], pdf: bytes, by: Actor, at: datetime, key: str) -> Record:
    """Sign an organisation's report on a month, in both its forms, and keep them. Raises NotPermitted, Refused."""
    by.check(SIGN)
    chain = open_chain(kind=rules.REPORTS, subject=rules.reports_of(by.party))
    if month in chain.state["months"]:
        raise ReportSigned(f"The report on {month} is signed already. What was signed is not signed otherwise.")
    encoded = canonical.encode(dict(content))
    files = {hashlib.sha256(part).hexdigest(): part for part in (encoded, pdf)}
    ReportFile.objects.bulk_create(
        [ReportFile(digest=digest, content=part) for digest, part in files.items()], ignore_conflicts=True
    )
    digests = list(files)
    return append(
        chain=chain,
        by=by,
        type=rules.SIGNED,
        body={"month": month, "digest": digests[0], "pdf": digests[-1]},
        meaning="report signed",
        occurred_at=at,
        at=at,
        key=key,
    )
