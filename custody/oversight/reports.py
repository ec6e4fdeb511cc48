"""What a month's report to the authority says: counted from the rows, by pseudonym, without any value.

One organisation's therapies, the exceptions found at it, and the verdicts on its therapies' segments. The report names
the log's checkpoint under which it was made, so that whoever holds the log can count again.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from custody.compliance.models import ComplianceProof
from custody.compliance.queries import NOT_PROVEN, PROVEN
from custody.exceptions.models import CustodyException, ExceptionKind
from custody.exceptions.queries import SITE
from custody.oversight.rules import month_bounds
from custody.protocols.document import Protocol
from custody.protocols.wording import in_titles
from custody.therapies.models import Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.clock import stamp
from ledger.log.tiles import latest_checkpoint
from ledger.parties.queries import Member

FORMAT = "needlepoint-report/v1"
LISTED = 400
"""Exceptions, and segments not proven, that are listed one by one; the counts are of all."""


def content_of(member: Member, month: str, *, at: datetime) -> dict[str, Any]:
    """The report's content as JSON without floats. Raises ValueError for what is no month."""
    since, until = month_bounds(month)
    therapies = Therapy.objects.filter(Q(centre_id=member.id) | Q(maker_id=member.id))
    found = CustodyException.objects.annotate(site=SITE).filter(site=member.id)
    opened = found.filter(opened_at__gte=since, opened_at__lt=until)
    closed = found.filter(closed_at__gte=since, closed_at__lt=until)
    still = found.filter(opened_at__lt=until).filter(Q(closed_at=None) | Q(closed_at__gte=until))
    judged = ComplianceProof.objects.filter(therapy__in=therapies, published_at__gte=since, published_at__lt=until)
    checkpoint = latest_checkpoint()
    ended = therapies.filter(ended_at__gte=since, ended_at__lt=until)
    oldest = still.order_by("opened_at").values_list("opened_at", flat=True).first()
    listed = (opened | still).distinct().order_by("rank", "opened_at", "id")[:LISTED]
    refused = judged.filter(verdict=NOT_PROVEN).order_by("published_at", "id").select_related("therapy")[:LISTED]
    return {
        "format": FORMAT,
        "log": settings.LOG_ORIGIN,
        "organisation": {"id": str(member.id), "code": member.code, "name": member.name, "kind": member.kind},
        "month": month,
        "made_at": stamp(at),
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root} if checkpoint else None,
        "therapies": {
            "ordered": therapies.filter(ordered_at__gte=since, ordered_at__lt=until).count(),
            "infused": ended.filter(status="completed").count(),
            "ended_otherwise": ended.exclude(status="completed").count(),
            "under_way_at_the_end": therapies.filter(ordered_at__lt=until)
            .filter(Q(ended_at=None) | Q(ended_at__gte=until))
            .count(),
        },
        "segments": {
            "proven": judged.filter(verdict=PROVEN).count(),
            "not_proven": judged.filter(verdict=NOT_PROVEN).count(),
            "list": [_segment(row, protocol_by_digest(row.therapy.protocol_digest)) for row in refused],
        },
        "exceptions": {
            "opened": _by_kind(opened),
            "closed": _by_kind(closed),
            "open_at_the_end": _by_kind(still),
            "oldest_open_days": (until - oldest) // timedelta(days=1) if oldest else 0,
            "list": [_exception(row, until) for row in listed],
        },
    }


def _segment(row: ComplianceProof, protocol: Protocol) -> dict[str, Any]:
    return {
        "therapy": str(row.therapy_id),
        "segment": row.segment,
        "title": protocol.segment_title(row.segment),
        "reasons": [in_titles(str(reason), protocol) for reason in row.reasons],
        "record": str(row.record_id),
    }


def _by_kind(rows: Any) -> dict[str, int]:
    counts = Counter(rows.values_list("kind", flat=True))
    return {kind: counts[kind] for kind in ExceptionKind.values if counts[kind]}


def _exception(row: CustodyException, until: datetime) -> dict[str, Any]:
    over = row.closed_at is not None and row.closed_at < until
    return {
        "id": str(row.id),
        "therapy": str(row.therapy_id),
        "kind": row.kind,
        "opened_at": stamp(row.opened_at),
        "closed_at": stamp(row.closed_at) if over and row.closed_at else None,
        "resolution": row.resolution if over else "",
        "cause": row.cause if over else "",
        "record": str(row.record_id),
    }
