"""Erasing a patient: two people, what has to be kept, nothing readable afterwards, and again after a restore."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from custody.contract import erasure
from custody.patients import access_log, erasing, erasure_journal, operations, overview, queries, tasks
from custody.patients.identity import PatientIdentity
from custody.patients.models import Patient, PatientErasure
from custody.therapies.models import Therapy
from ledger.log.contract import Refused
from ledger.log.models import PendingRecord, Record, SignedName
from ledger.log.verification import findings
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload
from tests.append_only import lifted
from tests.factories import people

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NGOZI = PatientIdentity("Ngozi", "Canary", date(1971, 5, 17), "RN-4471", Decimal("68.5"), "ward 4")


@pytest.fixture
def centre():
    return people.organisation("treatment_centre")


@pytest.fixture
def nurse(centre):
    return people.actor("coordinator", centre)


@pytest.fixture
def officer(centre):
    return people.actor("data_protection_officer", centre)


@pytest.fixture
def administrator(centre):
    return people.actor("administrator", centre)


@pytest.fixture
def patient(nurse):
    return operations.enrol_patient(identity=NGOZI, by=nurse, at=T0, key="enrol-0001")


@pytest.fixture
def journal(settings, tmp_path):
    settings.ERASURE_DIR = tmp_path / "erasures"
    return settings.ERASURE_DIR


def _treated(patient, *, status="completed", ended_at=T0, collected_at=T0):
    """A therapy's row, as its records leave it; the chain itself is walked in the screens' tests."""
    return Therapy.objects.create(
        id=patient.pk, coi=f"X{str(patient.pk)[:8]}", call_name="Heron 1873", patient_id=patient.pk,
        protocol_digest="0" * 64, product="p", centre_id=patient.centre_id, payer_id=patient.centre_id, status=status,
        stage="order", ordered_at=T0, collected_at=collected_at, ended_at=ended_at, changed_at=T0,
    )  # fmt: skip


def _erase(patient, officer, administrator, *, at=T0, suffix="1"):
    erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=officer, at=at, key=f"ask-erasure-{suffix}")
    return erasing.confirm_erasure(patient=patient.pk, by=administrator, at=at, key=f"confirm-erasure-{suffix}")


def test_two_people_erase_a_patient_who_gave_no_cells_whole(patient, officer, administrator, nurse, journal):
    _erase(patient, officer, administrator)

    assert not SealedPayload.objects.exists()
    assert not KeyWrap.objects.exists()
    assert DataKey.objects.get().erased_at == T0
    assert queries.identities(by=nurse, patient_ids=[patient.pk]) == {}
    assert queries.find_by_record_number(by=nurse, record_number="RN-4471") is None
    shown = overview.overview(patient=patient.pk, by=officer)
    assert (shown.erased, shown.identity, shown.entitled) == ("whole", None, ())
    assert list(findings()) == []


def test_nobody_confirms_their_own_request(patient, officer, administrator, journal):
    erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")
    with pytest.raises(Refused, match="Another person"):
        erasing.confirm_erasure(patient=patient.pk, by=officer, at=T0, key="confirm-erasure-1")
    assert SealedPayload.objects.count() == 6
    with pytest.raises(Refused, match="already"):
        erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=administrator, at=T0, key="ask-erasure-2")


@pytest.mark.parametrize("role", ["coordinator", "nurse", "physician", "cell_lab"])
def test_other_roles_ask_for_nothing(patient, centre, role):
    with pytest.raises(erasing.permissions.NotPermitted):
        erasing.ask_erasure(
            patient=patient.pk, reason="patient_asked", by=people.actor(role, centre), at=T0, key="ask-erasure-1"
        )


def test_another_centre_finds_no_patient(patient):
    other = people.actor("data_protection_officer", people.organisation("treatment_centre", 2))
    with pytest.raises(queries.PatientNotFound):
        erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=other, at=T0, key="ask-erasure-1")


def test_a_withdrawn_request_erases_nothing(patient, officer, administrator, journal):
    erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")
    erasing.withdraw_erasure(patient=patient.pk, by=administrator, at=T0, key="withdraw-1")

    with pytest.raises(erasing.NothingAsked):
        erasing.confirm_erasure(patient=patient.pk, by=administrator, at=T0, key="confirm-erasure-1")
    assert PatientErasure.objects.get().status == "withdrawn"
    assert SealedPayload.objects.count() == 6


def test_a_patient_under_treatment_is_not_erased(patient, officer):
    _treated(patient, status="active", ended_at=None)
    with pytest.raises(erasing.TherapyUnderWay):
        erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")


def test_what_traces_collected_cells_is_kept_and_the_rest_is_gone(patient, officer, administrator, nurse, journal):
    _treated(patient)
    before = SealedPayload.objects.get(field="family_name")
    wrap = bytes(KeyWrap.objects.get().wrapped)
    _erase(patient, officer, administrator)

    known = queries.identities(by=nurse, patient_ids=[patient.pk])[patient.pk]
    assert known == replace(NGOZI, weight_kg=None, contact="")
    after = SealedPayload.objects.get(field="family_name")
    assert after.commitment == before.commitment
    assert bytes(after.ciphertext) != bytes(before.ciphertext)
    assert bytes(KeyWrap.objects.get().wrapped) != wrap, "the old key would still open the backup's values"
    assert queries.find_by_record_number(by=nurse, record_number="RN-4471") == patient
    assert PatientErasure.objects.get().kept_until == datetime(2056, 3, 1, 8, 0, tzinfo=UTC)


def test_after_thirty_years_the_rest_goes_by_itself(patient, nurse, journal):
    _treated(patient)
    assert tasks.expire_now(at=T0 + timedelta(days=30 * 365)) == 0
    assert tasks.expire_now(at=datetime(2056, 3, 1, 8, 1, tzinfo=UTC)) == 1
    assert tasks.expire_now(at=datetime(2056, 3, 1, 8, 2, tzinfo=UTC)) == 0

    assert queries.identities(by=nurse, patient_ids=[patient.pk]) == {}
    row = PatientErasure.objects.get()
    assert (row.reason, row.scope, row.status) == ("expired", "whole", "done")


def test_when_the_record_cannot_be_written_nothing_is_erased(patient, officer, administrator, monkeypatch, journal):
    erasing.ask_erasure(patient=patient.pk, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")
    monkeypatch.setattr(erasing, "append", lambda **_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    with pytest.raises(RuntimeError):
        erasing.confirm_erasure(patient=patient.pk, by=administrator, at=T0, key="confirm-erasure-1")

    assert SealedPayload.objects.count() == 6
    assert Patient.objects.get().erased == ""
    assert not journal.exists()


def test_a_restored_backup_erases_again_by_itself(
    patient, officer, administrator, nurse, journal, django_capture_on_commit_callbacks
):
    tables = (Patient, DataKey, KeyWrap, SealedPayload)
    backup = [row for table in tables for row in table.objects.all()]
    with django_capture_on_commit_callbacks(execute=True):
        record = _erase(patient, officer, administrator)
    _restore(backup, record)
    assert queries.identities(by=nurse, patient_ids=[patient.pk]), "the backup brings the patient back"

    assert tasks.replay_erasures(at=T0) == 3
    assert not SealedPayload.objects.exists()
    assert not KeyWrap.objects.exists()
    assert queries.identities(by=nurse, patient_ids=[patient.pk]) == {}
    assert list(findings()) == []
    assert tasks.replay_erasures(at=T0) == 0


def test_a_file_that_its_author_did_not_sign_erases_nothing(
    patient, officer, administrator, journal, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        record = _erase(patient, officer, administrator)
    kept = next(erasure_journal.kept())[1]
    path = next(journal.glob("*.json"))
    text = path.read_text()
    forged = bytearray(kept[1].envelope)
    place = forged.index(b'"sig":"') + 12
    forged[place] = ord("A") if forged[place] != ord("A") else ord("B")
    _restore([], record)
    import base64

    path.write_text(text.replace(base64.b64encode(kept[1].envelope).decode(), base64.b64encode(forged).decode()))
    assert tasks.replay_erasures(at=T0) == 0
    assert not Record.objects.filter(type=erasure.DONE).exists()


def _restore(rows, record):
    """What an older backup of the whole database would have: these rows, and no record of the erasure."""
    from django.db import connection

    chain = record.chain
    with lifted(connection):
        several = Record.objects.filter(chain=chain)
        PendingRecord.objects.filter(record__in=several).delete()
        SignedName.objects.filter(record__in=several).delete()
        several.delete()
    PatientErasure.objects.all().delete()
    chain.delete()
    for row in rows:
        row.save()


def test_who_looked_is_written_down_and_cannot_be_changed(patient, nurse, officer):
    from django.db import IntegrityError, transaction

    from custody.patients.models import PatientAccess

    for _ in range(3):
        queries.identities(by=nurse, patient_ids=[patient.pk])
    with access_log.opened_for("journey"):
        queries.identities(by=nurse, patient_ids=[patient.pk])
        queries.identities(by=nurse, patient_ids=[patient.pk])

    looks = access_log.looks_at(patient.pk, limit=10)
    assert [(look.person, look.way) for look in looks] == [(nurse.person, "journey")] * 2 + [(nurse.person, "worklist")]
    for change in (lambda: PatientAccess.objects.update(way="x"), lambda: PatientAccess.objects.all().delete()):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
