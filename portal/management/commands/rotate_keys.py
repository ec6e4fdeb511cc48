"""`manage.py rotate_keys KIND`: a fresh key of one kind under everything, while everything goes on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ledger.clock import now
from ledger.errors import Refusal
from ledger.privacy import rotation

TITLES = {
    "kek": "the key-encryption key",
    "wraps": "the key that wraps patients' keys",
    "patients": "patients' keys",
    "parties": "organisations' HPKE keys",
    "index": "the key of the blind indexes",
}


class Command(BaseCommand):
    help = (
        "Rotate one kind of the keys that patient data rests on: kek, wraps, patients, parties or index. It may be "
        "stopped at any moment, also killed; said again, it goes on where it stood. People go on working meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("kind", nargs="?", choices=sorted(rotation.KINDS), help="which kind of key")
        what.add_argument("--status", action="store_true", help="change nothing; say what was rotated when")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            return self._status()
        kind = options["kind"]
        try:
            found, again = rotation.open_rotation(kind, at=now())
            left = rotation.left(kind, found)
            if again:
                self.stdout.write(f"Going on with the rotation of {found.started_at:%Y-%m-%d %H:%M} UTC.")
            with tqdm(total=left, unit="row", disable=options["quiet"] or None) as bar:
                done = rotation.rotate(kind, at=now(), tell=lambda count: _add(bar, count))
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Rotated {TITLES[kind]}: {done.done:,} rows are under the new one.")
        if kind == "kek":
            self.stdout.write("Now take NEEDLEPOINT_KEY_ENCRYPTION_KEY_OLD out of the settings, and restart.")
        elif kind != "patients":
            self.stdout.write(
                f"The old one is destroyed by the worker {rotation.GRACE_SECONDS} s from now, when nothing is under it."
            )
        return None

    def _status(self) -> None:
        rows = rotation.progress()
        if not rows:
            self.stdout.write("Nothing was rotated yet.")
        for row in rows:
            standing = f"finished {row.finished_at:%Y-%m-%d %H:%M} UTC" if row.finished_at else "NOT FINISHED"
            self.stdout.write(f"{row.kind:<9} {row.started_at:%Y-%m-%d %H:%M} UTC  {row.done:>9,} rows  {standing}")


def _add(bar: Any, count: int) -> None:
    bar.update(count)
