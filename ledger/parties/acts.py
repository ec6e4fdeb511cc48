"""What a person signs, and whether they did: the act, its digest, and the keys that count at its place. Pure.

The *act* is the content of a record without its place: what was done, to which chain, by whom and in which meaning,
when, and a nonce (21 CFR 11.50, 11.70). A person signs its digest with a key of their own; then the party's key signs
the record that carries the act, that signature and the place. So two people may act at once, and neither voids what the
other signed.

Several records that follow from one press are signed for at once: the digest is of the list of their acts.

Which keys are a person's says a chain of their party (`person_rules`). Whoever has a key in force signs with it what
the shared rules call signed: a record that leaves it out is no record of theirs, whoever writes it. Records from before
a person had a key say by which method the party vouches for them, and stay good.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from ledger import clock
from ledger.crypto import canonical, hand_keys
from ledger.crypto.errors import VerificationError
from ledger.crypto.hand_keys import Assertion, HandKey
from ledger.errors import Refusal
from ledger.ids import derived
from ledger.log import contract as contracts
from ledger.log.entries import Entry, HandProof, Signature, signed_for
from ledger.log.logs import RegisterAt, came_before

PURPOSE = "needlepoint/act/v1"
SEVERAL = "needlepoint/acts/v1"
KIND = "person"
"""The kind of chain that says which keys are a person's."""
BOUND = "ledger.person.key_bound/v1"
REVOKED = "ledger.person.key_revoked/v1"
METHODS: Mapping[str, frozenset[str]] = {
    hand_keys.PASSKEY: frozenset({"passkey"}),
    hand_keys.SOFTWARE: frozenset({"password+totp"}),
}
"""How a person shows themself to a key of each kind, as a signature says it."""

State = Mapping[str, Any]


@lru_cache(maxsize=8192)
def subject_of(party: UUID, person: UUID) -> UUID:
    """What the chain about a person's keys at a party is about: a pseudonym that follows from both."""
    return derived(KIND, party, person)


def act_of(entry: Entry, position: int, nonce: str) -> bytes:
    """The act that the signer (1) or the second person (2) of an entry signs, in canonical JSON."""
    return canonical.encode(
        {
            "purpose": PURPOSE,
            "by": position,
            "nonce": nonce,
            "chain": str(entry.chain),
            "chain_kind": entry.chain_kind,
            "subject": str(entry.subject),
            "type": entry.type,
            "key": entry.key,
            "signer": signed_for(entry.signer),
            "second": signed_for(entry.second) if entry.second else None,
            "occurred_at": clock.stamp(entry.occurred_at),
            "recorded_at": clock.stamp(entry.recorded_at),
            "body": dict(entry.body),
        }
    )


def digest_of(act: bytes) -> str:
    """SHA-256 of an act, 64 hexadecimal digits."""
    return hashlib.sha256(act).hexdigest()


def challenge_of(acts: Sequence[str]) -> bytes:
    """What is signed for these acts, named by their digests: SHA-256 over the list, 32 bytes."""
    return hashlib.sha256(canonical.encode({"purpose": SEVERAL, "acts": list(acts)})).digest()


@dataclass(frozen=True, slots=True)
class HandKeys:
    """A person's keys at a place: those that sign there, and whether the person is known to have one."""

    usable: tuple[HandKey, ...] = ()
    is_bound: bool = False


NONE = HandKeys()
KeysOf = Callable[[Signature], HandKeys]


@dataclass(slots=True)
class PersonHistory:
    """Every state of one person's chain, in its order. Unlike a register's, its beginning has a place too."""

    states: list[RegisterAt] = field(default_factory=list)

    def add(self, state: RegisterAt) -> None:
        insort(self.states, state)

    def at(self, entry: Entry, index: int | None) -> HandKeys:
        """The keys for a record at `index` of its log (None: it has no place yet).

        A key that came in another log since counts: who uses it has it. So does one that has no place yet either; the
        order of the two is not known then, and nobody is accused for it.
        """
        known: State = {}
        gained: list[str] = []
        for one in self.states:
            waiting = index is None and one.index is None and one.log == entry.log
            if came_before(one, entry.log, index, entry.seen) and not waiting:
                known, gained = one.state, []
            elif one.log != entry.log or waiting:
                gained += one.state.get("keys", [])
        return keys_from(known, gained)


