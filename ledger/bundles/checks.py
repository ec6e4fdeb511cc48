"""Checking a bundle: each claim that the report makes is decided here. Pure, offline.

The log's key is the anchor: give the one that you have from elsewhere. The key that comes with the bundle shows only
that the bundle agrees with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ledger.bundles import readers
from ledger.bundles.format import Bundle, PrintedName
from ledger.bundles.replay import Replay, Replayed
from ledger.crypto import checkpoint as checkpoints
from ledger.crypto import commitments, cosignature, merkle, notes, tlog_proof
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log.entries import Signature
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


@dataclass(frozen=True, slots=True)
class ProofLine:
    """A compliance proof that holds."""

    title: str
    statement: str
    unsafe: bool


@dataclass(slots=True)
class Verdict:
    """What was found. The bundle holds when `problems` is empty; each names the file and what is wrong."""

    bundle: Bundle
    own_key: bool
    size: int = 0
    root: str = ""
    witnesses: tuple[str, ...] = ()
    records: list[RecordLine] = field(default_factory=list)
    proofs: list[ProofLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    @property
    def journey(self) -> list[RecordLine]:
        """The records of the chain that the bundle is about."""
        about = (self.bundle.chain_kind, self.bundle.subject)
        return [line for line in self.records if (line.chain_kind, line.subject) == about]


def check(bundle: Bundle, *, log_key: str | None = None, witnesses: Sequence[str] = (), quorum: int = 0) -> Verdict:
    """Check everything. `quorum` is how many of `witnesses` (vkeys) have to have cosigned.

    Raises VerificationError when a key given by the caller cannot be read.
    """
    log = notes.parse_vkey(log_key or bundle.log_key)
    trusted = [cosignature.verifier(key) for key in (witnesses or bundle.witnesses)]
    verdict = Verdict(bundle, own_key=log_key is not None)
    try:
        opened = checkpoints.open_checkpoint(bundle.checkpoint, origin=bundle.log, log=log, others=trusted)
    except VerificationError as problem:
        verdict.problems.append(f"checkpoint: {problem}")
        return verdict
    verdict.size, verdict.root = opened.checkpoint.size, opened.checkpoint.root.hex()
    verdict.witnesses = tuple(sorted({key.name for key in trusted if key.name in opened.names}))
    if len(verdict.witnesses) < quorum:
        verdict.problems.append(f"checkpoint: {len(verdict.witnesses)} witnesses cosigned it, {quorum} were asked for")
    _check_records(verdict, opened.checkpoint)
    if verdict.holds and not verdict.journey:
        verdict.problems.append(f"manifest.json: no record is about the {bundle.chain_kind} {bundle.subject}")
    return verdict


def _check_records(verdict: Verdict, tree: checkpoints.Checkpoint) -> None:
    bundle, replay = verdict.bundle, Replay(verdict.bundle.log)
    names: dict[int, list[PrintedName]] = {}
    for name in bundle.names:
        names.setdefault(name.index, []).append(name)
    for index in sorted(bundle.records):
        where = f"records/{index:012d}.dsse"
        try:
            _check_place(bundle, index, tree)
            replayed = replay.take(bundle.records[index])
            verdict.records.append(_line(index, replayed, replay, names.pop(index, [])))
        except VerificationError as problem:
            verdict.problems.append(f"{where}: {problem}")
            # What follows may rest on this record: saying more would be guessing.
            return
        try:
            claim = readers.claim_of(replayed.before, replayed.entry, replay)
            if claim is not None:
                verdict.proofs.append(_check_claim(claim))
        except UNPROVEN as problem:
            verdict.problems.append(f"{where}: its compliance proof does not hold: {problem}")
    for index in names:
        verdict.problems.append(f"names.json: there is no record {index}")


def _check_place(bundle: Bundle, index: int, tree: checkpoints.Checkpoint) -> None:
    proof = tlog_proof.parse(bundle.proofs[index])
    if proof.index != index or proof.checkpoint != bundle.checkpoint:
        raise VerificationError("its proof is of another place, or against another checkpoint")
    leaf = merkle.leaf_hash(bundle.records[index])
    merkle.verify_inclusion(leaf=leaf, index=index, size=tree.size, proof=proof.path, root=tree.root)


def _line(index: int, replayed: Replayed, replay: Replay, names: Sequence[PrintedName]) -> RecordLine:
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
    )


def _check_claim(claim: readers.Claim) -> ProofLine:
    if claim.inputs != claim.expected:
        raise VerificationError("it speaks of other facts than the records")
    key = VerificationKey.from_snarkjs(claim.key)
    verified = verifier.verify_proof(key, claim.expected, claim.proof)
    return ProofLine(claim.title, verified.statement_id, claim.unsafe)
