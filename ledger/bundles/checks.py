"""Checking a bundle: each claim that the report makes is decided here. Pure, offline.

The log's key is the anchor: give the one that you have from elsewhere. The key that comes with the bundle shows only
that the bundle agrees with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from ledger.bundles import readers
from ledger.bundles.format import Bundle, Part, PrintedName, folder_of
from ledger.bundles.replay import Replay, Replayed
from ledger.crypto import canonical, commitments, cosignature, dsse, merkle, notes, tlog_proof
from ledger.crypto import checkpoint as checkpoints
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log.contract import State
from ledger.log.entries import Signature, entry_of
from ledger.log.logs import Awaited, code_of, name_of
from ledger.parties import key_rules
from ledger.proofs import verifier
from ledger.proofs.verification_key import MalformedKey, VerificationKey

NAME_PATH = "signer.name"
UNPROVEN = (VerificationError, verifier.VerificationError, Refusal, MalformedKey, KeyError, TypeError, ValueError)
"""What reading or checking a claim may raise when no honest prover made the record that carries it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature as it is printed: `name` is empty when the bundle does not disclose it."""

    name: str
    role: str
    meaning: str
    method: str
    organisation: str
    key_id: str = ""
    """The person's own key, where they signed with one."""


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record that holds."""

    index: int
    title: str
    at: datetime
    signatures: tuple[Signed, ...]
    entry_hash: str
    chain_kind: str
    subject: UUID
    party: UUID
    keyid: str
    recorded_at: datetime
    doubtful_since: datetime | None = None
    """Since when the key that signed it may have been in other hands, where its owner said so later on."""
    log: str = ""


@dataclass(frozen=True, slots=True)
class ProofLine:
    """A compliance proof that holds."""

    title: str
    statement: str
    unsafe: bool


@dataclass(frozen=True, slots=True)
class DisclosedLine:
    """A disclosed value that holds: `sources` is how many records among these had committed to it before."""

    name: str
    value: str = field(repr=False)
    sources: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What a member's log says of its content, and which witnesses cosigned that."""

    log: str
    size: int
    root: str
    witnesses: tuple[str, ...]


