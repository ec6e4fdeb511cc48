"""Corrections, restrictions and copies on the screens, and what a receiver learns of a correction."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.disclosures import operations, queries
from custody.disclosures.models import Disclosure
from custody.patients import access_log
from custody.patients.models import PatientAct
from custody.patients.queries import identities
from custody.therapies.models import Therapy
from ledger.bundles import checks
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.log import sequencer
from ledger.log.verification import findings
from ledger.outbox.models import OutboxJob
from portal.actions.base import fresh_key
from portal.disclosures.tasks import SUBJECTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(one):
    return Therapy.objects.get(pk=one.therapy).patient_id


@pytest.fixture
def officer(one):
    return one.actor("centre", "data_protection_officer")


def _known(one, patient):
    return identities(by=one.actor("centre", "coordinator"), patient_ids=[patient])[patient]


def _form(known, **changed):
    fields = {
        "record_number": known.record_number, "given_name": known.given_name, "family_name": known.family_name,
        "birth_date": known.birth_date.isoformat(), "weight_kg": str(known.weight_kg), "contact": known.contact,
        "reason": "typing_error", "compared": "on", "idempotency_key": fresh_key(),
    }  # fmt: skip
    return fields | changed


def _correct(client, one, patient, **changed):
    known = _known(one, patient)
    return client.post(reverse("correct_patient", args=[patient]), _form(known, **changed))


def test_a_correction_is_signed_on_the_screen_and_stands_in_page_and_trail(one, patient, sign_in):
    client, known = sign_in("coordinator", "centre"), _known(one, patient)
    page = client.get(reverse("correct_patient", args=[patient])).content.decode()
    assert f'value="{known.family_name}"' in page
    assert "A therapy is under way" in page

    unsigned = _correct(client, one, patient, family_name="Canary-Obi", compared="")
    assert unsigned.status_code == 422
    assert 'value="Canary-Obi"' in unsigned.content.decode()
    same = _correct(client, one, patient)
    assert "Nothing differs" in same.content.decode()
    assert _correct(client, one, patient, family_name="Canary-Obi").status_code == 303

    assert _known(one, patient).family_name == "Canary-Obi"
    said = client.get(reverse("patient", args=[patient])).content.decode()
    assert "What was corrected" in said
    assert known.family_name in said
    record = PatientAct.objects.get(kind="corrected").pk
    officer, administrator = sign_in("data_protection_officer", "centre"), sign_in("administrator", "centre")
    entry = officer.get(reverse("audit_entry", args=[record])).content.decode()
    assert "Identity corrected" in entry
    assert "Canary-Obi" in entry
    closed = administrator.get(reverse("audit_entry", args=[record])).content.decode()
    assert "Identity corrected" in closed
    assert "Canary-Obi" not in closed
    assert known.family_name not in closed
    assert list(findings()) == []


def test_who_was_shown_a_field_that_is_corrected_is_told(one, patient, officer, sign_in, mailoutbox):
    inspector = one.cast.actor(one.cast.parties["R0901"].id, "inspector")
    wanted = ["identity/family_name", "identity/weight_kg"]
    at = now()
    asked = operations.ask(
        therapy=one.therapy, holder=officer.party, fields=wanted, purpose="inspection", until=at + timedelta(days=9),
        by=inspector, at=at, key=fresh_key(),
    ).chain.subject  # fmt: skip
    operations.answer(disclosure=asked, fields=wanted, by=officer, at=now(), key=fresh_key())
    assert _correct(sign_in("coordinator", "centre"), one, patient, family_name="Canary-Obi").status_code == 303

    job = OutboxJob.objects.filter(kind=operations.TELL, payload__what="corrected").get()
    assert job.payload["disclosure"] == str(asked)
    assert "corrected" in SUBJECTS
    said = sign_in("inspector").get(reverse("disclosure", args=[asked])).content.decode()
    assert "Corrected since" in said
    assert "Ask anew" in said


def test_a_corrected_value_is_disclosed_and_proven_offline_and_in_the_browser(one, patient, officer, sign_in):
    inspector = one.cast.actor(one.cast.parties["R0901"].id, "inspector")
    assert _correct(sign_in("coordinator", "centre"), one, patient, family_name="Canary-Obi").status_code == 303
    at = now()
    asked = operations.ask(
        therapy=one.therapy, holder=officer.party, fields=["identity/family_name"], purpose="inspection",
        until=at + timedelta(days=9), by=inspector, at=at, key=fresh_key(),
    ).chain.subject  # fmt: skip
    operations.answer(disclosure=asked, fields=["identity/family_name"], by=officer, at=now(), key=fresh_key())
    sequencer.drain()

    assert [one.value for one in queries.shown(disclosure=asked, by=inspector, at=now())] == ["Canary-Obi"]
    file = io.BytesIO()
    file_format.write(file, queries.bundle(disclosure=asked, by=inspector, at=now()))
    verdict = checks.check(file_format.read(io.BytesIO(file.getvalue())))
    assert verdict.problems == []
    assert [(line.value, line.sources) for line in verdict.disclosed] == [("Canary-Obi", 1)]

    client = sign_in("inspector")
    pack = client.get(reverse("disclosure_evidence", args=[asked])).json()
    shared = client.get(pack["shared"]).json()
    fields = [
        {"name": field.name, "path": field.path, "salt": field.salt, "value": field.value}
        for field in queries.shown(disclosure=asked, by=inspector, at=now())
    ]
    assert _judged(fields, pack, shared) == [
        {"name": "identity/family_name", "holds": True, "words": "As the therapy’s record committed"}
    ]
    forged = [{**fields[0], "value": "Canary"}]
    assert _judged(forged, pack, shared)[0]["holds"] is False
    foreign = json.loads(json.dumps(pack))
    foreign["sources"]["records"] = pack["sources"]["records"][
        :1
    ]  # the correction, without the order that names its patient
    assert "another therapy" in _judged(fields, foreign, shared)


def _judged(fields, pack, shared):
    """What the browser's own code says, run by Node; the words of the error when the evidence itself does not hold."""
    code = settings.BASE_DIR / "static" / "js" / "proof" / "disclosure.js"
    program = f"""
      globalThis.document = {{ querySelectorAll: () => [], querySelector: () => null, addEventListener: () => {{}} }};
      import {{ readFileSync }} from "node:fs";
      const {{ judge }} = await import({json.dumps(code.as_uri())});
      const [fields, pack, shared] = JSON.parse(readFileSync(0, "utf8"));
      let said;
      try {{ said = judge(fields, pack, shared).results; }} catch (problem) {{ said = problem.message; }}
      console.log(JSON.stringify(said));
    """
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", program], input=json.dumps([fields, pack, shared]),
        capture_output=True, text=True, check=False, cwd=settings.BASE_DIR,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_restriction_is_set_seen_and_lifted_on_the_screens(one, patient, sign_in):
    officer, coordinator = sign_in("data_protection_officer", "centre"), sign_in("coordinator", "centre")
    assert "What closes" in officer.get(reverse("restrict_patient", args=[patient])).content.decode()
    missing = officer.post(reverse("restrict_patient", args=[patient]), {"idempotency_key": fresh_key()})
    assert "Give the ground" in missing.content.decode()
    form = {"idempotency_key": fresh_key(), "ground": "claim"}
    assert officer.post(reverse("restrict_patient", args=[patient]), form).status_code == 303
    assert "is restricted" in coordinator.get(reverse("patient", args=[patient])).content.decode()
    assert (
        "Lift the restriction that stands" in officer.get(reverse("restrict_patient", args=[patient])).content.decode()
    )

    tomorrow = (now() + timedelta(days=1, hours=14)).date().isoformat()
    early = officer.post(
        reverse("lift_restriction", args=[patient]), {"idempotency_key": fresh_key(), "told_on": tomorrow}
    )
    assert early.status_code == 422
    told = {"idempotency_key": fresh_key(), "told_on": (now() - timedelta(days=1)).date().isoformat()}
    assert officer.post(reverse("lift_restriction", args=[patient]), told).status_code == 303
    assert "is restricted" not in coordinator.get(reverse("patient", args=[patient])).content.decode()
    assert "No restriction stands" in officer.get(reverse("lift_restriction", args=[patient])).content.decode()


