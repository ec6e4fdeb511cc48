"""Enrolling and reading patients, by the table of who may."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from custody.patients import operations, queries
from custody.patients.identity import FIELDS, InvalidIdentity, PatientIdentity
from custody.patients.models import Patient
from custody.patients.operations import AlreadyEnrolled, EnrolmentKeyReused
from ledger.crypto.commitments import verify_commitment
from ledger.errors import BadInput, NotFound, NotPermitted
from ledger.privacy.models import DataKey, SealedPayload
from tests.factories import people

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
BOTH = frozenset({"patient.read", "patient.enrol"})
NGOZI = PatientIdentity(
    given_name="Ngozi",
    family_name="Canary",
    birth_date=date(1971, 5, 17),
    record_number="RN-4471",
    weight_kg=Decimal("68.5"),
    contact="ward 4",
)


ROLE = {
    "treatment_centre": "coordinator",
    "manufacturer": "operator",
    "courier": "dispatcher",
    "payer": "payer_analyst",
    "regulator": "inspector",
}


def _actor(kind="treatment_centre", number=1, permissions=None, zone=""):
    actor = people.actor(ROLE[kind], people.organisation(kind, number, time_zone=zone))
    return actor if permissions is None else replace(actor, permissions=permissions)


def _enrol(by, identity=NGOZI, key="enrol-0001", at=T0):
    return operations.enrol_patient(identity=identity, by=by, at=at, key=key)


def test_an_enrolled_patient_is_a_pseudonym_with_a_sealed_identity():
    nurse = _actor()
    patient = _enrol(nurse)

    assert queries.identities(by=nurse, patient_ids=[patient.id]) == {patient.id: replace(NGOZI)}
    assert patient.id.version == 4
    assert "4471" not in patient.record_number_index
    assert queries.find_by_record_number(by=nurse, record_number="rn-44 71") == patient
    assert queries.find_by_record_number(by=nurse, record_number="RN-4472") is None


def test_a_repeated_request_gives_the_same_patient():
    nurse = _actor()
    assert _enrol(nurse) == _enrol(nurse)
    assert (Patient.objects.count(), DataKey.objects.count(), SealedPayload.objects.count()) == (1, 1, len(FIELDS))


def test_the_same_record_number_again_names_the_patient_and_leaves_nothing_behind():
    nurse = _actor()
    patient = _enrol(nurse)
    with pytest.raises(AlreadyEnrolled) as refused:
        _enrol(nurse, replace(NGOZI, record_number="rn-4471"), key="enrol-0002")

    assert (refused.value.patient, refused.value.field) == (patient.id, "record_number")
    assert "4471" not in refused.value.message
    assert DataKey.objects.count() == 1


def test_a_key_that_comes_back_with_another_patient_is_refused():
    nurse = _actor()
    _enrol(nurse)
    with pytest.raises(EnrolmentKeyReused):
        _enrol(nurse, replace(NGOZI, record_number="RN-9999"))
    with pytest.raises(BadInput):
        _enrol(nurse, key="short")


def test_two_centres_may_have_the_same_record_number():
    first, second = _enrol(_actor()), _enrol(_actor(number=2))

    assert first.id != second.id
    assert first.record_number_index != second.record_number_index


def test_the_birth_date_is_judged_by_the_centres_own_day():
    born = replace(NGOZI, birth_date=date(2026, 3, 1))
    late_evening = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
    with pytest.raises(InvalidIdentity):
        _enrol(_actor(), born, at=late_evening)
    assert _enrol(_actor(number=2, zone="Asia/Tokyo"), born, at=late_evening)


@pytest.mark.parametrize(
    ("kind", "number", "permissions", "may_enrol", "may_read"),
    [
        ("treatment_centre", 1, None, True, True),
        ("treatment_centre", 1, frozenset({"patient.read"}), False, True),
        ("treatment_centre", 1, frozenset(), False, False),
        ("treatment_centre", 2, None, True, False),
        ("manufacturer", 1, None, False, False),
        ("manufacturer", 1, BOTH, False, False),
        ("courier", 1, None, False, False),
        ("payer", 1, None, False, False),
        ("regulator", 1, None, False, False),
        ("regulator", 1, BOTH, False, False),
    ],
)
def test_who_may_enrol_and_who_may_know(kind, number, permissions, may_enrol, may_read):
    patient = _enrol(_actor())
    other = _actor(kind, number, permissions)

    assert bool(queries.identities(by=other, patient_ids=[patient.id])) is may_read
    if not may_read:
        with pytest.raises((NotPermitted, NotFound)):
            queries.identity_commitments(patient=patient.id, by=other)
        with pytest.raises((NotPermitted, NotFound)):
            queries.reveal_identity_field(patient=patient.id, field="given_name", by=other)
    if not may_enrol:
        with pytest.raises(NotPermitted):
            _enrol(other, replace(NGOZI, record_number="RN-5555"), key="enrol-0002")


def test_the_orders_commitments_prove_the_identity_field_by_field():
    nurse = _actor()
    patient = _enrol(nurse)
    made = queries.identity_commitments(patient=patient.id, by=nurse)

    assert set(made) == set(FIELDS)
    shown = queries.reveal_identity_field(patient=patient.id, field="birth_date", by=nurse)
    assert shown.value == "1971-05-17"
    assert verify_commitment(
        made["birth_date"].digest, salt=bytes.fromhex(shown.salt), path=made["birth_date"].path, value="1971-05-17"
    )


@pytest.mark.parametrize("count", [2, 30])
def test_a_worklist_names_its_patients_in_four_queries(count, django_assert_num_queries):
    nurse = _actor()
    ids = [_enrol(nurse, replace(NGOZI, record_number=f"RN-{n:04}"), key=f"enrol-{n:04}").id for n in range(count)]
    with django_assert_num_queries(4):  # the last one writes down who looked
        assert len(queries.identities(by=nurse, patient_ids=ids)) == count
