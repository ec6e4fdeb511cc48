"""A therapy's evidence bundle, as an outsider checks it: it holds, and whatever was altered is found and named."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from custody.compliance.bundles import therapy_bundle
from custody.compliance.models import ComplianceProof
from custody.compliance.tasks import operator_prover, prove_now
from ledger.bundles import checks, export, report
from ledger.bundles import format as file_format
from ledger.bundles.format import Bundle, BundleUnreadable, PrintedName
from ledger.clock import now
from ledger.cosigning.operations import enrol_witness
from ledger.crypto import canonical, checkpoint, cosignature, dsse, ed25519, merkle, mldsa, notes
from ledger.crypto.tlog_proof import TlogProof
from ledger.log import sequencer
from ledger.log.models import Checkpoint, PendingRecord
from ledger.log.operations import append
from ledger.witness.keys import WitnessKeys
from portal.demonstration.story import Story
from tests.factories.screens import somebody
from tests.factories.therapies import Told, small_consortium, told

pytestmark = [pytest.mark.django_db, pytest.mark.prover]
FORGER = ed25519.InMemorySigner(bytes(range(32)))


@pytest.fixture(scope="module")
def one(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A therapy on its way to the maker, its first segment proven; told once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        therapy = told(small_consortium(), Story("rest", stop_before="pickup-outbound"))
        prove_now(therapy=therapy.therapy, segment="order-to-collection", at=therapy.now)
        sequencer.drain()
        yield therapy
        transaction.set_rollback(True)


@pytest.fixture
def bundle(one) -> Bundle:
    return therapy_bundle(therapy=one.therapy, at=one.now)


def packed(bundle: Bundle) -> bytes:
    file = io.BytesIO()
    file_format.write(file, bundle)
    return file.getvalue()


def problems(bundle: Bundle, **options) -> list[str]:
    """What is said of the bundle after it went through a file."""
    return checks.check(file_format.read(io.BytesIO(packed(bundle))), **options).problems


def with_record(bundle: Bundle, index: int, envelope: bytes) -> Bundle:
    return replace(bundle, records={**bundle.records, index: envelope})


def journey_indexes(bundle: Bundle) -> list[int]:
    return [line.index for line in checks.check(bundle).journey]


def test_an_honest_bundle_holds_with_the_key_from_elsewhere(one, bundle):
    verdict = checks.check(file_format.read(io.BytesIO(packed(bundle))), log_key=bundle.log_key)

    assert verdict.problems == []
    assert [line.entry_hash for line in verdict.journey] == [
        record.entry_hash for record in one.chain.records.order_by("seq")
    ]
    assert [proof.title for proof in verdict.proofs] == ["Order to collection"]
    assert verdict.proofs[0].unsafe


def test_the_report_names_people_steps_and_what_it_cannot_show(bundle):
    text = report.report(checks.check(bundle))

    assert "This bundle holds." in text
    assert "Collect the cells" in text
    assert "nurse, Linden University Hospital" in text
    assert "Order to collection: proven" in text
    assert "UNSAFE KEYS" in text
    assert "Its last records could also have been left out" in text
    assert max(map(len, text.splitlines())) <= report.WIDTH


def test_the_same_facts_give_the_same_bytes(bundle):
    assert packed(bundle) == packed(bundle)


def test_no_patient_is_named_in_it(one, bundle):
    held = b"".join(bundle.records.values()) + packed(bundle)

    assert b"Invented" not in held
    assert {name.index for name in bundle.names} <= set(journey_indexes(bundle))


@pytest.mark.parametrize("at", [0, 0.2, 0.5, 0.9, 0.999])
def test_a_flipped_bit_in_any_record_is_found_and_located(bundle, at):
    for index in (journey_indexes(bundle)[3], max(bundle.records), min(bundle.records)):
        envelope = bytearray(bundle.records[index])
        envelope[int(at * len(envelope))] ^= 1

        (problem,) = problems(with_record(bundle, index, bytes(envelope)))

        assert problem.startswith(f"records/{index:012d}.dsse: ")


def test_two_records_that_changed_places_are_found(bundle):
    first, second = journey_indexes(bundle)[2:4]
    swapped = {**bundle.records, first: bundle.records[second], second: bundle.records[first]}

    (problem,) = problems(replace(bundle, records=swapped))

    assert problem.startswith(f"records/{first:012d}.dsse: ")


def test_a_record_left_out_of_the_middle_is_missed(bundle):
    gone = journey_indexes(bundle)[3]
    records = {index: data for index, data in bundle.records.items() if index != gone}
    proofs = {index: data for index, data in bundle.proofs.items() if index != gone}

    (problem, *_) = problems(replace(bundle, records=records, proofs=proofs))

    assert "is missing" in problem


def test_a_history_written_anew_under_another_key_is_refused_by_who_has_the_logs_key(bundle):
    """A full rewrite with fresh valid hashes: it agrees with itself up to the signatures of the parties."""
    forged = forge(bundle, lambda value: value)

    assert problems(forged, log_key=bundle.log_key) == ["checkpoint: No signature of this note is by a known key."]
    assert problems(forged) == []

    index = journey_indexes(bundle)[0]
    lied = forge(bundle, lambda value: {**value, "occurred_at": "2020-01-01T00:00:00.000000Z"}, only=index)
    (problem,) = problems(lied)
    place = sorted(bundle.records).index(index)
    assert problem == f"records/{place:012d}.dsse: No signature of this envelope is by a known key."


def forge(bundle: Bundle, change: Callable[[dict], dict], *, only: int | None = None) -> Bundle:
    """The bundle in a log of the forger's own, a record changed and signed by them."""
    records = dict(bundle.records)
    if only is not None:
        value = change(canonical.decode(dsse.payload_of(records[only])))
        records[only] = dsse.sign(canonical.encode(value), signers=[FORGER])
    order = sorted(records)
    leaves = [merkle.leaf_hash(records[index]) for index in order]
    body = checkpoint.body(bundle.log, len(leaves), _root(leaves))
    note = notes.sign_note(body, bundle.log, FORGER)
    return replace(
        bundle,
        log_key=notes.vkey(bundle.log, FORGER.public_key),
        checkpoint=note,
        records={place: records[index] for place, index in enumerate(order)},
        proofs={place: str(TlogProof(place, _path(place, leaves), note)) for place in range(len(leaves))},
        names=(),
    )


