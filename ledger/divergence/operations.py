"""Taking a witness's report, seeing a divergence, and settling it. Nothing of this is written to the suspect log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from ledger.cosigning.models import Witness
from ledger.crypto import cosignature, notes
from ledger.crypto.errors import VerificationError
from ledger.divergence import report as reports
from ledger.divergence.models import (
    Divergence,
    DivergenceAcknowledgement,
    DivergenceReport,
    DivergenceResolution,
)
from ledger.errors import BadInput, Conflict, NotFound, NotPermitted
from ledger.ids import derived
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor

TELL = "divergence.tell"
"""The outbox job that tells people of a new divergence; the portal handles it."""
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


@dataclass(frozen=True, slots=True)
class Taken:
    """The divergence that a report is about; `first` when nobody had reported it, `fresh` when this witness had not."""

    divergence: UUID
    first: bool
    fresh: bool


def take_report(*, document: bytes, at: datetime) -> Taken:
    """Keep a witness's signed report with its evidence; the same again changes nothing.

    Raises MalformedReport, UnknownReporter.
    """
    try:
        found = reports.parse(document)
    except VerificationError as problem:
        raise MalformedReport(str(problem)) from problem
    said = found.finding
    witness = _reporter(found)
    if said.log != settings.LOG_ORIGIN:
        raise MalformedReport(f"This portal keeps the log {settings.LOG_ORIGIN}, not {said.log[:100]}.")
    if said.detected_at - at > CLOCK_SKEW:
        raise MalformedReport("The report was made in the future. Mend the clock that is wrong.")
    identity = derived("divergence", said.fingerprint)
    with transaction.atomic():
        first = not Divergence.objects.filter(pk=identity).exists()
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
                    )
                ],
                ignore_conflicts=_ignores_conflicts(),
            )
            enqueue(kind=TELL, payload={"divergence": str(identity)}, at=at, key=f"{TELL}:{identity}")
        # One report of one witness at a time, also when two requests come at once.
        Divergence.objects.select_for_update().get(pk=identity)
        known = DivergenceReport.objects.filter(divergence_id=identity, witness=witness.name).exists()
        if not known:
            DivergenceReport.objects.create(
                divergence_id=identity,
                party_id=witness.party_id,
                witness=witness.name,
                vkey=witness.vkey,
                document=document,
                detected_at=said.detected_at,
                received_at=at,
            )
    return Taken(identity, first, not known)


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
