"""How sites compare over the months: what was judged and proven, and which kinds of exception were opened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Count
from django.db.models.functions import TruncMonth

from custody.compliance.models import ComplianceProof
from custody.compliance.queries import PROVEN
from custody.exceptions.queries import SITE, seen
from custody.therapies.figures import as_of_last_change
from custody.therapies.queries import of_visible
from ledger.parties.actor import Actor

Month = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SiteMonths:
    """One organisation, month by month (UTC): segments judged and proven there, and exceptions opened by kind.

    A segment counts at the therapy's centre and at its maker; an exception where it was found.
    """

    party: UUID
    judged: Mapping[Month, int]
    proven: Mapping[Month, int]
    exceptions: Mapping[Month, Mapping[str, int]]

    def share(self, month: Month) -> int | None:
        """The proven part of what was judged in that month, in per cent; None where nothing was judged."""
        judged = self.judged.get(month, 0)
        return 100 * self.proven.get(month, 0) // judged if judged else None


@dataclass
class _Gathered:
    judged: Counter[Month] = field(default_factory=Counter)
    proven: Counter[Month] = field(default_factory=Counter)
    exceptions: dict[Month, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def months_until(at: datetime, *, count: int) -> list[Month]:
    """The last `count` months up to and with that of `at`, the earliest first."""
    last = at.astimezone(UTC)
    number = last.year * 12 + last.month - 1
    return [(one // 12, one % 12 + 1) for one in range(number - count + 1, number + 1)]


def sites_by_month(*, by: Actor, months: Iterable[Month]) -> list[SiteMonths]:
    """Every centre and maker over these months, the most exceptions first. Three queries after a change."""
    wanted = list(months)
    first = datetime(*wanted[0], 1, tzinfo=UTC)
    name = f"months:{first:%Y-%m}:{len(wanted)}"
    return as_of_last_change(name, by=by, compute=lambda: _gather(by, first, set(wanted)))


def _gather(by: Actor, first: datetime, wanted: set[Month]) -> list[SiteMonths]:
    found: dict[UUID, _Gathered] = defaultdict(_Gathered)
    for capacity in ("centre", "maker"):
        party = f"therapy__{capacity}_id"
        rows = of_visible(ComplianceProof.objects.filter(published_at__gte=first), by).exclude(**{party: None})
        counted = (
            rows.annotate(month=TruncMonth("published_at", tzinfo=UTC)).order_by().values(party, "month", "verdict")
        )
        for row in counted.annotate(number=Count("id")):
            month = (row["month"].year, row["month"].month)
            if month in wanted:
                found[row[party]].judged[month] += row["number"]
                found[row[party]].proven[month] += row["number"] if row["verdict"] == PROVEN else 0
    opened = seen(by).select_related(None).filter(opened_at__gte=first).order_by()
    kinds = opened.annotate(site=SITE, month=TruncMonth("opened_at", tzinfo=UTC)).values("site", "month", "kind")
    for row in kinds.annotate(number=Count("id")):
        month = (row["month"].year, row["month"].month)
        if month in wanted:
            found[row["site"]].exceptions[month][row["kind"]] += row["number"]
    lines = [
        SiteMonths(
            party, dict(one.judged), dict(one.proven), {month: dict(kinds) for month, kinds in one.exceptions.items()}
        )
        for party, one in found.items()
    ]
    return sorted(
        lines, key=lambda line: (-sum(sum(kinds.values()) for kinds in line.exceptions.values()), str(line.party))
    )
