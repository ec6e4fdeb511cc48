"""Proofs that can be kept in a file: an entry's place, its path and the checkpoint (C2SP tlog-proof@v1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto import base64s, checkpoint, merkle, notes
from ledger.crypto.errors import VerificationError

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True)
class TlogProof:
    """A proof as parsed, NOT verified. `extra` is never authenticated (tlog-proof, "Format")."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64s.encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(base64s.encode(hash_) for hash_ in self.path)
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse(text: str) -> TlogProof:
    """The parts of a proof, checked for form only."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != HEADER:
        raise VerificationError(f"The proof does not begin with {HEADER}.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = base64s.decode(lines.pop(0).removeprefix("extra "), what="proof's extra data")
    match = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if not match:
        raise VerificationError("The proof names no index.")
    path = tuple(base64s.decode(line, what="proof's hash") for line in lines)
    if len(path) > merkle.MAX_PATH or any(len(hash_) != merkle.HASH_BYTES for hash_ in path):
        raise VerificationError("The hashes of the proof are not those of an inclusion path.")
    return TlogProof(int(match[1]), path, note, extra)


def verify(
    text: str, *, leaf: bytes, origin: str, log: notes.Verifier, witnesses: Sequence[notes.Verifier] = ()
) -> checkpoint.SignedCheckpoint:
    """The checkpoint that holds the leaf hash `leaf`, signed by the log; its `names` say which witnesses cosigned."""
    proof = parse(text)
    signed = checkpoint.open_checkpoint(proof.checkpoint, origin=origin, log=log, others=witnesses)
    merkle.verify_inclusion(
        leaf=leaf,
        index=proof.index,
        size=signed.checkpoint.size,
        proof=proof.path,
        root=signed.checkpoint.root,
    )
    return signed
