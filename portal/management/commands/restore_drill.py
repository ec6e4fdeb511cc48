"""`manage.py restore_drill`: show that an erased patient stays erased when an older backup is restored.

Everything happens in copies: a backup of this database is restored beside it, an invented patient is enrolled there and
backed up, erased by two people, and the backup from before is restored once more. What brings the erasure back is the
housekeeping that every installation runs, from the erasure records that are kept apart from the database. Nothing of
the drill reaches this database, its log or its folder of erasures.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from custody.patients import erasing, operations, queries
from custody.patients.identity import PatientIdentity
from custody.patients.models import Patient
from custody.patients.tasks import replay_erasures
from ledger.clock import now
from ledger.log.verification import findings
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload
from portal.accounts.roles import ROLES


class DrillFailed(CommandError):
    """The drill showed that a restored backup does not erase again."""


class Command(BaseCommand):
    help = "Prove, in copies of this database, that a restored backup erases again what was erased after it was made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, help="where the copies are made (default: a temporary folder)")
        parser.add_argument("--no-verify", action="store_true", help="do not replay the whole restored ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        with tempfile.TemporaryDirectory(dir=options["folder"], prefix="restore-drill-") as name:
            folder, before = Path(name), settings.ERASURE_DIR
            settings.ERASURE_DIR = folder / "erasures"
            try:
                self._drill(_engine(folder), verify=not options["no_verify"])
            finally:
                settings.ERASURE_DIR = before

    def _drill(self, engine: _Engine, *, verify: bool) -> None:
        at, canary = now(), f"Canary{secrets.token_hex(6)}"
        self._say("Backing this database up, and restoring it beside")
        first = engine.back_up()
        with engine.restored(first):
            centre = Party.objects.filter(kind="treatment_centre").order_by("code").first()
            if centre is None:
                raise CommandError("There is no treatment centre yet: nothing could be erased.")
            coordinator = _actor(centre, "coordinator")
            identity = PatientIdentity(canary, canary, date(1970, 1, 1), canary.upper(), Decimal(70), canary)
            patient = operations.enrol_patient(identity=identity, by=coordinator, at=at, key=f"drill-{uuid4()}").pk
            self._say("Backing up with an invented patient in it, then erasing the patient")
            second = engine.back_up()
            officer, other = _actor(centre, "data_protection_officer"), _actor(centre, "administrator")
            erasing.ask_erasure(patient=patient, reason="patient_asked", by=officer, at=at, key=f"drill-{uuid4()}")
            erasing.confirm_erasure(patient=patient, by=other, at=at, key=f"drill-{uuid4()}")
            self._check_gone(patient, coordinator, canary, "after the erasure")
        self._say("Restoring the backup from before the erasure")
        with engine.restored(second):
            found = queries.identities(by=coordinator, patient_ids=[patient])
            if found.get(patient) is None or found[patient].given_name != canary:
                raise DrillFailed("The backup does not hold the patient, so the drill would show nothing.")
            self._say("The patient is readable again; housekeeping runs once, as it does when a worker starts")
            replay_erasures(at=now())
            self._check_gone(patient, coordinator, canary, "after the restore")
            if verify:
                wrong = next(findings(), None)
                if wrong is not None:
                    raise DrillFailed(f"The restored ledger does not verify: {wrong}")
                self._say("The restored ledger verifies, with the erasure on it")
        self.stdout.write("The drill holds: what was erased is not readable, also from a backup made before.")

    def _check_gone(self, patient: UUID, by: Actor, canary: str, when: str) -> None:
        keys = DataKey.objects.filter(subject=patient)
        if (
            Patient.objects.get(pk=patient).erased != "whole"
            or KeyWrap.objects.filter(data_key__in=keys).exists()
            or SealedPayload.objects.filter(data_key__in=keys).exists()
            or queries.identities(by=by, patient_ids=[patient])
            or queries.find_by_record_number(by=by, record_number=canary.upper()) is not None
        ):
            raise DrillFailed(f"The patient is readable {when}.")
        self._say(f"Nothing is readable {when}: no key, no value, no salt, no index")

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}.")


def _actor(party: Party, role: str) -> Actor:
    return Actor(
        person=uuid4(),
        name="Restore drill",
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        role=role,
        permissions=ROLES[role].permissions,
        method="password",
    )


class _Engine:
    """Backups and restored copies of the database of the settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = dict(connection.settings_dict)

    def back_up(self) -> Path:
        """A backup of the database that the connection stands on now."""
        raise NotImplementedError

    @contextmanager
    def restored(self, backup: Path) -> Iterator[None]:
        """Within, the portal stands on a copy that was made of the backup; gone afterwards."""
        raise NotImplementedError

    def _stand_on(self, name: str) -> None:
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        connection.settings_dict["NAME"] = name


class _Sqlite(_Engine):
    def back_up(self) -> Path:
        target = self.folder / f"backup-{secrets.token_hex(4)}.sqlite3"
        name = str(connection.settings_dict["NAME"])
        with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return target

    @contextmanager
    def restored(self, backup: Path) -> Iterator[None]:
        copy = self.folder / f"restored-{secrets.token_hex(4)}.sqlite3"
        copy.write_bytes(backup.read_bytes())
        self._stand_on(str(copy))
        try:
            yield
        finally:
            self._stand_on(str(self.settings["NAME"]))
            copy.unlink()


class _Postgres(_Engine):
    def back_up(self) -> Path:
        target = self.folder / f"backup-{secrets.token_hex(4)}.dump"
        self._run("pg_dump", "--format=custom", f"--file={target}", str(connection.settings_dict["NAME"]))
        return target

    @contextmanager
    def restored(self, backup: Path) -> Iterator[None]:
        name = f"np_drill_{secrets.token_hex(4)}"
        self._run("createdb", name)
        try:
            self._run("pg_restore", "--no-owner", f"--dbname={name}", str(backup))
            self._stand_on(name)
            yield
        finally:
            self._stand_on(str(self.settings["NAME"]))
            self._run("dropdb", "--force", name)

    def _run(self, program: str, *arguments: str) -> None:
        known = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
        environment = {name: str(self.settings[key]) for name, key in known.items() if self.settings.get(key)}
        try:
            done = subprocess.run(
                [program, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise CommandError(f"{program} is missing: install PostgreSQL's client programs.") from None
        if done.returncode:
            raise CommandError(f"{program}: {done.stderr.strip()[-300:]}")


def _engine(folder: Path) -> _Engine:
    return _Postgres(folder) if connection.vendor == "postgresql" else _Sqlite(folder)
