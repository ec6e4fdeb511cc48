"""Taking a witness's report, seeing a divergence, and settling it. Nothing of this is written to the suspect log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import Length

from ledger.cosigning.models import Witness
from ledger.crypto import cosignature, notes
from ledger.crypto.errors import VerificationError
from ledger.divergence import report as reports
from ledger.divergence.doubt import FORKING
from ledger.divergence.models import (
    Divergence,
    DivergenceAcknowledgement,
    DivergenceReport,
    DivergenceResolution,
)
from ledger.errors import BadInput, Conflict, NotFound, NotPermitted, Refusal
from ledger.ids import derived
from ledger.log import member_logs
from ledger.log.logs import code_of
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor

TELL = "divergence.tell"
"""The outbox job that tells people of a new divergence; the portal handles it."""
HOLD = "divergence.hold"
"""The outbox job that looks which things a fork puts in doubt, after each report of one; custody handles it."""
MIN_REASON, MAX_REASON = 10, 2_000
CLOCK_SKEW = timedelta(minutes=5)


class MalformedReport(BadInput):
    """The report has not the form that it must have."""


class UnknownReporter(NotPermitted):
    """No enrolled witness signed this report."""


class DivergenceUnknown(NotFound):
    """There is no such divergence."""


class AlreadySettled(Conflict):
    """Somebody settled it before."""


class ReasonMissing(BadInput):
    """A divergence is settled with a reason only."""


class TooManyReports(Refusal):
    """One witness has reported more than one witness may; what it holds back is not lost, it sends it later."""

    status = 429


@dataclass(frozen=True, slots=True)
class Taken:
    """The divergence that a report is about; `first` when nobody had reported it, `fresh` when this witness had not."""

    divergence: UUID
    first: bool
    fresh: bool


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who signed a report: a member's witness, or the operator's own audit."""

    name: str
    party: UUID
    vkey: str


def take_report(*, document: bytes, at: datetime) -> Taken:
    """Keep a witness's signed report with its evidence; the same again changes nothing, unless it was settled since.

    Raises MalformedReport, UnknownReporter, TooManyReports.
    """
    found = _parsed(document)
    witness = _reporter(found)
    return keep(found, document=document, by=Reporter(witness.name, witness.party_id, witness.vkey), at=at)


def keep(found: reports.Report, *, document: bytes, by: Reporter, at: datetime) -> Taken:
    """Keep a report whose signature was checked. Raises MalformedReport, TooManyReports."""
    said = found.finding
    code = code_of(settings.LOG_ORIGIN, said.log)
    if code is None or code not in member_logs.every_log():
        raise MalformedReport(f"This portal keeps the log {settings.LOG_ORIGIN}, not {said.log[:100]}.")
    if said.detected_at - at > CLOCK_SKEW:
        raise MalformedReport("The report was made in the future. Mend the clock that is wrong.")
    with transaction.atomic():
        identity, reopens = _standing(said)
        first = not Divergence.objects.filter(pk=identity).exists()
        if first or not DivergenceReport.objects.filter(divergence_id=identity, witness=by.name).exists():
            _check_limits(by, len(document), at=at)
        if first:
            Divergence.objects.bulk_create(
                [
                    Divergence(
                        id=identity,
                        kind=said.kind,
                        log=said.log,
                        size=said.size,
                        index=said.index,
                        problem=said.problem,
                        received_at=at,
                        reopens=reopens,
                    )
                ],
                ignore_conflicts=_ignores_conflicts(),
            )
            enqueue(kind=TELL, payload={"divergence": str(identity)}, at=at, key=f"{TELL}:{identity}")
        # One report of one witness at a time, also when two requests come at once.
        Divergence.objects.select_for_update().get(pk=identity)
        known = DivergenceReport.objects.filter(divergence_id=identity, witness=by.name).exists()
        if not known:
            kept = DivergenceReport.objects.create(
                divergence_id=identity,
                party_id=by.party,
                witness=by.name,
                vkey=by.vkey,
                document=document,
                detected_at=said.detected_at,
                received_at=at,
            )
            if said.kind in FORKING:
                enqueue(kind=HOLD, payload={"divergence": str(identity)}, at=at, key=f"{HOLD}:{kept.pk}")
    return Taken(identity, first, not known)


def _parsed(document: bytes) -> reports.Report:
    try:
        return reports.parse(document)
    except VerificationError as problem:
        raise MalformedReport(str(problem)) from problem


