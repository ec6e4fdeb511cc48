"""Who watches the log: enrolment, co-signatures that admit themselves, the quorum, and what readers get."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ledger.clock import now
from ledger.cosigning import queries, tokens
from ledger.cosigning.models import Cosignature, Witness
from ledger.cosigning.operations import BadWitnessKey, WitnessTaken, enrol_witness, retire_witness
from ledger.crypto import checkpoint, cosignature, merkle, mldsa, notes, policy, tlog_proof
from ledger.crypto.ed25519 import InMemorySigner
from ledger.log import evidence, sequencer
from ledger.log.models import Checkpoint, Record
from ledger.log.queries import chain_records
from ledger.parties.models import Party
from ledger.witness.keys import WitnessKeys
from portal.demonstration.story import Story
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
CODES = ("X0042", "M0311", "C0205")


@pytest.fixture
def cast():
    made = small_consortium(days=30)
    sequencer.drain()
    return made


@pytest.fixture
def witnesses(cast):
    """Three members' witnesses, both keys of each enrolled."""
    made = {}
    for number, code in enumerate(CODES, start=1):
        keys = WitnessKeys(
            f"{code.lower()}.example",
            InMemorySigner(bytes([number]) * 32),
            mldsa.MldsaSigner(bytes([64 + number]) * 32),
        )
        for vkey in keys.vkeys:
            enrol_witness(party=party(code).pk, vkey=vkey, at=now())
        made[code] = keys
    return made


@pytest.fixture
def two_of_three(witnesses, settings, tmp_path):
    lines = [f"log {evidence.log_key()}"]
    for code, keys in witnesses.items():
        first, second = keys.vkeys
        lines += [f"witness {code}-1 {first}", f"witness {code}-2 {second}", f"group {code} any {code}-1 {code}-2"]
    lines += [f"group members 2 {' '.join(witnesses)}", "quorum members", ""]
    settings.WITNESS_POLICY = tmp_path / "policy"
    settings.WITNESS_POLICY.write_text("\n".join(lines))
    return policy.parse(settings.WITNESS_POLICY.read_bytes())


def party(code):
    return Party.objects.get(code=code)


def hand_in(keys, *, at=None, body=None):
    body = body or notes.parse_note(Checkpoint.objects.latest("size").note).text
    lines = keys.cosign(body, timestamp=int((at or now()).timestamp()))
    return Client(enforce_csrf_checks=True).post("/log/cosignatures", f"{body}\n{lines}".encode(), "text/plain")


def reader(code="X0042"):
    return Client(headers={"Authorization": f"Bearer {tokens.issue(party=party(code).pk, at=now())}"})


def grow(cast, number):
    told(cast, Story("ordered", stop_before="booking"), number=number)
    sequencer.drain()


def words(response):
    return " ".join(response.content.decode().split())


def test_a_checkpoint_is_published_once_enough_have_cosigned(two_of_three, witnesses):
    assert reader().get("/log/checkpoint").status_code == 404
    assert hand_in(witnesses["X0042"]).status_code == 200
    assert reader().get("/log/checkpoint").status_code == 404
    assert hand_in(witnesses["C0205"]).status_code == 200

    note = reader().get("/log/checkpoint").content.decode()

    assert (
        policy.open_checkpoint(note, two_of_three, now=int(now().timestamp())).size
        == Checkpoint.objects.latest("size").size
    )
    assert len(notes.parse_note(note).signatures) == 5


def test_readers_keep_the_last_agreed_checkpoint_while_the_next_waits(cast, two_of_three, witnesses):
    for code in ("X0042", "M0311"):
        hand_in(witnesses[code])
    agreed = reader().get("/log/checkpoint").content
    grow(cast, 1)

    hand_in(witnesses["X0042"])

    assert reader().get("/log/checkpoint").content == agreed
    hand_in(witnesses["C0205"])
    assert reader().get("/log/checkpoint").content != agreed


def test_without_a_policy_the_newest_is_published_with_what_there_is(witnesses):
    assert len(notes.parse_note(reader().get("/log/checkpoint").content.decode()).signatures) == 1

    hand_in(witnesses["X0042"])

    assert len(notes.parse_note(reader().get("/log/checkpoint").content.decode()).signatures) == 3


def test_a_proof_file_carries_the_cosignatures(cast, two_of_three, witnesses):
    grow(cast, 1)
    client = somebody(cast, "X0042", "coordinator")
    record = cast_record(cast)
    assert "waits for enough witnesses" in words(client.get(reverse("record_proof", args=[record.pk])))
    for code in ("M0311", "C0205"):
        hand_in(witnesses[code])

    proof = client.get(reverse("record_proof", args=[record.pk])).content.decode()

    signed = tlog_proof.verify(
        proof,
        leaf=merkle.leaf_hash(bytes(record.envelope)),
        origin=two_of_three.logs[0].name,
        log=two_of_three.logs[0].verifier,
        witnesses=two_of_three.verifiers,
    )
    assert {"m0311.example", "c0205.example"} < set(signed.names)
    assert policy.open_checkpoint(signed.note, two_of_three)