def _root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, read naively."""
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return merkle.node_hash(_root(leaves[:split]), _root(leaves[split:]))


def _path(index: int, leaves: list[bytes]) -> tuple[bytes, ...]:
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*_path(index, leaves[:split]), _root(leaves[split:]))
    return (*_path(index - split, leaves[split:]), _root(leaves[:split]))


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def test_a_name_that_was_not_signed_is_found(bundle):
    first, *others = bundle.names
    index = first.index

    (problem,) = problems(replace(bundle, names=(replace(first, name="Somebody Else"), *others)))
    assert problem.startswith(f"records/{index:012d}.dsse: The value shown for signer.name")
    (problem,) = problems(replace(bundle, names=(*bundle.names, replace(first, position=2))))
    assert "printed names do not go with" in problem
    stray = PrintedName(10**9, 1, "Nobody", bytes(16))
    assert problems(replace(bundle, names=(*bundle.names, stray))) == [f"names.json: there is no record {10**9}"]
    assert problems(replace(bundle, names=())) == []


def test_a_bundle_about_another_therapy_than_its_records_is_refused(bundle):
    (problem,) = problems(replace(bundle, subject=uuid4()))

    assert "no record is about the therapy" in problem


def test_witnesses_that_did_not_sign_are_missed(bundle):
    witness = cosignature.vkey("witness.example/w1", FORGER.public_key)

    (problem,) = problems(bundle, witnesses=[witness], quorum=1)

    assert problem == "checkpoint: 0 witnesses cosigned it, 1 were asked for"


def test_witnesses_of_the_forgers_own_count_for_nothing(bundle, tmp_path):
    """Who holds the log's key can make up witnesses, with any names; only keys from elsewhere tell them apart."""
    text = notes.parse_note(bundle.checkpoint).text
    made_up = {name: ed25519.InMemorySigner(bytes([7 + place]) * 32) for place, name in enumerate(("r0901", "x0042"))}
    note = bundle.checkpoint
    for name, signer in made_up.items():
        note = notes.add_signature(note, cosignature.cosign(text, name, signer, timestamp=1_795_000_000))
    proofs = {index: proof.replace(bundle.checkpoint, note) for index, proof in bundle.proofs.items()}
    vkeys = tuple(cosignature.vkey(name, signer.public_key) for name, signer in made_up.items())
    forged = replace(bundle, checkpoint=note, proofs=proofs, witnesses=vkeys)
    file = tmp_path / "forged.zip"
    file.write_bytes(packed(forged))

    asked = run_alone(str(file), "--log-key", bundle.log_key, "--quorum", "2")
    text = " ".join(report.report(checks.check(forged, log_key=bundle.log_key)).split())

    assert (asked.returncode, asked.stdout) == (2, "")
    assert "the witnesses whose keys you give" in asked.stderr
    assert "is cosigned by" not in text
    assert "in the names of these witnesses: r0901, x0042. Their keys came with the bundle" in text
    assert "That everybody was shown the same log" in text
    honest = cosignature.vkey("r0901", FORGER.public_key)
    assert problems(forged, witnesses=[honest]) == ["checkpoint: 0 witnesses cosigned it, 1 were asked for"]


