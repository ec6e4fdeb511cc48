"""`manage.py recover_key --share FILE …`: a member's key again, from enough shares."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.parties import backups, shares
from portal.management.keyholders import holder_of, passphrases, said_plainly


class Command(BaseCommand):
    help = (
        "Put a member's lost signing key back from its custodians' shares. The key proves itself by the register. "
        "--rehearse proves it without putting anything in place, and leaves a dated record."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--share", action="append", type=Path, required=True, help="a share's file; once for each")
        parser.add_argument("--rehearse", action="store_true", help="prove that it works; put nothing in place")
        parser.add_argument(
            "--passphrase-file", action="append", default=[], help="in the order of shares; otherwise asked for"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with said_plainly():
            read = [shares.from_bytes(self._bytes(path)) for path in options["share"]]
            secrets = passphrases([share.custodian for share in read], options["passphrase_file"])
            key_id = backups.recover(
                given=list(zip(read, secrets, strict=True)),
                by=holder_of(read[0].party_code),
                at=now(),
                rehearse=options["rehearse"],
            )
        said = "can be recovered; the rehearsal is on the ledger" if options["rehearse"] else "is in place again"
        self.stdout.write(f"The key {key_id} of {read[0].party_code} {said}.")

    @staticmethod
    def _bytes(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as problem:
            raise CommandError(f"{path} cannot be read: {problem.strerror}.") from problem
