"""Every kind of key is rotated with nothing unreadable; killed half-way, it goes on where it stood."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from custody.patients import operations as patients
from custody.patients import queries
from custody.patients.identity import PatientIdentity
from custody.patients.models import Patient
from custody.telemetry import keys as device_keys
from ledger.clock import now
from ledger.crypto.sealing import UnsealError
from ledger.parties.keystore import keystore
from ledger.privacy import installation, operations, rotation
from ledger.privacy import queries as privacy
from ledger.privacy.models import DataKey, InstallationKey, KeyRotation, KeyWrap, RecipientKey, SealedPayload
from tests import databases
from tests.factories import people

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NGOZI = PatientIdentity("Ngozi", "Canary", date(1971, 5, 17), "RN-4471", Decimal("68.5"), "ward 4")
NEW_KEK = bytes(range(64, 96))


@pytest.fixture
def nurse(db, fresh_keystore):
    return people.actor("coordinator", people.organisation("treatment_centre"))


@pytest.fixture
def maker(nurse):
    return people.actor("operator", people.organisation("manufacturer"))


@pytest.fixture
def enrolled(nurse, maker):
    """Three patients, one of them shared with the maker."""
    made = [
        patients.enrol_patient(
            identity=replace(NGOZI, record_number=f"RN-{n:04}"), by=nurse, at=T0, key=f"enrol-{n:04}"
        )
        for n in range(3)
    ]
    operations.grant(subject=made[0].pk, party=maker.party, by=nurse, at=T0)
    return made


def _all_is_readable(nurse, maker, enrolled):
    known = queries.identities(by=nurse, patient_ids=[one.pk for one in enrolled])
    assert known == {one.pk: replace(NGOZI, record_number=f"RN-{n:04}") for n, one in enumerate(enrolled)}
    for n, one in enumerate(enrolled):
        assert queries.find_by_record_number(by=nurse, record_number=f"rn-{n:04}") == one
    shared = privacy.open_fields(subject=enrolled[0].pk, table="custody.patient", row=str(enrolled[0].pk), by=maker)
    assert shared["family_name"] == "Canary"


def test_every_kind_leaves_everything_readable_and_the_old_keys_go(nurse, maker, enrolled):
    ciphertexts = {bytes(one) for one in SealedPayload.objects.values_list("ciphertext", flat=True)}
    commitments = set(SealedPayload.objects.values_list("commitment", flat=True))
    for kind, rows in (("patients", 3), ("wraps", 3), ("parties", 1), ("index", 3)):
        wraps = {bytes(one) for one in KeyWrap.objects.values_list("wrapped", flat=True)}
        indexes = set(Patient.objects.values_list("record_number_index", flat=True))
        done = rotation.rotate(kind, at=now())
        assert (done.done, done.finished_at is not None) == (rows, True)
        _all_is_readable(nurse, maker, enrolled)
        changed = {bytes(one) for one in KeyWrap.objects.values_list("wrapped", flat=True)} - wraps
        assert len(changed) == {"patients": 4, "wraps": 3, "parties": 1, "index": 0}[kind]
        moved = set(Patient.objects.values_list("record_number_index", flat=True)) - indexes
        assert len(moved) == (3 if kind == "index" else 0)
    assert not ciphertexts & {bytes(one) for one in SealedPayload.objects.values_list("ciphertext", flat=True)}
    assert commitments == set(SealedPayload.objects.values_list("commitment", flat=True))

    for _ in range(2):
        rotation.rotate("wraps", at=now())
        rotation.rotate("index", at=now())
        rotation.rotate("parties", at=now())
    assert rotation.destroy_old_keys(at=now()) == 0, "a writer may still be under way"
    later = now() + timedelta(seconds=rotation.GRACE_SECONDS + 1)
    rotation.destroy_old_keys(at=later)
    installation.forget()
    _all_is_readable(nurse, maker, enrolled)
    assert InstallationKey.objects.count() == 2
    version = RecipientKey.objects.order_by("-version")[0].version
    held = [name for name in keystore().names() if name.endswith("-hpke")]
    assert held == [f"party-{maker.party}-v{version}-hpke"]


def test_a_new_key_encryption_key_takes_over_and_the_old_one_opens_nothing(nurse, maker, enrolled, settings):
    old, token = settings.KEY_ENCRYPTION_KEY, device_keys.hash_api_key(nurse.party, "an api key")
    settings.KEY_ENCRYPTION_KEY, settings.KEY_ENCRYPTION_KEY_OLD = NEW_KEK, old
    _all_is_readable(nurse, maker, enrolled)
    done = rotation.rotate("kek", at=now())
    assert done.finished_at

    settings.KEY_ENCRYPTION_KEY_OLD = b""
    installation.forget()
    _all_is_readable(nurse, maker, enrolled)
    assert device_keys.is_api_key(nurse.party, "an api key", token)
    settings.KEY_ENCRYPTION_KEY = old
    installation.forget()
    with pytest.raises(UnsealError):
        queries.identities(by=nurse, patient_ids=[enrolled[0].pk])


def test_what_is_enrolled_while_the_index_is_rotated_is_found_and_nobody_twice(nurse, maker, enrolled):
    found, _ = rotation.open_rotation("index", at=now())
    moves = rotation.KINDS["index"].moves(found.started_at)
    next(moves)
    new = patients.enrol_patient(identity=replace(NGOZI, record_number="RN-9999"), by=nurse, at=T0, key="enrol-9999")
    for n, one in enumerate(enrolled):
        assert queries.find_by_record_number(by=nurse, record_number=f"RN-{n:04}") == one
        with pytest.raises(patients.AlreadyEnrolled):
            patients.enrol_patient(
                identity=replace(NGOZI, record_number=f"RN-{n:04}"), by=nurse, at=T0, key=f"again-{n:04}"
            )
    assert queries.find_by_record_number(by=nurse, record_number="RN-9999") == new
    assert rotation.rotate("index", at=now()).pk == found.pk


def test_a_key_service_wraps_the_keys_and_is_not_asked_by_pages(nurse, maker, enrolled, settings, free_port):
    url, token = f"http://127.0.0.1:{free_port}/v1", "a-token"
    service = subprocess.Popen([sys.executable, "-m", "tests.kms", str(free_port), token], cwd=settings.BASE_DIR)
    try:
        _until_it_answers(url, token)
        settings.KEY_SERVICE, settings.KEY_SERVICE_KEY, settings.KEY_SERVICE_TOKEN = url, "patients", token
        rotation.rotate("kek", at=now())
        installation.forget()
        before = _ask(url, token, "asked")
        for _ in range(3):
            _all_is_readable(nurse, maker, enrolled)
        asked = _ask(url, token, "asked")
        assert asked["decrypt"] - before["decrypt"] == 2, "one for each of the two keys, however much is read"
        assert {row.kek for row in InstallationKey.objects.all()} == {"patients:1"}

        _ask(url, token, "rotate")
        assert rotation.rotate("kek", at=now()).done == 2
        assert {row.kek for row in InstallationKey.objects.all()} == {"patients:2"}
        installation.forget()
        _all_is_readable(nurse, maker, enrolled)
        settings.KEY_SERVICE_TOKEN = "another"
        installation.forget()
        with pytest.raises(Exception, match="answered 403"):
            queries.identities(by=nurse, patient_ids=[enrolled[0].pk])
    finally:
        service.kill()
        service.wait()


def _ask(url, token, what):
    headers = {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/{what}", b"{}", headers), timeout=5) as answer:
        return json.loads(answer.read())


def _until_it_answers(url, token):
    for _ in range(100):
        try:
            return _ask(url, token, "describe")
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the key service does not start")


def test_a_rotation_that_is_killed_under_load_goes_on_and_loses_nothing(manage, tmp_path):
    database = tmp_path / "data" / "needlepoint.sqlite3"

    def ask(question):
        with closing(sqlite3.connect(database, timeout=30)) as opened:
            return opened.execute(question).fetchone()[0]

    databases.new_sqlite(database)
    _killed_under_load(manage, tmp_path, f"sqlite:///{database}", ask, writers=1)


@pytest.mark.postgres
def test_the_same_on_postgresql_with_four_writers(manage, tmp_path, migrated_postgres_url):
    with psycopg.connect(migrated_postgres_url, autocommit=True) as opened:

        def ask(question):
            return opened.execute(question).fetchone()[0]

        _killed_under_load(manage, tmp_path, migrated_postgres_url, ask, writers=4)


def _killed_under_load(manage, tmp_path, url, ask, *, writers):
    place = {"NEEDLEPOINT_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": url, "NEEDLEPOINT_WORKER": "none"}
    running = []

    def start(*arguments, **more):
        command, folder = [sys.executable, *arguments], django_settings.BASE_DIR
        running.append(subprocess.Popen(command, cwd=folder, env={**os.environ, **place}, text=True, **more))
        return running[-1]

    house = ("-m", "tests.integration.ledger.privacy.house")
    try:
        assert start(*house, "found", "60").wait(120) == 0
        busy = [start(*house, "write", str(number), stdout=subprocess.PIPE) for number in range(writers)]
        assert all(writer.stdout.readline() for writer in busy)
        for wanted in (10, 25):
            rotating = start("manage.py", "rotate_keys", "patients", "--quiet", stdout=subprocess.DEVNULL)
            done = "SELECT coalesce(max(done), 0) FROM ledger_keyrotation"
            _until(lambda: ask(done) >= wanted, "so many are done")  # noqa: B023
            rotating.send_signal(signal.SIGKILL)
            rotating.wait()
        rest = manage("rotate_keys", "patients", "--quiet", timeout=600, **place)
        assert rest.returncode == 0, rest.stderr
        assert "Going on with the rotation" in rest.stdout
        for writer in busy:
            writer.send_signal(signal.SIGKILL)
        acknowledged = sum(len(writer.communicate(timeout=60)[0].splitlines()) for writer in busy)

        checked = start(*house, "check", stdout=subprocess.PIPE)
        rows, known, by_number = map(int, checked.communicate(timeout=120)[0].split())
        assert rows >= 60 + acknowledged > 60
        assert known == by_number == rows
        began = "(SELECT started_at FROM ledger_keyrotation)"
        assert ask(f"SELECT count(*) FROM ledger_datakey WHERE version = 1 AND created_at < {began}") == 0
        assert ask("SELECT count(*) FROM ledger_keyrotation") == 1
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _until(holds, what, seconds=60):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.05)


@pytest.mark.django_db
def test_status_says_what_was_rotated(nurse, enrolled, capsys):
    call_command("rotate_keys", "patients", "--quiet")
    call_command("rotate_keys", "--status")
    assert "patients" in capsys.readouterr().out
    assert KeyRotation.objects.get().done == DataKey.objects.count() == 3