def cast_record(cast):
    from ledger.log.models import Record

    return Record.objects.filter(chain__kind="therapy").latest("recorded_at")


def test_who_was_never_enrolled_or_is_retired_signs_nothing(witnesses):
    stranger = WitnessKeys("x0042.example", InMemorySigner(b"\x55" * 32), mldsa.MldsaSigner(b"\x56" * 32))
    assert hand_in(stranger).status_code == 403
    retire_witness(name="m0311.example", at=now())
    assert hand_in(witnesses["M0311"]).status_code == 403
    assert not Cosignature.objects.exists()


def test_a_cosignature_of_another_tree_is_refused(witnesses):
    newest = Checkpoint.objects.latest("size")
    origin = checkpoint.parse(notes.parse_note(newest.note).text).origin
    for size, root in ((newest.size, b"\x07" * 32), (newest.size + 1, bytes.fromhex(newest.root))):
        assert hand_in(witnesses["X0042"], body=checkpoint.body(origin, size, root)).status_code == 409
    assert hand_in(witnesses["X0042"], body=checkpoint.body("other.example", 1, b"\x07" * 32)).status_code == 409
    assert not Cosignature.objects.exists()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_witness_whose_clock_is_wrong_is_told(witnesses, minutes):
    answer = hand_in(witnesses["X0042"], at=now() + timedelta(minutes=minutes))

    assert answer.status_code == 422
    assert "clock" in answer.content.decode()


def test_a_bent_signature_is_refused(witnesses):
    newest = notes.parse_note(Checkpoint.objects.latest("size").note).text
    line = witnesses["X0042"].cosign(newest, timestamp=int(now().timestamp()) - 1)
    bent = line.replace("A", "B", 1) if "A" in line.split(" ")[2] else line[:-3] + "A=\n"

    assert Client().post("/log/cosignatures", f"{newest}\n{bent}".encode(), "text/plain").status_code == 403
    assert Client().post("/log/cosignatures", b"\xff\x00nonsense", "text/plain").status_code == 403
    assert Client().post("/log/cosignatures", b"", "text/plain").status_code == 403


def test_an_older_cosignature_does_not_replace_a_newer_one(witnesses):
    hand_in(witnesses["X0042"])
    newest = Cosignature.objects.values_list("line", flat=True).order_by("pk")[0]

    hand_in(witnesses["X0042"], at=now() - timedelta(minutes=2))

    assert Cosignature.objects.values_list("line", flat=True).order_by("pk")[0] == newest
    assert Cosignature.objects.count() == 2


def test_witnesses_that_ask_together_get_the_same_checkpoint(cast):
    Checkpoint.objects.latest("size")
    spans = now().replace(second=30, microsecond=0) + timedelta(days=1)
    before = queries.offered(at=spans)
    newer = Checkpoint(size=before.size + 1, root="00" * 32, note="", signed_at=spans + timedelta(milliseconds=100))
    newer.save(force_insert=True)

    assert queries.offered(at=spans + timedelta(seconds=1.9)) == before
    assert queries.offered(at=spans + timedelta(seconds=2.1)) == newer


def test_a_log_key_or_nonsense_is_no_witness(cast):
    for vkey in (evidence.log_key(), "nonsense", "a+b+c"):
        with pytest.raises(BadWitnessKey):
            enrol_witness(party=party("X0042").pk, vkey=vkey, at=now())


def test_a_name_belongs_to_one_member_and_a_retired_key_stays_retired(witnesses):
    other = cosignature.vkey("x0042.example", InMemorySigner(b"\x57" * 32).public_key)
    with pytest.raises(WitnessTaken, match="another member"):
        enrol_witness(party=party("M0311").pk, vkey=other, at=now())
    retire_witness(name="x0042.example", at=now())
    with pytest.raises(WitnessTaken, match="retired"):
        enrol_witness(party=party("X0042").pk, vkey=witnesses["X0042"].vkeys[0], at=now())
    assert Witness.objects.filter(name="x0042.example", retired_at=None).count() == 0


def test_a_token_opens_the_log_until_it_is_revoked(cast):
    client = reader("C0205")
    size = Checkpoint.objects.latest("size").size
    paths = ["checkpoint", "checkpoint/pending", f"tile/0/000.p/{size}", f"tile/entries/000.p/{size}"]
    assert [client.get(f"/log/{path}").status_code for path in paths] == [200] * 4
    assert client.get("/ledger/").status_code == 302, "a token opens the log and nothing else"

    tokens.revoke_all(party=party("C0205").pk, at=now())

    for path in paths:
        answer = client.get(f"/log/{path}")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="log"')


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer npl_wrong", "Basic dTpw", "Bearer \udcff", "x"])
def test_another_token_opens_nothing(cast, header):
    assert Client(headers={"Authorization": header}).get("/log/checkpoint").status_code == 401