def test_another_key_of_the_log_in_the_file_is_found_though_the_reader_has_the_right_one(bundle):
    for named in (notes.vkey(bundle.log, FORGER.public_key), bundle.log_key.replace("+", "-", 1)):
        (problem,) = problems(replace(bundle, log_key=named), log_key=bundle.log_key)

        assert problem.startswith("manifest.json: the log's key that it names did not sign the checkpoint")


def test_when_it_was_made_is_said_to_be_signed_by_nobody(bundle):
    moved = replace(bundle, made_at="2020-01-01T00:00:00.000000Z")

    assert "Made at     2020-01-01T00:00:00.000000Z, as the file says; nobody signed that" in report.report(
        checks.check(moved)
    )


def test_the_members_witnesses_are_in_it_and_count_once_each(one, tmp_path):
    """Each co-signs with two keys, Ed25519 and ML-DSA-44; that is one witness."""
    watchers = {}
    with transaction.atomic():
        text = notes.parse_note(Checkpoint.objects.latest("size").note).text
        for number, code in enumerate(("X0042", "M0311"), start=1):
            keys = WitnessKeys(
                f"{code.lower()}.example",
                ed25519.InMemorySigner(bytes([number]) * 32),
                mldsa.MldsaSigner(bytes([64 + number]) * 32),
            )
            for vkey in keys.vkeys:
                enrol_witness(party=one.cast.parties[code].id, vkey=vkey, at=now())
            lines = keys.cosign(text, timestamp=int(now().timestamp()))
            answer = Client().post("/log/cosignatures", f"{text}\n{lines}".encode(), "text/plain")
            assert answer.status_code == 200
            watchers[code] = keys
        bundle = therapy_bundle(therapy=one.therapy, at=one.now)
        transaction.set_rollback(True)
    file = tmp_path / "watched.zip"
    file.write_bytes(packed(bundle))
    known = [f"--witness={vkey}" for keys in watchers.values() for vkey in keys.vkeys]

    verdict = checks.check(bundle, witnesses=[vkey for keys in watchers.values() for vkey in keys.vkeys])
    held, too_many = run_alone(str(file), *known), run_alone(str(file), *known, "--quorum", "3")

    assert verdict.witnesses == ("m0311.example", "x0042.example")
    assert "cosigned by these witnesses: m0311.example, x0042.example" in " ".join(report.report(verdict).split())
    assert held.returncode == 0, held.stdout
    assert (too_many.returncode, "2 witnesses cosigned it, 3 were asked for" in too_many.stdout) == (1, True)


def test_a_published_proof_that_does_not_hold_is_found_though_its_record_is_signed(one):
    """The contract looks at a proof's form; the pairing is for whoever verifies."""
    proof = ComplianceProof.objects.get(therapy_id=one.therapy)
    flipped = proof.proof[:-1] + f"{int(proof.proof[-1], 16) ^ 1:x}"
    with transaction.atomic():
        other = told(one.cast, Story("rest", stop_before="pack-outbound"), number=2)
        append(
            chain=other.chain,
            by=operator_prover(),
            type="custody.proof.published/v1",
            body={
                "segment": "order-to-collection",
                "circuit": proof.circuit,
                "key": proof.key,
                "inputs": proof.inputs,
                "proof": flipped,
                "statement": "0" * 64,
                "registry_size": 0,
            },
            meaning="proof published",
            occurred_at=other.now,
            at=other.now,
            key="forged-proof-1",
        )
        sequencer.drain()
        found = problems(therapy_bundle(therapy=other.therapy, at=other.now))
        transaction.set_rollback(True)

    assert len(found) == 1
    assert "its compliance proof does not hold: it speaks of other facts than the records" in found[0]


def test_records_that_wait_for_their_place_are_waited_for(one):
    with transaction.atomic():
        other = told(one.cast, Story("rest", stop_before="booking"), number=3)
        assert PendingRecord.objects.exists()
        with pytest.raises(export.NotYetInTheLog, match="Try again in a second"):
            therapy_bundle(therapy=other.therapy, at=other.now)
        transaction.set_rollback(True)
    with pytest.raises(export.NothingToShow):
        therapy_bundle(therapy=uuid4(), at=one.now)


