"""What encryption costs: a list of therapies with encrypted names against plain ones, rotation against a bare loop.

Processor time, the least of many runs, both sides in one run: noise only adds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client

from custody.patients import access_log
from custody.patients import queries as patients
from custody.patients.operations import enrol_patient
from custody.patients.queries import identities, names
from custody.therapies import queries as therapies
from ledger.clock import now
from ledger.privacy import installation, key_service, keyring, rotation
from ledger.privacy.models import DataKey, KeyRotation, SealedPayload
from ledger.privacy.payloads import decode, encode
from portal.accounts.models import Membership
from portal.demonstration import consortium, slots
from portal.demonstration.patients import invented
from tests.factories import people
from tests.factories.many import add_therapies, setting
from tests.factories.processor import processor, server_seconds

PATIENTS, TIMES = 50, 15
pytestmark = [pytest.mark.bench, pytest.mark.django_db]


def test_a_list_of_fifty_encrypted_names_costs_little_more_than_plain_ones(monkeypatch):
    logging.disable(logging.WARNING)
    at = now()
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 20)
    cast = consortium.found(at=at - timedelta(days=300), tell=lambda line: None)
    slots.publish_all(cast, first=at - timedelta(days=10), days=30, at=at)
    where = setting(cast, at, crowd=False)
    by = cast.actor(where.parties["centre"], "coordinator")
    ids = tuple(
        enrol_patient(identity=invented(5_000 + n, at.date()), by=by, at=at, key=f"bench-{n:06}").pk
        for n in range(PATIENTS)
    )
    add_therapies(replace(where, patients=ids), first=0, count=200)
    nurse = Client()
    nurse.force_login(Membership.objects.get(role="nurse", user__email="ines.marlowe@linden.example").user)
    server = _server()
    plain = identities(by=by, patient_ids=ids)
    page = nurse.get("/therapies/").content.decode()
    named = sum(one.full_name in page for one in plain.values())

    def read_plain(*, by, patient_ids):
        list(patients.Patient.objects.filter(pk__in=patient_ids).values_list("pk", "created_at"))
        return {one: plain[one].full_name for one in patient_ids if one in plain}

    costs = {}
    for name, reader in (
        ("plain", read_plain),
        ("encrypted", names),
        ("plain", read_plain),
        ("encrypted", names),
    ):
        monkeypatch.setattr(therapies.patients, "names", reader)
        runs = []
        for _ in range(TIMES):
            with keyring.scope():
                runs.append(processor(lambda: nurse.get("/therapies/"), server))
        costs[name] = min([*runs, costs.get(name, 1e9)])
    ratio = costs["encrypted"] / costs["plain"]
    print(
        f"\nlist of therapies, {named} names shown of {PATIENTS}: plain {costs['plain'] * 1000:.1f} ms, "
        f"encrypted {costs['encrypted'] * 1000:.1f} ms, ratio {ratio:.2f} (≤ 1.2)"
    )
    assert named == PATIENTS
    assert ratio <= 1.2


def test_a_page_asks_the_key_service_for_no_more_keys_however_long_it_is(monkeypatch, settings):
    by = people.actor("coordinator", people.organisation("treatment_centre"))
    ids = [
        enrol_patient(identity=invented(n, now().date()), by=by, at=now(), key=f"bench-{n:06}").pk for n in range(60)
    ]
    rotation.rotate("kek", at=now())
    asked = []
    real = key_service.SettingsKeyService.unwrap
    monkeypatch.setattr(
        key_service.SettingsKeyService, "unwrap", lambda self, *given: (asked.append(1), real(self, *given))[1]
    )
    counts = []
    for length in (1, 60):
        installation.forget()
        access_log.forget()
        asked.clear()
        assert len(identities(by=by, patient_ids=ids[:length])) == length
        counts.append(len(asked))
    print(f"\nunwraps by the key service: {counts[0]} for 1 patient, {counts[1]} for 60")
    assert counts == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_rotation_keeps_half_the_pace_of_the_bare_loop():
    by = people.actor("coordinator", people.organisation("treatment_centre"))
    for n in range(100):
        enrol_patient(identity=invented(n, now().date()), by=by, at=now(), key=f"bench-{n:06}")
    server = _server()
    bare, whole = [], []
    for _ in range(3):
        bare.append(processor(_bare_loop, server))
        whole.append(processor(lambda: rotation.rotate("patients", at=now()), server))
        assert KeyRotation.objects.filter(finished_at=None).count() == 0
    ratio = min(bare) / min(whole)
    print(
        f"\nrotation of {DataKey.objects.count()} patients, {SealedPayload.objects.count()} values on "
        f"{connection.vendor}: bare loop {min(bare):.2f} s, rotation {min(whole):.2f} s, {ratio:.2f} of its pace"
    )
    assert ratio >= 0.5


def _server() -> Callable[[], float]:
    """Processor seconds of the database's own process; SQLite has none."""
    return server_seconds() if connection.vendor == "postgresql" else lambda: 0.0


def _bare_loop() -> None:
    """Every value opened and sealed again under a fresh key, one transaction a patient, and nothing else."""
    for data_key in DataKey.objects.order_by("id"):
        with transaction.atomic():
            old = keyring.key_for(data_key, party=data_key.holder_id)
            payloads = list(SealedPayload.objects.filter(data_key=data_key))
            for payload in payloads:
                shown = decode(payload, data_key.version, old)
                # Under the same key, so that what is stored stays readable to the next run: it costs the same.
                payload.ciphertext = encode(
                    payload, data_key.version, old, salt=bytes.fromhex(shown.salt), value=shown.value
                )
            SealedPayload.objects.bulk_update(payloads, ["ciphertext"])
