"""Evidence as a browser judges it: the shipped bundle verifies what the ledger holds, and refuses every tampering."""

from __future__ import annotations

import base64
import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from custody.compliance import evidence
from custody.compliance.models import ComplianceProof
from custody.compliance.tasks import prove_now
from ledger.log import sequencer
from ledger.log.evidence import checkpoint_at, log_key
from ledger.log.models import Record
from portal.demonstration.consortium import Cast
from portal.demonstration.story import Story
from tests.append_only import lifted
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import Told, small_consortium, told

pytestmark = [pytest.mark.django_db, pytest.mark.prover]
WORKER = Path(settings.BASE_DIR) / "static" / "build" / "proof-worker.js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(not NODE or not WORKER.exists(), reason="needs Node and scripts/build-static")


@pytest.fixture(scope="module")
def told_once(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A therapy with two proven segments, one of them with readings; proven once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        one = told(small_consortium(), Story("collected", stop_before="wash-and-select"))
        for segment in ("order-to-collection", "transit"):
            prove_now(therapy=one.therapy, segment=segment, at=one.now)
        sequencer.drain()
        yield one
        transaction.set_rollback(True)


@pytest.fixture
def therapy(told_once: Told, db: None) -> Told:
    return told_once


@pytest.fixture
def cast(therapy: Told) -> Cast:
    return therapy.cast


def evidence_of(therapy, by):
    checkpoint = checkpoint_at()
    size = checkpoint.size
    return {
        "index": {"size": size, "note": checkpoint.note, "vkey": log_key()},
        "shared": evidence.shared(size=size, by=by),
        "packs": [evidence.pack(therapy=therapy.therapy, size=size, by=by)],
    }


def judged(*runs):
    """What the browser's worker answers to each run."""
    done = subprocess.run(
        [NODE, str(Path(__file__).with_name("judge_evidence.mjs")), str(WORKER)],
        input=json.dumps({"runs": runs}),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def forged(record, old, new):
    """The record with another content: its payload changed, its signature left."""
    envelope = json.loads(base64.b64decode(record["envelope"]))
    payload = base64.b64decode(envelope["payload"]).decode()
    assert old in payload
    envelope["payload"] = base64.b64encode(payload.replace(old, new, 1).encode()).decode()
    record["envelope"] = base64.b64encode(json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()).decode()


def holding(pack, text):
    """The first record of the pack whose payload holds this text."""
    for record in pack["records"]:
        payload = base64.b64decode(json.loads(base64.b64decode(record["envelope"]))["payload"]).decode()
        if text in payload:
            return record
    raise AssertionError(text)


def other_root(note):
    lines = note.split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    return "\n".join(lines)


def leave_out_a_step(run):
    run["packs"][0]["records"].pop(2)


def change_a_leaf(run):
    record = holding(run["packs"][0], '"leaf":"')
    forged(record, '"leaf":"', '"leaf":"1')


def swap_two_records(run):
    records = run["packs"][0]["records"]
    records[1], records[2] = records[2], records[1]


def move_a_record(run):
    run["packs"][0]["records"][1]["index"] += 1


def break_a_path(run):
    path = run["packs"][0]["records"][1]["path"]
    path[0] = "00" * 32


def name_another_therapy(run):
    run["packs"][0]["therapy"] = "01234567-89ab-4def-8123-456789abcdef"


def change_a_members_key(run):
    forged(holding(run["shared"], "ledger.party.enrolled/v1"), '"public_key":"', '"public_key":"0')


def leave_out_the_members(run):
    run["shared"]["records"] = run["shared"]["records"][3:]


def change_the_checkpoint(run):
    for part in (run["index"], run["shared"], *run["packs"]):
        part["note"] = other_root(part["note"])


def give_another_checkpoint_to_the_pack(run):
    run["packs"][0]["note"] = other_root(run["packs"][0]["note"])


def claim_another_size(run):
    run["index"]["size"] += 1


def change_the_logs_key(run):
    name, _, material = run["index"]["vkey"].split("+", 2)
    run["index"]["vkey"] = f"{name}+00000000+{material}"


TAMPERINGS = [
    leave_out_a_step,
    change_a_leaf,
    swap_two_records,
    move_a_record,
    break_a_path,
    name_another_therapy,
    change_a_members_key,
    leave_out_the_members,
    change_the_checkpoint,
    give_another_checkpoint_to_the_pack,
    claim_another_size,
    change_the_logs_key,
]


@needs_node
def test_the_browser_verifies_what_is_true_and_refuses_every_tampering(cast, therapy):
    true = evidence_of(therapy, cast.actor(cast.parties["R0901"].id, "inspector"))
    runs = [true]
    for tamper in TAMPERINGS:
        run = copy.deepcopy(true)
        tamper(run)
        runs.append(run)

    first, *others = judged(*runs)

    ready, answer = first
    assert ready["ready"]["size"] == checkpoint_at().size
    assert [key["ceremony"] for key in ready["ready"]["keys"]] == [False]
    assert answer["judged"]["complete"] is True
    assert {one["segment"]: one["problem"] for one in answer["judged"]["segments"]} == {
        "order-to-collection": "",
        "transit": "",
    }
    assert all(one["holds"] for one in answer["judged"]["segments"])
    for tamper, answers in zip(TAMPERINGS, others, strict=True):
        assert answers[-1].get("failed") is True, tamper.__name__
        assert answers[-1]["problem"], tamper.__name__


@needs_node
def test_a_payers_browser_verifies_against_stated_leaves_and_notices_others(cast, therapy):
    true = evidence_of(therapy, therapy.actor("payer", "payer_analyst"))
    other_leaf, other_readings, other_protocol = (copy.deepcopy(true) for _ in range(3))
    other_leaf["packs"][0]["stated"]["done"]["booking"]["leaf"] = "12345"
    other_readings["packs"][0]["stated"]["readings"]["outbound"]["root"] = "12345"
    other_protocol["packs"][0]["stated"]["protocol"] = "00" * 32

    holds, leaf, readings, protocol = (
        answers[-1] for answers in judged(true, other_leaf, other_readings, other_protocol)
    )

    assert holds["judged"]["complete"] is False
    assert [one["holds"] for one in holds["judged"]["segments"]] == [True, True]
    problems = {one["segment"]: one["problem"] for one in leaf["judged"]["segments"]}
    assert problems == {"order-to-collection": "the proof speaks of other steps than those on record", "transit": ""}
    assert "other readings" in readings["judged"]["segments"][1]["problem"]
    assert protocol["failed"] is True


def test_the_proof_page_says_what_is_proven_and_by_which_key(cast, therapy):
    page = somebody(cast, "R0901", "inspector").get(reverse("therapy_proofs", args=[therapy.therapy]))

    text = " ".join(page.content.decode().split())
    assert "Two of five segments are proven" in text
    assert "Unsafe" in text
    assert "Verify 2 proofs" in text


def test_a_role_that_does_not_verify_sees_the_verdicts_and_gets_no_evidence(cast, therapy):
    nurse = signed_in(therapy.actor("centre", "nurse"))

    assert nurse.get(reverse("therapy_proofs", args=[therapy.therapy])).status_code == 200
    for name, arguments in (("proofs", []), ("proofs_shared", []), ("proofs_evidence", [therapy.therapy])):
        assert nurse.get(reverse(name, args=arguments)).status_code == 403


def test_a_program_gets_the_proof_with_its_verdict(cast, therapy):
    proof = ComplianceProof.objects.get(therapy=therapy.therapy, segment="transit")

    answer = somebody(cast, "R0901", "inspector").get(reverse("api_proof", args=[proof.pk])).json()

    assert answer["verification"] == {"holds": True, "problem": ""}
    assert answer["inputs"]["therapy"] == str(therapy.therapy.int)
    assert (answer["record"]["standing"], answer["key"]["ceremony"]) == ("verified", False)


def test_a_program_is_told_of_a_proof_that_was_altered(cast, therapy):
    proof = ComplianceProof.objects.get(therapy=therapy.therapy, segment="transit")
    other = ComplianceProof.objects.get(therapy=therapy.therapy, segment="order-to-collection")
    with lifted(connection):
        ComplianceProof.objects.filter(pk=proof.pk).update(proof=other.proof)

    answer = somebody(cast, "R0901", "inspector").get(reverse("api_proof", args=[proof.pk])).json()

    assert answer["verification"]["holds"] is False


@pytest.mark.parametrize("size", ["-1", "x", "1" * 30, "99999999", "0x10"])
def test_a_size_that_no_checkpoint_has_is_a_4xx(cast, size):
    sequencer.drain()
    assert Record.objects.exists()

    answer = somebody(cast, "R0901", "inspector").get(reverse("proofs_shared"), {"size": size})

    assert answer.status_code in {404, 422}


def test_proofs_of_one_month_are_those_of_that_month(cast, therapy):
    month = ComplianceProof.objects.first().published_at.strftime("%Y-%m")
    inspector = somebody(cast, "R0901", "inspector")

    index = inspector.get(reverse("proofs_index"), {"month": month}).json()

    assert [(pack["therapy"], pack["proofs"]) for pack in index["packs"]] == [(str(therapy.therapy), 2)]
    assert inspector.get(reverse("proofs_index"), {"month": "2001-01"}).json()["packs"] == []
    assert inspector.get(reverse("proofs"), {"month": "nonsense"}).status_code == 200
    assert UUID(index["packs"][0]["therapy"]) == therapy.therapy