def _standing(said: reports.Finding) -> tuple[UUID, UUID | None]:
    """The divergence that a finding belongs to, and the settled one that it takes up again, if it does.

    What was seen before the settlement belongs to what was settled; what was seen after it is open again.
    """
    identity, reopens = derived("divergence", said.fingerprint), None
    while True:
        settled_at = DivergenceResolution.objects.filter(pk=identity).values_list("at", flat=True).first()
        if settled_at is None or said.detected_at <= settled_at:
            return identity, reopens
        identity, reopens = derived("divergence", said.fingerprint, identity), identity


def _check_limits(by: Reporter, length: int, *, at: datetime) -> None:
    """Raise TooManyReports when this witness has used up what one witness may report; the others go on."""
    mine = DivergenceReport.objects.filter(witness=by.name)
    if mine.filter(received_at__gt=at - timedelta(hours=1)).count() >= settings.REPORTS_AN_HOUR:
        raise TooManyReports(
            f"{by.name} has sent {settings.REPORTS_AN_HOUR} reports within an hour, as many as one witness may. "
            "Nothing is lost: it keeps the rest and sends it later. Ask its member what is wrong with it."
        )
    still_open = mine.filter(divergence__resolution=None)
    alone = still_open.exclude(divergence__reports__in=DivergenceReport.objects.exclude(witness=by.name))
    if alone.count() >= settings.REPORTS_OPEN:
        raise TooManyReports(
            f"{settings.REPORTS_OPEN} open divergences were found by {by.name} and nobody else, as many as one witness "
            "may have. Settle some of them, or retire the witness; it keeps the rest and sends it later."
        )
    used = still_open.aggregate(bytes=Sum(Length("document")))["bytes"] or 0
    if used + length > settings.REPORTS_BYTES:
        raise TooManyReports(
            f"The open reports of {by.name} hold {used:,} bytes already; one witness may have "
            f"{settings.REPORTS_BYTES:,}. Settle some of them; it keeps the rest and sends it later."
        )


@transaction.atomic
def acknowledge(*, divergence: UUID, by: Actor, at: datetime) -> DivergenceAcknowledgement:
    """Say that one's organisation has seen it; the same person again gives the row that is there.

    Raises NotPermitted, DivergenceUnknown.
    """
    by.check("divergence.acknowledge")
    row = _locked(divergence)
    known = DivergenceAcknowledgement.objects.filter(divergence=row, person=by.person).first()
    return known or DivergenceAcknowledgement.objects.create(
        divergence=row, party_id=by.party, person=by.person, role=by.role, at=at
    )


@transaction.atomic
def settle(*, divergence: UUID, reason: str, by: Actor, at: datetime) -> DivergenceResolution:
    """Say how it was resolved. Raises NotPermitted, DivergenceUnknown, AlreadySettled, ReasonMissing."""
    by.check("divergence.resolve")
    row = _locked(divergence)
    reason = reason.strip()
    if not MIN_REASON <= len(reason) <= MAX_REASON or "\x00" in reason:
        raise ReasonMissing(
            f"Say in {MIN_REASON} to {MAX_REASON:,} characters what was found and how it was put right.", field="reason"
        )
    if DivergenceResolution.objects.filter(divergence=row).exists():
        raise AlreadySettled("Somebody has settled this divergence already. Reload the page to read how.")
    return DivergenceResolution.objects.create(
        divergence=row, party_id=by.party, person=by.person, role=by.role, reason=reason, at=at
    )


def _locked(divergence: UUID) -> Divergence:
    row = Divergence.objects.select_for_update().filter(pk=divergence).first()
    if row is None:
        raise DivergenceUnknown("There is no such divergence. The list shows all that were reported.")
    return row


def _reporter(found: reports.Report) -> Witness:
    """The enrolled witness whose key signed the report."""
    for row in Witness.objects.filter(name=found.finding.witness, retired_at=None):
        if notes.parse_vkey(row.vkey).type != cosignature.TYPE_ED25519:
            continue
        try:
            reports.check_signature(found, row.vkey)
        except VerificationError:
            continue
        return row
    raise UnknownReporter("No enrolled witness signed this report. The operator enrols one: manage.py enrol_witness.")


def _ignores_conflicts() -> bool:
    """On PostgreSQL two first reports may come at once; SQLite has one writer, and its triggers refuse the clause."""
    return connection.vendor == "postgresql"
