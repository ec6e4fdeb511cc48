"""`manage.py backup_key PARTY --custodian NAME … --threshold N --to DIR`: a member's key in shares."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.parties import backups, shares
from portal.management.keyholders import holder_of, passphrases, said_plainly


class Command(BaseCommand):
    help = "Write a member's signing key in shares, one file a custodian, each under a passphrase of the custodian's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("--custodian", action="append", required=True, help="a custodian's name; once for each")
        parser.add_argument("--threshold", type=int, required=True, help="how many shares give the key again")
        parser.add_argument("--to", type=Path, required=True, help="an empty or new folder for the shares")
        parser.add_argument(
            "--passphrase-file", action="append", default=[], help="in the order of custodians; otherwise asked for"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names, folder = options["custodian"], options["to"]
        if folder.exists() and any(folder.iterdir()):
            raise CommandError(f"{folder} is not empty. Give a folder of its own: shares are handed out and removed.")
        given = list(zip(names, passphrases(names, options["passphrase_file"]), strict=True))
        with said_plainly():
            made = backups.back_up(
                custodians=given, threshold=options["threshold"], by=holder_of(options["party"]), at=now()
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for share in made:
            path = folder / f"{share.party_code}-{share.set_id[:8]}-{share.number}{shares.SUFFIX}"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(shares.to_bytes(share))
            self.stdout.write(f"{path}  for {share.custodian}")
        self.stdout.write(
            f"Any {options['threshold']} of {len(made)} give the key again. Hand each to its custodian, remove them "
            "here, and rehearse: manage.py recover_key --rehearse --share …"
        )
