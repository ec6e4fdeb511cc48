"""What patients ask for beside erasure: corrections that hide nothing, a restriction that closes, and a copy."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pypdf
import pytest

from custody.contract import rights
from custody.patients import access_log, erasing, operations, overview, queries, tasks
from custody.patients.identity import InvalidIdentity, PatientIdentity
from custody.patients.models import Patient, PatientAct
from custody.patients.operations import AlreadyEnrolled
from custody.patients.restriction import UseRestricted, check_may_disclose, check_may_order
from custody.rights import copying, correcting, corrections, restricting
from custody.therapies.models import Therapy
from ledger.errors import BadInput, NotFound, NotPermitted
from ledger.log.contract import Refused
from ledger.log.models import Record
from ledger.log.verification import findings
from ledger.privacy.errors import SubjectErased
from ledger.privacy.models import SealedPayload
from tests.factories import people

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NGOZI = PatientIdentity("Ngozi", "Canary", date(1971, 5, 17), "RN-4471", Decimal("68.5"), "ward 4")


@pytest.fixture
def centre():
    return people.organisation("treatment_centre")


@pytest.fixture
def coordinator(centre):
    return people.actor("coordinator", centre)


@pytest.fixture
def officer(centre):
    return people.actor("data_protection_officer", centre)


@pytest.fixture
def patient(coordinator):
    return operations.enrol_patient(identity=NGOZI, by=coordinator, at=T0, key="enrol-0001").pk


def _correct(patient, by, key="correct-01", reason="typing_error", at=T0, **changes):
    identity = replace(NGOZI, **changes)
    return correcting.correct_identity(patient=patient, identity=identity, reason=reason, by=by, at=at, key=key)


def _restrict(patient, by, key="restrict-01", at=T0):
    return restricting.restrict(patient=patient, ground="accuracy", by=by, at=at, key=key)


def _lift(patient, by, key="lift-0001", at=T0, told_at=T0):
    return restricting.lift(patient=patient, told_at=told_at, by=by, at=at, key=key)


def _treated(patient, *, status="active", ended_at=None):
    centre = Patient.objects.get(pk=patient).centre_id
    return Therapy.objects.create(
        id=patient, coi="X0042260000017", call_name="Heron 1873", patient_id=patient, protocol_digest="0" * 64,
        product="p", centre_id=centre, payer_id=centre, status=status, stage="order", ordered_at=T0,
        collected_at=T0, ended_at=ended_at, changed_at=T0,
    )  # fmt: skip


def test_a_correction_seals_only_what_changed_and_the_record_holds_no_value(patient, coordinator):
    record = _correct(patient, coordinator, family_name="Canary-Obi", weight_kg=Decimal(66))

    found = queries.identities(by=coordinator, patient_ids=[patient])[patient]
    assert (found.family_name, found.weight_kg, found.given_name) == ("Canary-Obi", Decimal(66), "Ngozi")
    assert SealedPayload.objects.filter(revision=2).count() == 2
    assert b"Canary" not in bytes(Record.objects.get(pk=record.pk).envelope)
    assert set(PatientAct.objects.get(pk=record.pk).changes) == {"family_name", "weight_kg"}
    assert list(findings()) == []


def test_the_former_value_can_be_read_by_who_may_know_and_by_nobody_else(patient, coordinator, officer, centre):
    record = _correct(patient, coordinator, family_name="Canary-Obi")
    before = len(access_log.looks_at(patient, limit=50))

    change = corrections.of_record(record=record.pk, by=officer).changes[0]
    assert (change.title, change.before, change.after) == ("Family name", "Canary", "Canary-Obi")
    assert len(access_log.looks_at(patient, limit=50)) == before + 1
    closed = corrections.of_record(record=record.pk, by=people.actor("administrator", centre))
    assert (closed.opens, closed.changes[0].before, closed.changes[0].after) == (False, "", "")
    elsewhere = people.actor("data_protection_officer", people.organisation("treatment_centre", 2))
    assert corrections.of_record(record=record.pk, by=elsewhere) is None


def test_the_same_correction_twice_is_one_record(patient, coordinator):
    first = _correct(patient, coordinator, family_name="Canary-Obi")
    assert _correct(patient, coordinator, family_name="Canary-Obi").pk == first.pk
    with pytest.raises(correcting.NothingChanged):
        _correct(patient, coordinator, key="correct-02", family_name="Canary-Obi")


def test_a_correction_cannot_take_anothers_record_number(patient, coordinator):
    other = operations.enrol_patient(
        identity=replace(NGOZI, record_number="RN-5000"), by=coordinator, at=T0, key="enrol-0002"
    )
    with pytest.raises(AlreadyEnrolled) as refused:
        _correct(patient, coordinator, record_number="RN-5000")
    assert refused.value.patient == other.pk
    assert not PatientAct.objects.exists()

    _correct(patient, coordinator, key="correct-02", record_number="RN-6000")
    assert queries.find_by_record_number(by=coordinator, record_number="rn-6000").pk == patient
    assert queries.find_by_record_number(by=coordinator, record_number="RN-4471") is None


def test_who_may_correct(patient, centre):
    for role in ("nurse", "cell_lab", "administrator"):
        with pytest.raises(NotPermitted):
            _correct(patient, people.actor(role, centre), family_name="Canary-Obi")
    elsewhere = people.actor("coordinator", people.organisation("treatment_centre", 2))
    with pytest.raises(NotFound):
        _correct(patient, elsewhere, family_name="Canary-Obi")
    with pytest.raises(InvalidIdentity):
        _correct(patient, people.actor("physician", centre), key="correct-02", birth_date=date(2026, 3, 2))
    with pytest.raises(Refused, match="known reasons"):
        _correct(patient, people.actor("physician", centre), key="correct-03", reason="mood", family_name="Obi")


def test_a_restriction_closes_lists_to_all_but_the_officer_and_a_therapy_under_way_opens_them(
    patient, coordinator, officer
):
    _restrict(patient, officer)

    assert queries.identities(by=coordinator, patient_ids=[patient]) == {}
    assert patient in queries.identities(by=officer, patient_ids=[patient])
    assert overview.overview(patient=patient, by=coordinator).restriction.reason == "accuracy"
    _treated(patient)
    assert patient in queries.identities(by=coordinator, patient_ids=[patient])
    with pytest.raises(UseRestricted, match="data-protection officer"):
        check_may_order(patient)
    with pytest.raises(UseRestricted):
        check_may_disclose(patient, "payment")
    check_may_disclose(patient, "court_order")

    _lift(patient, officer)
    check_may_order(patient)
    assert overview.overview(patient=patient, by=officer).restriction is None
    Therapy.objects.all().delete()
    assert list(findings()) == []


def test_who_restricts_and_when_it_may_be_lifted(patient, coordinator, officer):
    with pytest.raises(NotPermitted):
        _restrict(patient, coordinator)
    with pytest.raises(Refused, match="not restricted"):
        _lift(patient, officer)
    _restrict(patient, officer)
    with pytest.raises(Refused, match="restricted already"):
        _restrict(patient, officer, key="restrict-02")
    with pytest.raises(Refused, match="told before"):
        _lift(patient, officer, key="lift-0002", told_at=T0 + timedelta(days=1))


def test_what_is_restricted_is_not_erased_by_anybody_nor_by_time(patient, officer, settings, tmp_path):
    settings.ERASURE_DIR = tmp_path / "erasures"
    _treated(patient, status="completed", ended_at=T0)
    _restrict(patient, officer)
    with pytest.raises(Refused, match="kept"):
        erasing.ask_erasure(patient=patient, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")
    much_later = T0 + timedelta(days=31 * 366)
    assert tasks.expire_now(at=much_later) == 0

    _lift(patient, officer, at=much_later, told_at=much_later)
    assert tasks.expire_now(at=much_later) == 1


def test_nothing_is_corrected_once_part_is_erased(patient, coordinator, officer, centre, settings, tmp_path):
    settings.ERASURE_DIR = tmp_path / "erasures"
    _treated(patient, status="completed", ended_at=T0)
    erasing.ask_erasure(patient=patient, reason="patient_asked", by=officer, at=T0, key="ask-erasure-1")
    other = people.actor("administrator", centre)
    erasing.confirm_erasure(patient=patient, by=other, at=T0, key="confirm-erasure-1")
    with pytest.raises(SubjectErased, match="stays as it was"):
        _correct(patient, coordinator, family_name="Canary-Obi")


def test_a_copy_holds_what_is_kept_and_no_employees_name(patient, coordinator, officer):
    _correct(patient, coordinator, family_name="Canary-Obi")
    _restrict(patient, officer)
    given = copying.give_copy(patient=patient, by=officer, at=T0, key="copy-0001")
    held = copying.content(copy=given.pk, by=officer, at=T0 + timedelta(minutes=5))

    assert held["identity"]["Family name"] == "Canary-Obi"
    assert held["corrections"][0]["fields"] == {"Family name": {"before": "Canary", "after": "Canary-Obi"}}
    assert held["restrictions"][0]["until"] is None
    assert {look["role"] for look in held["looks"]} >= {"coordinator", "data_protection_officer"}
    file = zipfile.ZipFile(io.BytesIO(copying.packed(held, words={"role:coordinator": "Coordinator"})))
    assert json.loads(file.read("your-data.json")) == held
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file.read("your-data.pdf"))).pages)
    assert "Canary-Obi" in text
    assert "still standing" in text
    assert coordinator.name not in file.read("your-data.json").decode() + text


def test_a_copy_is_fetched_within_an_hour_by_who_gave_it(patient, coordinator, officer, centre):
    with pytest.raises(NotPermitted):
        copying.give_copy(patient=patient, by=coordinator, at=T0, key="copy-0001")
    given = copying.give_copy(patient=patient, by=officer, at=T0, key="copy-0001")
    with pytest.raises(copying.CopyUnknown):
        copying.content(copy=given.pk, by=officer, at=T0 + timedelta(hours=2))
    colleague = people.actor("data_protection_officer", centre)
    assert colleague.person != officer.person
    with pytest.raises(copying.CopyUnknown):
        copying.content(copy=given.pk, by=colleague, at=T0)
    with pytest.raises(BadInput):
        copying.give_copy(patient=patient, by=officer, at=T0, key="short")


def test_the_shared_rules_refuse_a_correction_that_does_not_follow_the_last(patient, coordinator, officer):
    """Two corrections of one field from the same page: the second would hide the first."""
    record = _correct(patient, coordinator, family_name="Canary-Obi")
    made = PatientAct.objects.get(pk=record.pk).changes["family_name"]
    state = {"status": "kept", "done": [], "identity": {"family_name": made["is"]}}

    class Said:
        signer = coordinator
        body = {"reason": "typing_error", "identity": {"family_name": "0" * 64}, "was": {"family_name": made["was"]}}

    with pytest.raises(Refused, match="Somebody else has corrected"):
        rights.corrected(state, Said)
    Said.body = {**Said.body, "was": {"family_name": made["is"]}}
    rights.corrected(state, Said)
    assert state["identity"] == {"family_name": "0" * 64}
    for wrong in ({"identity": {}, "was": {}}, {"identity": {"family_name": "plain"}, "was": {"family_name": "x"}}):
        with pytest.raises(Refused):
            rights.corrected(state, type("Wrong", (), {"signer": coordinator, "body": {**Said.body, **wrong}}))
