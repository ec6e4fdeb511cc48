"""The shared rules of inspections and of monthly reports. Pure: operations and every witness run them.

An inspection names what it looks at, why, and when it ends; nothing prolongs it. It ends at that moment by itself: the
record of its end, which the operator's process writes, only says so. Reasons are coded and carry a file number, so that
no sentence about a person can come to stand on the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ledger.clock import parse_stamp
from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

INSPECTION, REPORTS = "inspection", "reports"
OPENED = "custody.inspection.opened/v1"
CLOSED = "custody.inspection.closed/v1"
SIGNED = "custody.report.signed/v1"

REASONS: Mapping[str, str] = {
    "routine": "Routine inspection",
    "exception": "After an exception",
    "complaint": "After a complaint or a report",
    "follow_up": "To follow up an earlier inspection",
    "application": "For an application or a variation",
}
"""Why an inspection is opened, and how a screen says it."""
SITE_KINDS = frozenset({"treatment_centre", "manufacturer"})
LONGEST = timedelta(days=30)
"""How long an inspection may last at most."""
LONGEST_PERIOD = timedelta(days=3 * 366)
MAX_PRODUCT = 120

_REFERENCE = re.compile(r"[A-Z0-9][A-Z0-9./-]{2,29}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class InspectionContract:
    """A regulator opens an inspection of a site, once, for a stated time; it or the clock ends it."""

    chain_kind = INSPECTION

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type == OPENED:
            return _opened(state, entry, world)
        if entry.type == CLOSED:
            return _closed(state, entry, world)
        raise Refused(f"The shared rules know no record “{entry.type}” of an inspection.")


def _opened(state: State, entry: Entry, world: World) -> State:
    if state["status"] != "none":
        raise Refused("This inspection is open already.")
    if world.party(entry.party).kind != "regulator":
        raise Refused("Only the authority opens an inspection.")
    body = entry.body
    site = _site(body.get("site"), world)
    product, reason, reference = body.get("product", ""), body.get("reason"), body.get("reference")
    if not isinstance(product, str) or len(product) > MAX_PRODUCT:
        raise Refused("The product of an inspection is a name, or empty for all.")
    if reason not in REASONS:
        raise Refused(f"Say why the inspection is opened: {', '.join(REASONS)}.")
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise Refused(
            "An inspection has a file number of 3 to 30 capital letters, digits, full stops, slashes or hyphens."
        )
    since, until, ends_at = (_moment(body, name) for name in ("since", "until", "ends_at"))
    if not since < until or until - since > LONGEST_PERIOD:
        raise Refused("The period that is looked at begins before it ends, and is three years long at most.")
    if not entry.recorded_at < ends_at <= entry.recorded_at + LONGEST:
        raise Refused(f"An inspection ends after it is opened, within {LONGEST.days} days.")
    return {
        "status": "open",
        "party": str(entry.party),
        "site": site,
        "product": product,
        "since": body["since"],
        "until": body["until"],
        "reason": reason,
        "reference": reference,
        "ends_at": body["ends_at"],
    }


def _closed(state: State, entry: Entry, world: World) -> State:
    if state["status"] != "open":
        raise Refused("This inspection is not open.")
    over = entry.recorded_at >= parse_stamp(state["ends_at"])
    how = entry.body.get("how")
    if how not in {"closed", "ended"}:
        raise Refused("An inspection was closed, or it ended.")
    if how == "closed" and (str(entry.party) != state["party"] or over):
        raise Refused("The authority that opened an inspection closes it, before its end.")
    if how == "ended" and not (over and world.party(entry.party).kind == "operator"):
        raise Refused("An inspection ends at the stated time, and not before.")
    return {**state, "status": how}


class ReportContract:
    """An organisation signs a report a month, after the month; what was signed is never signed otherwise."""

    chain_kind = REPORTS

    def initial(self) -> State:
        return {"months": {}}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type != SIGNED:
            raise Refused(f"The shared rules know no record “{entry.type}” of a report.")
        if world.party(entry.party).kind not in SITE_KINDS:
            raise Refused("Centres and makers report to the authority, and nobody else.")
        if entry.subject != reports_of(entry.party):
            raise Refused("An organisation signs its own reports.")
        month, digest, pdf = (entry.body.get(name) for name in ("month", "digest", "pdf"))
        if not isinstance(month, str) or not _MONTH.fullmatch(month):
            raise Refused("A report is about a month such as 2026-11.")
        if entry.recorded_at < month_bounds(month)[1]:
            raise Refused("A month is reported when it is over.")
        if month in state["months"]:
            raise Refused(f"The report on {month} is signed already.")
        for value in (digest, pdf):
            if not isinstance(value, str) or not _DIGEST.fullmatch(value):
                raise Refused("A report is named by the SHA-256 of its two forms.")
        return {"months": {**state["months"], month: digest}}


def reports_of(party: UUID) -> UUID:
    """The subject of the chain that holds an organisation's reports."""
    return derived("reports", party)


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """The first moment of a month written `2026-11`, and of the next one, in UTC. Raises ValueError."""
    since = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    return since, since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)


def month_before(at: datetime) -> str:
    """The month before that of a moment in UTC, as `2026-10`."""
    last = at.replace(day=1) - timedelta(days=1)
    return f"{last.year}-{last.month:02d}"


def _site(value: Any, world: World) -> str:
    try:
        party = UUID(str(value))
    except ValueError:
        raise Refused("An inspection is of an organisation.") from None
    if world.party(party).kind not in SITE_KINDS:
        raise Refused("Centres and makers are inspected here.")
    return str(party)


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    try:
        return parse_stamp(body[name])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refused(f"“{name}” must be a time in UTC.") from None
