"""Following a log: what is good is kept and co-signed, and everything that breaks is found, located, and refused."""

from __future__ import annotations

import pytest

from ledger.crypto import checkpoint, cosignature, merkle, notes
from ledger.ids import derived
from ledger.parties.contract import operator_of
from ledger.witness.breaches import Breach
from ledger.witness.replay import Replay
from ledger.witness.store import Store
from tests.unit.ledger.witness.conftest import NOW
from tests.unit.ledger.witness.logs import LOG_SIGNER, ORIGIN, Author, MemoryLog, later, signer_of


@pytest.fixture(scope="module")
def members():
    """Seven hundred members' enrolments: three bundles, the last of them partial."""
    return MemoryLog.of(700).all


@pytest.fixture
def log(members):
    return MemoryLog(list(members))


def broken(follower):
    with pytest.raises(Breach) as caught:
        follower.turn()
    return caught.value


def test_a_good_log_is_copied_whole_and_cosigned(log, follow, store, keys):
    turn = follow(log).turn()

    assert (turn.verified, turn.cosigned) == (701, 701)
    assert store.entries(ORIGIN, 0, 701) == log.all
    assert store.root_at(ORIGIN, 700) == merkle.root([merkle.leaf_hash(entry) for entry in log.all[:700]])
    verifiers = [cosignature.verifier(vkey) for vkey in keys.vkeys]
    opened = notes.open_note(log.submitted[0], verifiers)
    assert {found.timestamp for found in cosignature.cosignatures(opened, verifiers)} == {NOW}
    assert len(opened.signatures) == 2
    assert checkpoint.parse(opened.text).size == 701


def test_only_what_is_new_is_read_again(log, follow, store):
    log.size = 600
    follow(log).turn()
    log.read.clear()
    log.size = 701

    assert follow(log).turn().cosigned == 701
    assert "tile/entries/000" not in log.read
    assert store.log(ORIGIN).verified == 701


def test_a_quiet_log_is_cosigned_again_when_it_is_time(log, follow):
    follower = follow(log, recosign_seconds=0)

    assert [follower.turn().cosigned, follower.turn().cosigned] == [701, 701]
    patient = follow(log, recosign_seconds=3600)
    assert [patient.turn().cosigned, patient.turn().cosigned] == [701, None]


def test_a_split_view_is_refused(log, follow, store):
    follow(log).turn()
    log.note = log.signed(root=b"\x07" * 32)

    breach = broken(follow(log))

    assert breach.kind == "split_view"
    assert breach.evidence["seen.note"] != breach.evidence["shown.note"]
    assert len(log.submitted) == 1


def test_readers_who_get_another_log_are_noticed(log, follow):
    log.readers_note = log.signed(650, root=b"\x07" * 32)

    breach = broken(follow(log))

    assert breach.kind == "split_view"
    assert breach.evidence["published.note"] == log.readers_note.encode()
    assert log.submitted == []


def test_a_fork_is_refused_though_all_its_records_are_good(log, follow, store):
    log.size = 600
    follow(log).turn()
    author = Author()
    other = MemoryLog([author.operator(), *(author.member(number) for number in range(701, 1, -1))])

    breach = broken(follow(other))

    assert (breach.kind, breach.index) == ("fork", 1), "the two logs begin with the same record"
    other.size -= 1
    assert broken(follow(other)).fingerprint == breach.fingerprint, "a fork is one fork, however long it is"
    assert any(name.startswith("tile/0/") for name in breach.evidence)
    assert store.log(ORIGIN).cosigned_size == 600


def test_a_shorter_log_is_a_rollback_once_it_stays_so(log, follow, store):
    follow(log).turn()
    log.size = 500

    assert follow(log, rollback_seconds=3600).turn().cosigned is None
    breach = broken(follow(log, rollback_seconds=0))

    assert (breach.kind, breach.size) == ("rollback", 500)
    lost = sorted(name for name in breach.evidence if name.startswith("kept-"))
    assert (len(lost), lost[0], breach.evidence["kept-500"]) == (60, "kept-500", store.entries(ORIGIN, 500, 1)[0])


