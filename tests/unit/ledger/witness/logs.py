"""A log for tests of witnesses: real records of real contracts, served from memory, and bent at will."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ledger.clock import stamp
from ledger.crypto import canonical, checkpoint, dsse, merkle, notes, tiles
from ledger.crypto.ed25519 import InMemorySigner
from ledger.ids import derived
from ledger.log.entries import Entry, Signature
from ledger.parties import log_key_rules
from ledger.parties.contract import ENROLLED, operator_of, party_of
from ledger.parties.key_rules import KEY_ADDED, KEY_REVOKED, KEY_ROTATED, possession_statement
from ledger.witness.source import Missing

ORIGIN = "ledger.example/test"
STARTED = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LOG_SIGNER = InMemorySigner(b"\x10" * 32)
OPERATOR_SIGNER = InMemorySigner(b"\x11" * 32)
LOG_KEY = notes.parse_vkey(notes.vkey(ORIGIN, LOG_SIGNER.public_key))


def signer_of(number: int) -> InMemorySigner:
    return InMemorySigner(number.to_bytes(32, "big"))


@dataclass
class Author:
    """Writes records of the register as `append` does."""

    heads: dict[UUID, tuple[int, str]] = field(default_factory=dict)
    count: int = 0

    def record(
        self,
        *,
        subject: UUID,
        type: str,
        body: dict[str, Any],
        party: UUID,
        signer: InMemorySigner,
        change: Callable[[Entry], Entry] = lambda entry: entry,
    ) -> bytes:
        chain = derived("chain", "register", subject)
        seq, prev = self.heads.get(chain, (0, "0" * 64))
        at = STARTED + timedelta(seconds=self.count)
        self.count += 1
        signature = Signature(UUID(int=1), party, "0" * 64, "steward", "enrolled", "passkey")
        entry = change(
            Entry(
                log=ORIGIN, chain=chain, chain_kind="register", subject=subject, seq=seq, prev_hash=prev, type=type,
                key=f"key-{self.count:08d}", signer=signature, second=None, occurred_at=at, recorded_at=at, body=body,
            )
        )  # fmt: skip
        payload = canonical.encode(entry.as_json())
        self.heads[chain] = (seq + 1, merkle.sha256_hex(payload))
        return dsse.sign(payload, signers=[signer])

    def operator(self) -> bytes:
        me = operator_of(ORIGIN)
        facts = _facts("N0001", "operator", OPERATOR_SIGNER)
        return self.record(subject=me, type=ENROLLED, body=facts, party=me, signer=OPERATOR_SIGNER)

    def member(self, number: int, **more: Any) -> bytes:
        code = f"X{number:04d}"
        return self.record(
            **{
                "subject": party_of(ORIGIN, code),
                "type": ENROLLED,
                "body": _facts(code, "treatment_centre", signer_of(number)),
                "party": operator_of(ORIGIN),
                "signer": OPERATOR_SIGNER,
                **more,
            }
        )

    def key_of(self, number: int, key: int, **more: Any) -> bytes:
        me = party_of(ORIGIN, f"X{number:04d}")
        body = self.shown(me, signer_of(key))
        return self.record(
            **{"subject": me, "type": KEY_ADDED, "body": body, "party": me, "signer": signer_of(number), **more}
        )

    def rotated(self, number: int, key: int, **more: Any) -> bytes:
        me, old = party_of(ORIGIN, f"X{number:04d}"), signer_of(number)
        body = {**self.shown(me, signer_of(key)), "replaces": old.public_key.hex()}
        return self.record(**{"subject": me, "type": KEY_ROTATED, "body": body, "party": me, "signer": old, **more})

    def revoked(self, number: int, key: int, reason: str = "compromised", since: str = "", **more: Any) -> bytes:
        me = party_of(ORIGIN, f"X{number:04d}")
        body = {"public_key": signer_of(key).public_key.hex(), "reason": reason}
        body |= {"compromised_at": since} if since else {}
        return self.record(
            **{"subject": me, "type": KEY_REVOKED, "body": body, "party": me, "signer": signer_of(number), **more}
        )

    def log_key_announced(self, new: InMemorySigner, **more: Any) -> bytes:
        """A successor of the log's key; both sign until two seconds later."""
        me = operator_of(ORIGIN)
        until = stamp(STARTED + timedelta(seconds=self.count + 1))
        body = {**self.shown(me, new), "replaces": LOG_SIGNER.public_key.hex(), "until": until}
        return self.record(
            **{
                "subject": me,
                "type": log_key_rules.ANNOUNCED,
                "body": body,
                "party": me,
                "signer": OPERATOR_SIGNER,
                **more,
            }
        )

    def log_key_stopped(self) -> bytes:
        me, body = operator_of(ORIGIN), {"public_key": LOG_SIGNER.public_key.hex()}
        return self.record(subject=me, type=log_key_rules.STOPPED, body=body, party=me, signer=OPERATOR_SIGNER)

    def shown(self, subject: UUID, signer: InMemorySigner) -> dict[str, str]:
        """A new key for the next record of this register, and the proof that it is there."""
        chain = derived("chain", "register", subject)
        seq, prev = self.heads.get(chain, (0, "0" * 64))
        public_key = signer.public_key.hex()
        statement = possession_statement(log=ORIGIN, chain=chain, seq=seq, prev_hash=prev, public_key=public_key)
        return {"public_key": public_key, "possession": signer.sign(statement).hex()}


