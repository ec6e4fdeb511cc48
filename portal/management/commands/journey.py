"""`manage.py journey`: one therapy from order to verified proof, each step printed with its record's index and hash."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from custody.compliance.models import ComplianceProof
from custody.compliance.tasks import close_provers, prove_now, prover_of
from custody.compliance.verification import verify_published
from custody.patients.models import Patient
from custody.protocols.document import Step
from custody.therapies.models import Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.clock import now
from ledger.log import sequencer
from ledger.log.models import Leaf, Record
from ledger.log.verification import findings
from ledger.proofs.circuit import STANDARD
from portal.demonstration.telling import prepare, whole_journey

JOURNEY_DAYS = 128
PATIENT_NUMBER_BASE = 100_000


class Command(BaseCommand):
    help = "Walk one therapy from order to verified proof, and show every record on the way."

    _last_words = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--protocol", default="cd19-fresh", help="code of the protocol (default: cd19-fresh)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("The journey makes invented patients; it runs in demonstration mode only.")
        if not (settings.BASE_DIR / "protocols" / f"{options['protocol']}.json").exists():
            names = sorted(path.stem for path in (settings.BASE_DIR / "protocols").glob("*.json"))
            raise CommandError(f"There is no protocol “{options['protocol']}”. Choose one of: {', '.join(names)}.")
        # The prover reads its key, some fifteen seconds, while the therapy is walked on the other core.
        prover_of(STANDARD, self._progress).warm_up()
        try:
            self._walk_and_prove(options["protocol"])
        finally:
            close_provers()

    def _walk_and_prove(self, protocol_code: str) -> None:
        started, at = time.monotonic(), now()
        cast = prepare(at=at, tell=lambda line: self.stdout.write(f"  {line}"))
        self.stdout.write(f"{'when':<17} {'index':>6}  {'hash':<16} step")
        therapy = whole_journey(
            cast,
            protocol_code=protocol_code,
            number=PATIENT_NUMBER_BASE + Patient.objects.count(),
            ordered_at=(at - timedelta(days=JOURNEY_DAYS)).replace(microsecond=0),
            until=at,
            watch=self._show,
        )
        row = Therapy.objects.get(pk=therapy)
        self.stdout.write(f"{row.call_name}, {row.coi}: {row.get_status_display().lower()}")
        if row.status != "completed":
            raise CommandError("The therapy did not reach its infusion; the last line above says how far it came.")
        self._prove(therapy)
        self._verify()
        self.stdout.write(f"Order to verified proof in {time.monotonic() - started:.1f} s.")

    def _show(self, step: Step, record: Record) -> None:
        sequencer.drain()
        index = Leaf.objects.values_list("index", flat=True).get(record=record)
        when: datetime = record.occurred_at
        self.stdout.write(f"{when:%d %b %Y %H:%M} {index:>6}  {record.entry_hash[:16]} {step.title}")

    def _prove(self, therapy: UUID) -> None:
        cache = Path(settings.PROOF_CACHE_DIR)
        self.stdout.write(
            f"Proving with Unsafe development keys (made once, kept in {cache.name}/ outside the project):"
        )
        protocol = protocol_by_digest(Therapy.objects.get(pk=therapy).protocol_digest)
        for segment in protocol.segments:
            began = time.monotonic()
            prove_now(therapy=therapy, segment=segment.code, at=now(), progress=self._progress)
            self.stdout.write(f"  {segment.title}: judged in {time.monotonic() - began:.1f} s")
        sequencer.drain()
        for proof in ComplianceProof.objects.filter(therapy_id=therapy).order_by("published_at"):
            if proof.verdict != "proven":
                raise CommandError(f"{proof.segment} cannot be proven: {'; '.join(proof.reasons)}")
            verify_published(proof)
            self.stdout.write(f"  {proof.segment}: proof verifies, and says what the ledger says")

    def _progress(self, part: float, words: str) -> None:
        if words != self._last_words:
            self._last_words = words
            self.stdout.write(f"  {words}…")

    def _verify(self) -> None:
        for finding in findings():
            raise CommandError(f"The ledger does not verify: {finding}")
        self.stdout.write(f"Ledger: all {Record.objects.count():,} records hold.")
