"""A person's keys are judged by their place, and only a key that is exactly one is a key."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ledger.crypto import hand_keys, randomness
from ledger.crypto.errors import VerificationError
from ledger.log.contract import PartyFacts, Refused
from ledger.log.entries import Entry, HandProof, Signature
from ledger.log.logs import RegisterAt
from ledger.parties import acts
from ledger.parties.person_rules import PersonContract

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
PARTY, PERSON = uuid4(), uuid4()
LOG = "ledger.example/consortium"


class World:
    def party(self, party: UUID) -> PartyFacts:
        return PartyFacts(party, "X0042", "treatment_centre", "AT")

    def document(self, digest: str) -> dict[str, object]:
        raise Refused("none")


def software() -> tuple[ed25519.Ed25519PrivateKey, hand_keys.HandKey]:
    private = ed25519.Ed25519PrivateKey.generate()
    return private, hand_keys.of_public_key(hand_keys.SOFTWARE, "", private.public_key())


def entry(
    type: str, body: dict[str, object], *, seq: int = 0, log: str = LOG, seen: dict[str, int] | None = None
) -> Entry:
    subject = acts.subject_of(PARTY, PERSON)
    signer = Signature(PERSON, PARTY, "0" * 64, "nurse", "I did this", "password+totp")
    return Entry(
        log=log, chain=uuid4(), chain_kind=acts.KIND, subject=subject, seq=seq, prev_hash="0" * 64, type=type,
        key="key-0001", signer=signer, second=None, occurred_at=AT, recorded_at=AT, body=body, seen=seen or {},
    )  # fmt: skip


def signed(one: Entry, private: ed25519.Ed25519PrivateKey, key: hand_keys.HandKey) -> Entry:
    nonce = "ab" * 16
    digests = (acts.digest_of(acts.act_of(one, 1, nonce)),)
    proof = HandProof(key.key_id, nonce, digests, private.sign(acts.challenge_of(digests)))
    return acts.with_hands(one, [proof])


def test_a_first_key_signs_its_own_binding_and_a_further_one_is_signed_for() -> None:
    (private, key), (other_private, other) = software(), software()
    rules, world = PersonContract(), World()
    first = signed(entry(acts.BOUND, {"key": key.text}), private, key)
    acts.verify(first, lambda signature: acts.NONE)
    state = rules.admit(rules.initial(), first, world)

    by_itself = signed(entry(acts.BOUND, {"key": other.text}, seq=1), other_private, other)
    with pytest.raises(Refused, match="one in force"):
        rules.admit(state, by_itself, world)
    further = signed(entry(acts.BOUND, {"key": other.text}, seq=1), private, key)
    assert rules.admit(state, further, world)["keys"] == [key.text, other.text]


@pytest.mark.parametrize("change", [{"subject": uuid4()}, {"body": {"key": "passkey|ES256|x|00"}}, {"body": {}}])
def test_what_binds_no_key_of_the_person_is_refused(change: dict[str, object]) -> None:
    private, key = software()
    one = signed(entry(acts.BOUND, {"key": key.text})._replace(**change), private, key)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        PersonContract().admit({"status": "none"}, one, World())


def test_a_changed_act_is_not_what_was_signed() -> None:
    private, key = software()
    one = signed(entry(acts.BOUND, {"key": key.text}), private, key)
    changed = one._replace(occurred_at=AT.replace(hour=9))
    with pytest.raises(VerificationError, match="signed something else"):
        acts.verify(changed, lambda signature: acts.HandKeys((key,), True))


def test_a_key_counts_from_its_place_to_its_end() -> None:
    _, key = software()
    history = acts.PersonHistory()
    history.add(RegisterAt(0, LOG, 10, {"keys": [key.text], "past": []}))
    history.add(RegisterAt(1, LOG, 20, {"keys": [], "past": [{"key": key.text}]}))
    one = entry(acts.BOUND, {})

    assert history.at(one, 5) == acts.NONE
    assert history.at(one, 15) == acts.HandKeys((key,), True)
    assert history.at(one, 25) == acts.NONE
    assert history.at(one, None) == acts.NONE


def test_of_two_that_wait_for_their_place_nobody_is_accused() -> None:
    _, key = software()
    history = acts.PersonHistory()
    history.add(RegisterAt(0, LOG, None, {"keys": [key.text], "past": []}))
    assert history.at(entry(acts.BOUND, {}), None) == acts.HandKeys((key,), False)


def test_a_key_of_another_log_may_be_used_before_it_was_seen_and_binds_nobody() -> None:
    _, key = software()
    history = acts.PersonHistory()
    history.add(RegisterAt(0, LOG, 10, {"keys": [key.text], "past": []}))
    elsewhere = f"{LOG}/x0042"

    assert history.at(entry(acts.BOUND, {}, log=elsewhere, seen={LOG: 5}), 3) == acts.HandKeys((key,), False)
    assert history.at(entry(acts.BOUND, {}, log=elsewhere, seen={LOG: 11}), 3) == acts.HandKeys((key,), True)


def test_keys_that_are_not_exactly_one_are_none() -> None:
    _, key = software()
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    for public in (weak, curve):
        with pytest.raises(VerificationError):
            hand_keys.of_public_key(hand_keys.PASSKEY, "portal.example", public)
    for text in ("", key.text.upper(), f"{key.text}|", key.text.replace("key|", "passkey|"), "x" * 2000):
        with pytest.raises(VerificationError):
            hand_keys.parse(text)


def test_a_seed_gives_the_same_salts_again_and_no_seed_never_does() -> None:
    def drawn() -> list[bytes]:
        with randomness.drawn_from(b"\x07" * 32):
            first = randomness.token_bytes(16)
            mark = randomness.checkpoint()
            second = randomness.token_bytes(40)
            randomness.rewind(mark)
            assert randomness.token_bytes(40) == second
            return [first, second]

    assert drawn() == drawn()
    assert randomness.token_bytes(16) != randomness.token_bytes(16)
