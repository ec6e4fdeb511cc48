"""A consortium in memory in which each member has its own log, for tests of witnesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from ledger.crypto import canonical, dsse, merkle
from ledger.crypto.ed25519 import InMemorySigner
from ledger.crypto.notes import VerifierKey
from ledger.ids import derived
from ledger.log import contract as contracts
from ledger.log.contract import State, World
from ledger.log.entries import Entry, Signature
from ledger.log.log_rules import OPENED
from ledger.parties.contract import ENROLLED, operator_of, party_of
from ledger.parties.key_rules import KEY_ADDED, KEY_REVOKED, possession_statement
from ledger.witness.consortium import Consortium
from ledger.witness.cosigner import WatchedLog
from ledger.witness.follow import Follower
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Store
from ledger.witness.world import StoredWorld
from tests.unit.ledger.witness.conftest import NOW
from tests.unit.ledger.witness.logs import LOG_KEY, OPERATOR_SIGNER, ORIGIN, STARTED, MemoryLog, signer_of
from tests.unit.ledger.witness.logs import _facts as facts

THING = UUID(int=77)


class TellsWhoContract:
    """Keeps the codes of the members who wrote, in their order: a state that any other order would change."""

    chain_kind = "tells"

    def initial(self) -> State:
        return {"codes": []}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        return {"codes": [*state["codes"], world.party(entry.party).code]}


def log_signer(number: int) -> InMemorySigner:
    return signer_of(500 + number)


class Members:
    """Writes to the logs of an operator and of members, numbered from 1, as `append` and the sequencer do."""

    def __init__(self, members: int) -> None:
        contracts.register(TellsWhoContract())
        self.operator = operator_of(ORIGIN)
        self.logs: dict[str, MemoryLog] = {ORIGIN: MemoryLog([])}
        self.heads: dict[UUID, tuple[int, str, str]] = {}
        self.count = 0
        self.write("register", self.operator, ENROLLED, facts("N0001", "operator", OPERATOR_SIGNER))
        for number in range(1, members + 1):
            self.enrol(number)

    def party(self, number: int) -> UUID:
        return party_of(ORIGIN, f"X{number:04d}") if number else self.operator

    def name(self, number: int) -> str:
        return f"{ORIGIN}/x{number:04d}" if number else ORIGIN

    def enrol(self, number: int) -> None:
        code, party = f"X{number:04d}", self.party(number)
        self.write("register", party, ENROLLED, facts(code, "treatment_centre", signer_of(number)))
        key = log_signer(number).public_key.hex()
        self.write("log", party, OPENED, {"code": code.lower(), "public_key": key})
        self.logs[self.name(number)] = MemoryLog([], name=self.name(number), signer=log_signer(number))

    def tell(self, number: int, subject: UUID = THING, **more: Any) -> bytes:
        """A member writes about a thing, in its own log."""
        return self.write("tells", subject, "told/v1", {}, number=number, **more)

    def add_key(self, number: int, key: int, **more: Any) -> bytes:
        chain, signer = derived("chain", "register", self.party(number)), signer_of(key)
        seq, prev, _ = self.heads[chain]
        public_key = signer.public_key.hex()
        shown = possession_statement(log=self.name(number), chain=chain, seq=seq, prev_hash=prev, public_key=public_key)
        body = {"public_key": public_key, "possession": signer.sign(shown).hex()}
        return self.write("register", self.party(number), KEY_ADDED, body, number=number, **more)

    def revoke(self, number: int) -> bytes:
        """The operator revokes the key with which a member enrolled, in the operator's log."""
        body = {"public_key": signer_of(number).public_key.hex(), "reason": "lost"}
        return self.write("register", self.party(number), KEY_REVOKED, body)

    def write(
        self,
        kind: str,
        subject: UUID,
        type: str,
        body: Mapping[str, Any],
        *,
        number: int = 0,
        signer: InMemorySigner | None = None,
        after: tuple[int, str, str] | None = None,
        seen: Mapping[str, int] | None = None,
        log: str = "",
    ) -> bytes:
        """Append a record; `after` is what it links to in the place of the chain's end."""
        home, chain = log or self.name(number), derived("chain", kind, subject)
        seq, head, before = after or self.heads.get(chain, (0, "0" * 64, ""))
        signer = signer or (signer_of(number) if number else OPERATOR_SIGNER)
        at = STARTED + timedelta(seconds=self.count)
        self.count += 1
        entry = Entry(
            log=home, chain=chain, chain_kind=kind, subject=subject, seq=seq, prev_hash=head, type=type,
            key=f"key-{self.count:08d}",
            signer=Signature(UUID(int=1), self.party(number), "0" * 64, "steward", "told", "passkey"),
            second=None, occurred_at=at, recorded_at=at, body=body, prev_log=before if before != home else "",
            seen=seen if seen is not None else {ORIGIN: len(self.logs[ORIGIN].all)} if home != ORIGIN else {},
        )  # fmt: skip
        payload = canonical.encode(entry.as_json())
        self.heads[chain] = (seq + 1, merkle.sha256_hex(payload), home)
        data = dsse.sign(payload, signers=[signer])
        self.logs[home].all.append(data)
        self.logs[home].size = len(self.logs[home].all)
        return data


def consortium(store: Store, keys: WitnessKeys, logs: Mapping[str, MemoryLog], *, patience: float = 10) -> Consortium:
    """A witness of all these logs."""
    world = StoredWorld(store, ORIGIN)

    def make(name: str, key: VerifierKey) -> Follower:
        watched = WatchedLog(name, [key], replayed=True)
        source: Any = logs[name]
        return Follower(store, keys, watched, source, clock=lambda: NOW, world=world)

    operators = make(ORIGIN, LOG_KEY)
    return Consortium(store, operators, make, patience_seconds=patience)


def judged(store: Store, members: Members) -> dict[str, Any]:
    """All that replaying has given: how far each log is checked, every chain's end and state, every member's keys."""
    chains = {str(chain): store.chain(ORIGIN, str(chain)) for chain in members.heads}
    sizes = {name: store.log(name).verified for name in members.logs}
    keys = {str(party): store.register_states(ORIGIN, str(party)) for party in map(members.party, range(4))}
    return {"sizes": sizes, "chains": chains, "keys": keys, "logs": store.member_logs(ORIGIN)}


Grow = Callable[[], None]