@dataclass(slots=True)
class Verdict:
    """What was found. The bundle holds when `problems` is empty; each names the file and what is wrong."""

    bundle: Bundle
    own_key: bool
    own_witnesses: bool = False
    """Whether the reader gave the witnesses' keys. Those in the file show only that it agrees with itself."""
    size: int = 0
    root: str = ""
    witnesses: tuple[str, ...] = ()
    records: list[RecordLine] = field(default_factory=list)
    proofs: list[ProofLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    others: dict[str, Statement] = field(default_factory=dict)
    disclosed: list[DisclosedLine] = field(default_factory=list)
    registers: dict[UUID, State] = field(default_factory=dict)
    """Each member's register as it stands after the records: with which keys it signs now."""
    names: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.problems

    @property
    def journey(self) -> list[RecordLine]:
        """The records of the chain that the bundle is about."""
        about = (self.bundle.chain_kind, self.bundle.subject)
        return [line for line in self.records if (line.chain_kind, line.subject) == about]


def check(
    bundle: Bundle,
    *,
    log_key: str | Sequence[str] | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    other_keys: Sequence[str] = (),
) -> Verdict:
    """Check everything. `quorum` is how many of `witnesses` (vkeys) have to have cosigned each log's checkpoint: all
    of them where nothing is said. It counts no witness whose key only the file gives, since who made the file could
    have made that key.

    `log_key` is that of the operator's log, which announces those of members' logs; `other_keys` are held against what
    it announces. Of several log keys one has to have signed: a log that changes its key has two for a while, and one
    after it. Raises VerificationError when a key given by the caller cannot be read, or a quorum of nobody is asked.
    """
    own = [log_key] if isinstance(log_key, str) else list(log_key or ())
    logs = [notes.parse_vkey(key) for key in own or [bundle.log_key]]
    if quorum and not witnesses:
        raise VerificationError("A quorum counts the witnesses whose keys you give (--witness): give at least one.")
    asked = len({notes.parse_vkey(key).name for key in witnesses}) if quorum is None else quorum
    trusted = [cosignature.verifier(key) for key in (witnesses or bundle.witnesses)]
    given = {key.name: key for key in map(notes.parse_vkey, other_keys)}
    verdict = Verdict(bundle, own_key=bool(own), own_witnesses=bool(witnesses))
    checking = _Checking(verdict, trusted, asked, given)
    statement = checking.open("", bundle.checkpoint, logs)
    if statement is not None:
        verdict.size, verdict.root, verdict.witnesses = statement.size, statement.root, statement.witnesses
        _check_named_key(verdict)
        checking.records()
        if verdict.holds and not verdict.journey:
            verdict.problems.append(f"manifest.json: no record is about the {bundle.chain_kind} {bundle.subject}")
    return verdict


def _check_named_key(verdict: Verdict) -> None:
    """The log's key that the file names signed the checkpoint as well: else somebody changed the file."""
    bundle = verdict.bundle
    try:
        key = notes.parse_vkey(bundle.log_key)
        checkpoints.open_checkpoint(bundle.checkpoint, origin=bundle.log, log=key)
    except VerificationError as problem:
        verdict.problems.append(f"manifest.json: the log's key that it names did not sign the checkpoint: {problem}")


class _Checking:
    """One run over all logs of a bundle, each in its order, and as far as it does not rest on another."""

    def __init__(
        self, verdict: Verdict, trusted: Sequence[notes.Verifier], quorum: int, given: Mapping[str, notes.VerifierKey]
    ) -> None:
        self.verdict = verdict
        self.bundle = verdict.bundle
        self._trusted = trusted
        self._quorum = quorum
        self._given = given
        self._replay = Replay(self.bundle.log)
        self._trees: dict[str, checkpoints.Checkpoint] = {}
        self._left = {code: sorted(part.records) for code, part in self.bundle.parts.items()}
        self._names: dict[tuple[str, int], list[PrintedName]] = {}
        self._shown: dict[tuple[str, UUID], dict[str, set[str]]] = {}
        self._committed: dict[tuple[str, UUID], set[str]] = {}
        for name in self.bundle.names:
            self._names.setdefault((name.log, name.index), []).append(name)

    def open(self, code: str, note: str, keys: Sequence[notes.VerifierKey]) -> Statement | None:
        """The checkpoint of a log, if one of these keys signed it; what is wrong goes to the verdict."""
        where, name = f"{folder_of(code)}checkpoint", name_of(self.bundle.log, code)
        try:
            opened = _opened(note, name, keys, self._trusted)
        except VerificationError as problem:
            self.verdict.problems.append(f"{where}: {problem}")
            return None
        cosigned = tuple(sorted({one.name for one in self._trusted if one.name in opened.names}))
        if len(cosigned) < self._quorum:
            self.verdict.problems.append(
                f"{where}: {len(cosigned)} witnesses cosigned it, {self._quorum} were asked for"
            )
        self._trees[code] = opened.checkpoint
        return Statement(name, opened.checkpoint.size, opened.checkpoint.root.hex(), cosigned)

    def records(self) -> None:
        """Take every record. Where one does not hold it ends: what follows may rest on it, and that were guessing."""
        try:
            while any(self._left.values()):
                held: list[tuple[str, Awaited]] = []
                moved = sum(self._take_what_is_ready(code, held) for code in sorted(self._left))
                if not moved:
                    where, awaited = held[0]
                    self.verdict.problems.append(f"{where}: {awaited.what}")
                    return
        except _Ended:
            return
        self.verdict.registers, self.verdict.names = self._replay.members()
        self.verdict.records = [replace(one, doubtful_since=self._doubt(one)) for one in self.verdict.records]
        self._disclosed()
        for log, index in self._names:
            self.verdict.problems.append(f"names.json: there is no record {index}{f' of {log}' if log else ''}")

    def _disclosed(self) -> None:
        """Each disclosed value against the commitments that the holder signed for, and those that came before."""
        about = (self.bundle.chain_kind, self.bundle.subject)
        for one in self.bundle.disclosed:
            where = f"disclosed.json: {one.name[:80]}"
            try:
                made = commitments.commit(salt=one.salt, path=one.path, value=one.value)
            except ValueError as problem:
                self.verdict.problems.append(f"{where}: {problem}")
                continue
            if made not in self._shown.get(about, {}).get(one.name, ()):
                self.verdict.problems.append(f"{where}: no record of this disclosure commits to this value")
                continue
            elsewhere = [place for place, names in self._committed.items() if place != about and made in names]
            if any(place[0] == "therapy" for place in self._committed) and not elsewhere:
                self.verdict.problems.append(f"{where}: no record of the therapy had committed to this value")
                continue
            self.verdict.disclosed.append(DisclosedLine(one.name, one.value, len(elsewhere)))

    def _learn(self, replayed: Replayed) -> None:
        """What a record commits to, for the disclosed values."""
        if not self.bundle.disclosed:
            return
        entry = replayed.entry
        place = (entry.chain_kind, entry.subject)
        for member in ("shown", "identity", "sealed"):
            said = entry.body.get(member)
            if not isinstance(said, Mapping):
                continue
            for name, digest in said.items():
                self._committed.setdefault(place, set()).add(str(digest))
                if member == "shown":
                    self._shown.setdefault(place, {}).setdefault(str(name), set()).add(str(digest))
        if entry.chain_kind == "therapy":
            self._committed.setdefault(place, set())

    def _doubt(self, line: RecordLine) -> datetime | None:
        return key_rules.doubt(self._replay.state("register", line.party), line.keyid, line.recorded_at)

    def _take_what_is_ready(self, code: str, held: list[tuple[str, Awaited]]) -> int:
        """The records of this log up to the first that has to wait; how many those were."""
        taken = 0
        while self._left[code]:
            index = self._left[code][0]
            where = f"{folder_of(code)}records/{index:012d}.dsse"
            try:
                replayed = self._take(code, index)
                self.verdict.records.append(
                    _line(code, index, replayed, self._replay, self._names.pop((code, index), []))
                )
            except Awaited as awaited:
                held.append((where, awaited))
                break
            except VerificationError as problem:
                self.verdict.problems.append(f"{where}: {problem}")
                raise _Ended from None
            self._left[code].pop(0)
            self._learn(replayed)
            taken += 1
            try:
                claim = readers.claim_of(replayed.before, replayed.entry, self._replay)
                if claim is not None:
                    self.verdict.proofs.append(_check_claim(claim))
            except UNPROVEN as problem:
                self.verdict.problems.append(f"{where}: its compliance proof does not hold: {problem}")
        return taken

    def _take(self, code: str, index: int) -> Replayed:
        part, name = self.bundle.parts[code], name_of(self.bundle.log, code)
        if code not in self._trees:
            self._open_members(code, name, part)
        _check_place(part, index, self._trees[code])
        for other, size in entry_of(canonical.decode(dsse.payload_of(part.records[index]))).seen.items():
            left = self._left.get(code_of(self.bundle.log, other) or "", [])
            if other != name and left and left[0] < size:
                raise Awaited(f"its author had seen {size} records of {other[:80]}", log=other)
        return self._replay.take(part.records[index], index=index, log=name)

    def _open_members(self, code: str, name: str, part: Part) -> None:
        announced = self._replay.log_key(name)
        if announced is None:
            raise Awaited(f"no record opens the log {name[:80]}", log=self.bundle.log)
        key = notes.parse_vkey(notes.vkey(name, announced))
        if name in self._given and self._given[name] != key:
            self.verdict.problems.append(
                f"{folder_of(code)}checkpoint: the operator announced another key of this log than you gave"
            )
            raise _Ended
        statement = self.open(code, part.checkpoint, [key])
        if statement is None:
            raise _Ended
        self.verdict.others[code] = statement


def _opened(
    note: str, name: str, keys: Sequence[notes.VerifierKey], trusted: Sequence[notes.Verifier]
) -> checkpoints.SignedCheckpoint:
    problems = []
    for key in keys:
        try:
            return checkpoints.open_checkpoint(note, origin=name, log=key, others=trusted)
        except VerificationError as problem:
            problems.append(problem)
    raise problems[0]


class _Ended(Exception):
    """Something does not hold; the verdict says what."""


def _check_place(part: Part, index: int, tree: checkpoints.Checkpoint) -> None:
    try:
        proof = tlog_proof.parse(part.proofs[index])
    except VerificationError as problem:
        raise VerificationError(f"its proof cannot be read: {problem}") from None
    if proof.index != index or proof.checkpoint != part.checkpoint:
        raise VerificationError("its proof is of another place, or against another checkpoint")
    leaf = merkle.leaf_hash(part.records[index])
    merkle.verify_inclusion(leaf=leaf, index=index, size=tree.size, proof=proof.path, root=tree.root)


def _line(log: str, index: int, replayed: Replayed, replay: Replay, names: Sequence[PrintedName]) -> RecordLine:
    entry = replayed.entry
    given = [entry.signer] + ([entry.second] if entry.second else [])
    known = {name.position: name for name in names}
    if len(known) != len(names) or not known.keys() <= set(range(1, len(given) + 1)):
        raise VerificationError("the printed names do not go with its signatures")
    return RecordLine(
        index=index,
        title=readers.title_of(replayed.after, entry, replay),
        at=entry.occurred_at,
        signatures=tuple(_signed(one, known.get(at), replay) for at, one in enumerate(given, 1)),
        entry_hash=replayed.entry_hash,
        chain_kind=entry.chain_kind,
        subject=entry.subject,
        party=entry.party,
        keyid=replayed.keyid,
        recorded_at=entry.recorded_at,
        log=log,
    )


def _signed(signature: Signature, name: PrintedName | None, replay: Replay) -> Signed:
    if name is not None:
        commitments.verify_commitment(signature.name_commitment, salt=name.salt, path=NAME_PATH, value=name.name)
    return Signed(
        name=name.name if name else "",
        role=signature.role,
        meaning=signature.meaning,
        method=signature.method,
        organisation=replay.party_name(signature.party),
        key_id=signature.hand.key_id if signature.hand else "",
    )


def _check_claim(claim: readers.Claim) -> ProofLine:
    if claim.inputs != claim.expected:
        raise VerificationError("it speaks of other facts than the records")
    key = VerificationKey.from_snarkjs(claim.key)
    verified = verifier.verify_proof(key, claim.expected, claim.proof)
    return ProofLine(claim.title, verified.statement_id, claim.unsafe)