def test_a_public_log_is_open_to_all_and_may_be_cached_by_all(cast, settings):
    settings.LOG_READERS = "public"
    size = Checkpoint.objects.latest("size").size

    assert Client().get("/log/checkpoint")["Cache-Control"] == "public, max-age=2"
    assert Client().get(f"/log/tile/entries/000.p/{size}").status_code == 200
    assert Client().get("/log/checkpoint/pending")["Cache-Control"] == "no-store"
    assert Client().get("/ledger/").status_code == 302


@pytest.mark.parametrize(("code", "role"), [("X0042", "nurse"), ("C0205", "courier"), ("R0901", "inspector")])
def test_every_member_sees_who_watches(cast, two_of_three, witnesses, code, role):
    for one in ("X0042", "M0311"):
        hand_in(witnesses[one])

    page = words(somebody(cast, code, role).get(reverse("ledger")))

    assert "Two of three witnesses agree" in page
    assert page.count("Agrees") == 2
    assert "Not heard of yet" in page


def test_the_page_says_when_too_few_have_spoken(cast, two_of_three, witnesses):
    for one in ("X0042", "M0311"):
        hand_in(witnesses[one])
    Cosignature.objects.update(signed_at=now() - timedelta(minutes=6))

    page = words(somebody(cast, "R0901", "inspector").get(reverse("ledger")))

    assert "too few witnesses have spoken" in page
    assert "Do not rely on what is newest here" in page
    assert page.count("Silent") >= 2


def test_marks_are_verified_only_while_a_quorum_vouches(cast, witnesses, two_of_three, monkeypatch):
    one = told(cast, Story("one", stop_before="collect"))
    sequencer.drain()

    def marks():
        return {record.standing for record in chain_records(kind="therapy", subject=one.therapy)}

    assert marks() == {"signed"}, "nobody has co-signed"
    for code in CODES[:2]:
        assert hand_in(witnesses[code]).status_code == 200
    assert marks() == {"verified"}
    later = now() + queries.STALE + timedelta(seconds=1)
    monkeypatch.setattr("ledger.log.queries.clock.now", lambda: later)

    assert marks() == {"stale"}
    with pytest.raises(queries.StaleCheckpoint, match="last five minutes"):
        queries.check_fresh(at=later)


def test_a_proof_page_does_not_verify_against_a_stale_checkpoint(cast, witnesses, two_of_three):
    for code in CODES[:2]:
        hand_in(witnesses[code])
    Cosignature.objects.update(signed_at=now() - timedelta(minutes=6))
    client = somebody(cast, "M0311", "qa")

    answer = client.get(reverse("proofs_index"))

    assert answer.status_code == 409
    assert "last five minutes" in answer.content.decode()


def test_the_browser_verifies_against_what_is_published_and_nothing_newer(cast, witnesses, two_of_three):
    """What only the operator's key has signed is no ground for a proof, as long as a quorum is asked for."""
    client = somebody(cast, "M0311", "qa")
    assert client.get(reverse("proofs_index")).status_code == 409, "nobody has co-signed anything"
    for code in CODES[:2]:
        hand_in(witnesses[code])
    published = Checkpoint.objects.latest("size").size
    told(cast, Story("one", stop_before="collect"))
    sequencer.drain()
    newest = Checkpoint.objects.latest("size").size
    assert newest > published

    index = client.get(reverse("proofs_index")).json()

    assert index["size"] == client.get(index["shared"]).json()["size"] == published
    assert client.get(reverse("proofs_shared")).json()["size"] == published
    assert client.get(f"{reverse('proofs_shared')}?size={newest}").status_code == 404
    assert hand_in(witnesses[CODES[0]]).status_code == hand_in(witnesses[CODES[2]]).status_code == 200
    assert client.get(reverse("proofs_index")).json()["size"] == newest


def test_the_browser_is_given_the_co_signatures_and_the_policy_that_they_are_counted_by(cast, witnesses, two_of_three):
    """Ed25519 lines alone, since a browser checks no others; a policy without addresses."""
    for code in CODES[:2]:
        hand_in(witnesses[code])

    index = somebody(cast, "M0311", "qa").get(reverse("proofs_index")).json()

    assert policy.open_checkpoint(index["note"], policy.parse(index["policy"].encode()), now=int(now().timestamp()))
    lines = notes.parse_note(index["note"]).signatures
    assert [len(line.signature) for line in lines] == [64, 72, 72]
    settled = {key for code in CODES[:2] for key in witnesses[code].vkeys}
    assert settled <= set(index["policy"].split())


def test_the_name_of_a_downloaded_proof_says_that_it_is_not_current(cast, witnesses, two_of_three):
    for code in CODES[:2]:
        hand_in(witnesses[code])
    record = Record.objects.filter(chain__kind="register").first()
    client = somebody(cast, "M0311", "qa")
    address = reverse("record_proof", args=[record.pk])
    assert "-not-current" not in client.get(address)["Content-Disposition"]

    Cosignature.objects.update(signed_at=now() - timedelta(minutes=6))

    assert "-not-current.tlog-proof" in client.get(address)["Content-Disposition"]