def test_a_copy_is_given_and_fetched_on_the_screens(one, patient, sign_in):
    officer, known = sign_in("data_protection_officer", "centre"), _known(one, patient)
    unsure = officer.post(reverse("copy_patient", args=[patient]), {"idempotency_key": fresh_key()})
    assert "Make sure who gets it" in unsure.content.decode()
    form = {"idempotency_key": fresh_key(), "identified": "on"}
    assert officer.post(reverse("copy_patient", args=[patient]), form).status_code == 303
    copy = PatientAct.objects.get(kind="copied").pk
    assert reverse("patient_copy", args=[copy]) in officer.get(reverse("patient", args=[patient])).content.decode()

    answer = officer.get(reverse("patient_copy", args=[copy]))
    assert answer["Cache-Control"] == "no-store"
    file = zipfile.ZipFile(io.BytesIO(answer.content))
    held = json.loads(file.read("your-data.json"))
    assert held["identity"]["Family name"] == known.family_name
    assert held["therapies"][0]["records"][0]["values"]
    by_others = [record for record in held["therapies"][0]["records"] if record["by"] != held["centre"]]
    assert by_others
    assert not any(record["values"] for record in by_others)
    assert file.read("your-data.pdf").startswith(b"%PDF")
    assert Disclosure.objects.count() == len(held["disclosures"])
    assert sign_in("coordinator", "centre").get(reverse("patient_copy", args=[copy])).status_code == 403


@pytest.mark.parametrize("page", ["home", "patient"])
def test_who_looked_puts_openings_of_a_day_together_and_keeps_each_one(sign_in, one, patient, page):
    nurse = one.actor("centre", "nurse")
    for _ in range(3):
        access_log.note(by=nurse, patients=[patient], centre=nurse.party, way="journey")
    address = reverse("home") if page == "home" else reverse("patient", args=[patient])

    response = sign_in("data_protection_officer", "centre").get(address)
    (line,) = [shown for shown in response.context["looks"] if shown.who == nurse.name]

    assert (line.count, len(line.openings), line.earlier, line.patients) == (3, 3, 0, 1)
    assert "3 times" in " ".join(response.content.decode().split())


def test_who_looked_costs_the_same_however_often_somebody_looked(sign_in, one, patient):
    nurse, client = one.actor("centre", "nurse"), sign_in("data_protection_officer", "centre")
    access_log.note(by=nurse, patients=[patient], centre=nurse.party, way="journey")
    client.get("/")
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for _ in range(50):
        access_log.note(by=nurse, patients=[patient], centre=nurse.party, way="journey")

    with CaptureQueriesContext(connection) as many:
        line = client.get("/").context["looks"][0]

    assert len(many) == len(few)
    assert (line.count, len(line.openings), line.earlier) == (51, 40, 11)