def test_a_shorter_log_with_another_past_is_a_fork_at_once(log, follow):
    follow(log).turn()
    log.note = log.signed(500, root=b"\x07" * 32)

    assert broken(follow(log, rollback_seconds=3600)).kind == "fork"


def test_a_log_whose_tail_is_gone_is_refused(log, follow, store):
    log.bend["tile/entries/002.p/189"] = lambda data: None
    log.bend["tile/entries/002"] = lambda data: None

    assert broken(follow(log)).kind == "truncated"
    assert store.log(ORIGIN).cosigned_size == 0


@pytest.mark.parametrize("cut", [1, 700, 32])
def test_a_bundle_that_is_cut_short_is_refused(log, follow, cut):
    log.bend["tile/entries/001"] = lambda data: data[:-cut]

    assert broken(follow(log)).kind in {"truncated", "altered_entry"}


def test_a_flipped_byte_in_an_entry_is_located(log, follow, store):
    def flip(data):
        place = data.index(log.all[300]) + 40
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    log.bend["tile/entries/001"] = flip

    breach = broken(follow(log))

    assert (breach.kind, breach.index) == ("altered_entry", 300)
    assert "entry-300" in breach.evidence
    assert store.log(ORIGIN).cosigned_size == 0


def test_a_flipped_byte_in_a_tile_is_refused(log, follow):
    log.bend["tile/1/000.p/2"] = lambda data: bytes([data[0] ^ 1]) + data[1:]

    assert broken(follow(log)).kind == "altered_tile"


def test_a_byte_lost_on_the_way_accuses_nobody(log, follow):
    times = []

    def flip_once(data):
        times.append(1)
        return data if len(times) > 1 else data[:-1] + bytes([data[-1] ^ 1])

    log.bend["tile/entries/001"] = flip_once

    assert follow(log).turn().cosigned == 701
    assert len(times) == 2


def test_records_of_two_chains_may_stand_in_any_order(log, follow):
    log.all[10], log.all[11] = log.all[11], log.all[10]

    assert follow(log).turn().cosigned == 701


def test_swapped_records_of_one_chain_are_located(follow):
    author = Author()
    first = [author.operator(), author.member(1)]
    second, third = author.key_of(1, 50), author.key_of(1, 51)

    breach = broken(follow(MemoryLog([*first, third, second])))

    assert (breach.kind, breach.index) == ("broken_link", 2)


def test_a_member_cannot_come_before_the_operator(follow):
    author = Author()
    first, second = author.operator(), author.member(1)

    breach = broken(follow(MemoryLog([second, first])))

    assert (breach.kind, breach.index) == ("unknown_key", 0)


@pytest.mark.parametrize("note", ["", "no note", "<html>\n\n— a b\n", "\udcff\n\n"])
def test_what_is_no_note_is_malformed(log, follow, note):
    log.note = note or "\n"

    assert broken(follow(log)).kind == "malformed"


def test_a_checkpoint_that_another_key_signed_is_refused(log, follow):
    text = checkpoint.body(ORIGIN, 701, b"\x07" * 32)
    log.note = notes.sign_note(text, ORIGIN, signer_of(5))

    assert broken(follow(log)).kind == "bad_signature"


def test_a_checkpoint_of_another_log_under_the_same_key_is_refused(log, follow):
    log.note = notes.sign_note(checkpoint.body("ledger.example/other", 1, b"\x07" * 32), ORIGIN, LOG_SIGNER)

    assert broken(follow(log)).kind == "bad_signature"