def keys_from(known: State, gained: Iterable[str] = ()) -> HandKeys:
    """The keys of a state of a person's chain, and such as came elsewhere meanwhile."""
    held = list(known.get("keys", ()))
    over = {one["key"] for one in known.get("past", ())}
    usable = dict.fromkeys([*held, *(key for key in gained if key not in over)])
    return HandKeys(tuple(map(hand_keys.parse, usable)), bool(held)) if usable else NONE


def is_signed(entry: Entry) -> bool:
    """Whether the shared rules call this record signed by the people whom it names."""
    if entry.chain_kind == KIND:
        return True
    try:
        rules = contracts.contract_for(entry.chain_kind)
    except Refusal:
        return False
    demanded = getattr(rules, "is_signed", None)
    return bool(demanded and demanded(entry))


def verify(entry: Entry, keys_of: KeysOf) -> None:
    """That every signature of a hand on an entry holds, and none is missing. Raises VerificationError."""
    for position, signature in enumerate(signatures(entry), 1):
        if signature.hand is not None:
            _verify_one(entry, position, signature, signature.hand, keys_of(signature).usable or _own_key(entry))
        elif signature.person.int and keys_of(signature).is_bound and is_signed(entry):
            raise VerificationError(
                f"The {_who(position)} has a signing key of their own, and did not sign this with it."
            )


def signatures(entry: Entry) -> tuple[Signature, ...]:
    return (entry.signer, entry.second) if entry.second else (entry.signer,)


def _who(position: int) -> str:
    return "person who signs" if position == 1 else "second person"


def _verify_one(entry: Entry, position: int, signature: Signature, proof: HandProof, keys: Sequence[HandKey]) -> None:
    key = next((one for one in keys if one.key_id == proof.key_id), None)
    if key is None:
        raise VerificationError(
            f"The {_who(position)} signed with the key {proof.key_id}, which is not theirs at this place."
        )
    if signature.method not in METHODS[key.kind]:
        raise VerificationError(f"The {_who(position)} signed with a key of another kind than the record says.")
    if digest_of(act_of(entry, position, proof.nonce)) not in proof.acts:
        raise VerificationError(f"The {_who(position)} signed something else: the record was changed, or is another.")
    check_proof(key, proof)


def check_proof(key: HandKey, proof: HandProof) -> None:
    """That this key made this signature over the acts that it names. Raises VerificationError."""
    challenge = challenge_of(proof.acts)
    if key.kind == hand_keys.PASSKEY:
        assertion = Assertion(proof.authenticator_data, proof.client_data, proof.signature)
        hand_keys.verify_assertion(key, challenge, assertion)
    else:
        hand_keys.verify_signature(key, challenge, proof.signature)


def _own_key(entry: Entry) -> tuple[HandKey, ...]:
    """The key of a person who binds their first one: it signs its own entry. The rules judge the entry."""
    value = entry.body.get("key")
    if entry.type != BOUND or not isinstance(value, str):
        return ()
    try:
        return (hand_keys.parse(value),)
    except VerificationError:
        return ()


def binds_itself(entry: Entry) -> bool:
    """Whether the key that an entry binds is the one that signs it."""
    own = _own_key(entry)
    return bool(own) and entry.signer.hand is not None and own[0].key_id == entry.signer.hand.key_id


def with_hands(entry: Entry, proofs: Sequence[HandProof | None]) -> Entry:
    """The entry with the signatures of the hands, the signer's first."""
    first, *rest = proofs
    second = entry.second._replace(hand=rest[0]) if entry.second and rest else entry.second
    return entry._replace(signer=entry.signer._replace(hand=first), second=second)
