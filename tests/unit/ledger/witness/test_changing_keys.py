"""A witness judges members' keys by their place, and learns the log's next key from the log itself."""

from __future__ import annotations

import pytest

from ledger.crypto import dsse
from ledger.witness.breaches import Breach
from tests.unit.ledger.witness.logs import LOG_SIGNER, ORIGIN, STARTED, Author, MemoryLog, signer_of, stamp

NEW_SIGNER = signer_of(700)


@pytest.fixture
def author() -> Author:
    return Author()


@pytest.fixture
def begun(author: Author) -> list[bytes]:
    """An operator, and a member with a second key."""
    return [author.operator(), author.member(1), author.key_of(1, 50)]


def broken(follower) -> Breach:
    with pytest.raises(Breach) as caught:
        follower.turn()
    return caught.value


def test_a_key_that_was_rotated_signs_no_more(follow, author, begun):
    log = MemoryLog([*begun, author.rotated(1, 51), author.key_of(1, 52)])

    breach = broken(follow(log))

    assert (breach.kind, breach.index) == ("unknown_key", 4)
    assert "replaced by another" in breach.problem


def test_a_backdated_signature_by_a_revoked_key_is_located(follow, author, begun):
    revoked = author.revoked(1, 50)
    author.count = 0  # what the record says of its time is older than all before it
    log = MemoryLog([*begun, revoked, author.key_of(1, 52, signer=signer_of(50))])

    breach = broken(follow(log))

    assert (breach.kind, breach.index) == ("unknown_key", 4)
    assert "was revoked (known to others)" in breach.problem
    assert "does not make it older" in breach.problem


def test_what_a_key_signed_before_it_was_revoked_stays_good(follow, author, begun):
    log = MemoryLog([*begun, author.key_of(1, 52, signer=signer_of(50)), author.revoked(1, 50), author.key_of(1, 53)])

    assert follow(log).turn().cosigned == 6


REFUSED = {
    "a rotation by another key": lambda a: a.rotated(1, 51, signer=signer_of(50)),
    "a rotation without the new key's signature": lambda a: a.rotated(
        1, 51, body={"public_key": "d7" * 32, "replaces": signer_of(1).public_key.hex(), "possession": "00" * 64}
    ),
    "a key that revokes itself": lambda a: a.revoked(1, 1),
    "a reason that nobody knows": lambda a: a.revoked(1, 50, "mislaid"),
    "a reason that is no text": lambda a: a.revoked(1, 50, ["lost"]),
    "a day since with a reason that has none": lambda a: a.revoked(1, 50, "superseded", stamp(STARTED)),
    "a day since that lies in the future": lambda a: a.revoked(1, 50, since="2099-01-01T00:00:00.000000Z"),
    "a day since that is no time": lambda a: a.revoked(1, 50, since="last week"),
    "a key that was never there": lambda a: a.revoked(1, 77),
    "a successor of the log's key by a member": lambda a: a.log_key_announced(
        NEW_SIGNER, party=a_member(), subject=a_member(), signer=signer_of(1)
    ),
    "the end of a log key that has no successor": lambda a: a.log_key_stopped(),
}


def a_member():
    from ledger.parties.contract import party_of

    return party_of(ORIGIN, "X0001")


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_about_keys_that_breaks_the_rules_is_located(follow, author, begun, name):
    breach = broken(follow(MemoryLog([*begun, REFUSED[name](author)])))

    assert breach.kind in {"contract", "unknown_key"}
    assert breach.index == 3


def test_two_signatures_of_which_one_is_revoked_count_as_the_other(author, begun):
    """An envelope may carry more signatures; a revoked key adds nothing to it and takes nothing away."""
    from ledger.bundles.replay import Replay

    replay = Replay(ORIGIN)
    for record in [*begun, author.revoked(1, 50)]:
        replay.take(record)
    payload = dsse.payload_of(author.key_of(1, 60))
    assert replay.take(dsse.sign(payload, signers=[signer_of(50), signer_of(1)])).keyid == signer_of(1).keyid


def test_the_logs_successor_is_accepted_because_its_log_said_so(follow, author, begun):
    log = MemoryLog([*begun, author.log_key_announced(NEW_SIGNER)])
    log.signers = [LOG_SIGNER, NEW_SIGNER]
    follower = follow(log)
    assert follower.turn().cosigned == 4

    log.all += [author.log_key_stopped(), author.member(2)]
    log.size, log.signers = 6, [NEW_SIGNER]

    assert follower.turn().cosigned == 6


def test_a_successor_that_the_log_did_not_announce_is_nobody(follow, author, begun):
    log = MemoryLog(begun)
    follower = follow(log)
    follower.turn()
    log.all.append(author.member(2))
    log.size, log.signers = 4, [NEW_SIGNER]

    assert broken(follower).kind == "bad_signature"


def test_a_key_that_the_log_stopped_speaks_for_it_no_more(follow, author, begun):
    log = MemoryLog([*begun, author.log_key_announced(NEW_SIGNER), author.log_key_stopped()])
    log.signers = [LOG_SIGNER, NEW_SIGNER]
    follower = follow(log)
    follower.turn()
    log.all.append(author.member(2))
    log.size, log.signers = 6, [LOG_SIGNER]

    breach = broken(follower)

    assert breach.kind == "bad_signature"
    assert "a key that the log stopped using" in breach.problem


def test_an_older_checkpoint_under_the_stopped_key_still_counts_for_readers(follow, author, begun):
    log = MemoryLog([*begun, author.log_key_announced(NEW_SIGNER), author.log_key_stopped()])
    log.readers_note = log.signed(3)
    log.signers = [LOG_SIGNER, NEW_SIGNER]

    assert follow(log).turn().cosigned == 5