BAD_RECORDS = {
    "a key that the author never had": ("unknown_key", lambda a: a.key_of(3, 90, signer=signer_of(91))),
    "another member's key": ("unknown_key", lambda a: a.key_of(3, 90, signer=signer_of(4))),
    "a key that comes later": ("unknown_key", lambda a: a.key_of(3, 90, signer=signer_of(90))),
    "a wrong link": ("broken_link", lambda a: a.key_of(3, 90, change=lambda e: e._replace(prev_hash="1" * 64))),
    "a gap": ("broken_link", lambda a: a.key_of(3, 90, change=lambda e: e._replace(seq=e.seq + 1))),
    "another log": ("broken_link", lambda a: a.key_of(3, 90, change=lambda e: e._replace(log="ledger.example/x"))),
    "a chain of nothing": (
        "broken_link",
        lambda a: a.key_of(3, 90, change=lambda e: e._replace(chain=derived("chain", "register", "x"))),
    ),
    "a time before it happened": ("contract", lambda a: a.key_of(3, 90, change=later)),
    "a request that was answered": (
        "contract",
        lambda a: a.member(99, change=lambda e: e._replace(key="key-00000002")),
    ),
    "a key of small order": ("contract", lambda a: a.key_of(3, 90, body={"public_key": "00" * 32})),
    "a second enrolment": ("contract", lambda a: a.member(3)),
    "a kind that nobody knows": ("contract", lambda a: a.key_of(3, 90, type="ledger.party.deleted/v1")),
    "a member that enrols members": (
        "contract",
        lambda a: a.member(99, party=derived("party", ORIGIN, "X0003"), signer=signer_of(3)),
    ),
    "no record at all": ("broken_record", lambda a: b'{"payload":"e30="}'),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_record_that_breaks_is_located_and_nothing_from_it_on_is_cosigned(follow, store, name):
    kind, bad = BAD_RECORDS[name]
    author = Author()
    good = [author.operator(), *(author.member(number) for number in range(1, 9))]
    log = MemoryLog([*good, bad(author)])

    breach = broken(follow(log))

    assert (breach.kind, breach.index) == (kind, 9)
    assert breach.evidence["entry-9"] == log.all[9]
    assert store.log(ORIGIN).verified == 9, "what stands before it is good"
    assert log.submitted == []


def test_a_replayed_record_is_refused(follow):
    author = Author()
    first = [author.operator(), author.member(1), author.key_of(1, 50)]

    breach = broken(follow(MemoryLog([*first, first[2]])))

    assert (breach.kind, breach.index) == ("broken_link", 3)


def test_a_key_is_good_from_the_record_after_its_own(follow):
    author = Author()
    entries = [author.operator(), author.member(1), author.key_of(1, 50), author.key_of(1, 51, signer=signer_of(50))]

    assert follow(MemoryLog(entries)).turn().cosigned == 4


def test_nobody_but_the_operator_begins_a_log(follow):
    author = Author()
    breach = broken(follow(MemoryLog([author.member(1, party=operator_of(ORIGIN), signer=signer_of(1))])))

    assert breach.kind == "unknown_key"


def test_a_witness_that_dies_in_a_batch_goes_on_where_it_was(log, follow, store, monkeypatch):
    log.size = 256
    follow(log).turn()
    log.size = 701
    real, seen = Replay.take, []

    def dies(self, first, entries):
        real(self, first, entries)
        seen.append(first)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Replay, "take", dies)
        with pytest.raises(KeyboardInterrupt):
            follow(log).turn()
    store.close()

    again = Store(store.path)
    assert again.log(ORIGIN).verified == 256, "half a batch is nothing"
    assert follow(log, memory=again).turn().cosigned == 701
    assert again.root_at(ORIGIN, 701) == merkle.root([merkle.leaf_hash(entry) for entry in log.all])
    again.close()


def test_a_breach_is_reported_once_with_its_bytes(log, follow, store, at):
    log.note = log.signed(root=b"\x07" * 32)
    breach = broken(follow(log))

    assert store.report(breach, at=at)
    assert not store.report(broken(follow(log)), at=at)

    (report,) = store.reports()
    assert (report.kind, report.times) == ("altered_tile", 2)
    assert store.evidence(report.id)["shown.note"] == log.note.encode()
    with pytest.raises(Exception, match="never deleted"):
        store._run("DELETE FROM report")