def rezip(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as given:
        files = {name: given.read(name) for name in given.namelist()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


BAD_FILES = {
    "a file too many": (lambda files: files.update({"../evil": b"x"}), "does not belong there"),
    "no manifest": (lambda files: files.pop("manifest.json"), "lacks"),
    "no checkpoint": (lambda files: files.pop("checkpoint"), "lacks"),
    "a proof without its record": (
        lambda files: files.pop(min(n for n in files if n.startswith("rec"))),
        "the record of leaf [0-9]+ is missing in records/",
    ),
    "a record without its proof": (
        lambda files: files.pop(min(n for n in files if n.startswith("pro"))),
        "the proof of leaf [0-9]+ is missing in proofs/",
    ),
    "a record and its proof gone": (
        lambda files: [files.pop(min(n for n in files if n.startswith(kind))) for kind in ("rec", "pro")],
        r"manifest.json speaks of [0-9]+ records and [0-9]+ are here",
    ),
    "a salt that is none": (
        lambda files: files.update({"names.json": b'{"names":[[1,1,"Somebody","zz"]]}'}),
        "names.json: a row",
    ),
    "names in disorder": (lambda files: files.update({"names.json": b'{"names": []}'}), "names.json: "),
    "a proof that is no text": (
        lambda files: files.update({min(n for n in files if n.startswith("pro")): b"\xff\xfe"}),
        r"proofs/[0-9]{12}\.tlog-proof: it is not text",
    ),
    "another format": (
        lambda files: files.update({"manifest.json": files["manifest.json"].replace(b"bundle/v1", b"bundle/v9")}),
        "this verifier reads",
    ),
    "a manifest in disorder": (lambda files: files.update({"manifest.json": b"{ }"}), "not well formed"),
    "a bomb": (
        lambda files: files.update({"records/000000000000.dsse": bytes(file_format.MAX_FILE_BYTES + 1)}),
        "larger",
    ),
    "a text that is none": (lambda files: files.update({"checkpoint": b"\xff\xfe"}), "not well formed"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_bundle_is_refused_in_words(bundle, name):
    change, words = BAD_FILES[name]

    with pytest.raises(BundleUnreadable, match=words):
        file_format.read(io.BytesIO(rezip(packed(bundle), change)))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_short_is_refused(bundle, share):
    data = packed(bundle)

    with pytest.raises(BundleUnreadable):
        file_format.read(io.BytesIO(data[: int(share * len(data))]))


ALONE = """
import sys
sys.modules["django"] = sys.modules["sqlite3"] = sys.modules["psycopg"] = None
def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise RuntimeError("the verifier went to the network")
sys.addaudithook(no_network)
from ledger.verify import main
sys.exit(main(sys.argv[1:]))
"""


def run_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier in a process that has no Django, no database and no network."""
    return subprocess.run(
        [sys.executable, "-c", ALONE, *arguments], cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )


def test_the_verifier_stands_alone_and_its_exit_status_tells(bundle, tmp_path):
    good, bad, none = tmp_path / "good.zip", tmp_path / "bad.zip", tmp_path / "none.zip"
    good.write_bytes(packed(bundle))
    index = max(bundle.records)
    bad.write_bytes(packed(with_record(bundle, index, bundle.records[index].replace(b"payload", b"pAyload", 1))))

    held = run_alone(str(good), "--log-key", bundle.log_key)
    broken, unreadable = run_alone(str(bad)), run_alone(str(none))
    wrong_key = run_alone(str(good), "--log-key", "not a key")

    assert (held.returncode, held.stderr) == (0, "")
    assert "RESULT      This bundle holds." in held.stdout
    assert "signed with the key that you gave" in " ".join(held.stdout.split())
    assert broken.returncode == 1
    assert "does NOT hold" in broken.stdout
    assert (unreadable.returncode, unreadable.stdout) == (2, "")
    assert wrong_key.returncode == 2


@pytest.mark.parametrize(
    ("code", "role", "status"),
    [("X0042", "nurse", 200), ("M0311", "qa", 200), ("R0901", "inspector", 200), ("P0501", "payer_analyst", 403)],
)
def test_who_sees_values_downloads_it_from_the_journey(one, code, role, status):
    browser = somebody(one.cast, code, role)

    page = browser.get(reverse("therapy", args=[one.therapy]))
    file = browser.get(reverse("therapy_evidence", args=[one.therapy]))

    assert ("Download the evidence" in page.content.decode()) == (status == 200)
    assert file.status_code == status
    if status == 200:
        assert file["Content-Disposition"] == f'attachment; filename="{one.therapy}.zip"'
        assert checks.check(file_format.read(io.BytesIO(file.content))).holds


def test_a_foreign_therapy_is_not_found(one):
    assert somebody(one.cast, "X0117", "nurse").get(reverse("therapy_evidence", args=[one.therapy])).status_code == 404