def _facts(code: str, kind: str, signer: InMemorySigner) -> dict[str, Any]:
    return {
        "code": code, "kind": kind, "name": f"Member {code}", "city": "Leiden", "country": "NL",
        "time_zone": "Europe/Amsterdam", "latitude_e6": 0, "longitude_e6": 0, "public_key": signer.public_key.hex(),
    }  # fmt: skip


class MemoryLog:
    """A log that a `Follower` reads in the place of a `LogSource`; `bend` changes what it shows."""

    def __init__(self, entries: list[bytes], *, name: str = ORIGIN, signer: InMemorySigner = LOG_SIGNER) -> None:
        self.name = name
        self.all = entries
        self.size = len(entries)
        self.bend: dict[str, Callable[[bytes], bytes | None]] = {}
        self.note: str | None = None
        self.readers_note: str | None = None
        self.submitted: list[str] = []
        self.read: list[str] = []
        self.signers = [signer]

    @classmethod
    def of(cls, members: int) -> MemoryLog:
        """A log with its operator and so many members."""
        author = Author()
        return cls([author.operator(), *(author.member(number) for number in range(1, members + 1))])

    def signed(self, size: int | None = None, *, root: bytes | None = None) -> str:
        size = self.size if size is None else size
        root = root or merkle.root([merkle.leaf_hash(entry) for entry in self.all[:size]])
        text = checkpoint.body(self.name, size, root)
        return f"{text}\n" + "".join(notes.signature_line(text, self.name, signer) for signer in self.signers)

    def newest(self) -> str:
        return self.note or self.signed()

    def published(self) -> str:
        return self.readers_note or self.newest()

    def tile(self, tile: tiles.TileId) -> bytes:
        self.read.append(tile.path)
        data: bytes | None = self._tile(tile)
        if tile.path in self.bend:
            data = self.bend[tile.path](data)  # type: ignore[arg-type]
        if data is None:
            raise Missing(tile.path)
        return data

    def submit(self, note: str) -> tuple[int, str]:
        self.submitted.append(note)
        return 200, ""

    def close(self) -> None:
        """There is no connection."""

    def _tile(self, tile: tiles.TileId) -> bytes:
        if tile.level is None:
            first = tile.index * tiles.WIDTH
            return tiles.encode_bundle(self.all[first : min(first + tile.width, self.size)])
        step = tiles.WIDTH**tile.level
        first = tile.index * tiles.WIDTH
        hashes = [merkle.leaf_hash(entry) for entry in self.all]
        return b"".join(
            merkle.root(hashes[place * step : (place + 1) * step]) for place in range(first, first + tile.width)
        )


def consistency(log: MemoryLog, old: int, new: int) -> list[bytes]:
    hashes = [merkle.leaf_hash(entry) for entry in log.all]
    return merkle.consistency_proof(
        old, new, lambda level, index: merkle.root(hashes[index << level : (index + 1) << level])
    )


def later(entry: Entry) -> Entry:
    """The entry, said to have happened an hour after it was recorded."""
    return entry._replace(occurred_at=entry.recorded_at + timedelta(hours=1))
