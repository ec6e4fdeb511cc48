"""The body of an `add-checkpoint` request: old size, consistency proof, checkpoint (C2SP tlog-witness)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto import base64s, checkpoint, notes
from ledger.crypto.errors import VerificationError
from ledger.crypto.merkle import HASH_BYTES

MAX_PROOF = 63
MAX_BYTES = notes.MAX_NOTE_BYTES
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True)
class Submission:
    """A request as parsed: nothing of it is verified, the checkpoint's signatures least of all."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str
    checkpoint: checkpoint.Checkpoint


def encode(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """The request's body."""
    lines = [f"old {old_size}", *(base64s.encode(hash_) for hash_ in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode("utf-8")


def parse(body: bytes) -> Submission:
    """The parts of a request's body. Raises VerificationError for any that is not well formed."""
    if len(body) > MAX_BYTES:
        raise VerificationError(f"The request is longer than {MAX_BYTES} bytes.")
    try:
        head, separator, note = body.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError as error:
        raise VerificationError("The request is not UTF-8.") from error
    first, *lines = head.split("\n")
    match = _OLD.fullmatch(first)
    if not separator or not match or int(match[1]) > checkpoint.MAX_SIZE:
        raise VerificationError("The request does not begin with a line “old <size>”.")
    if len(lines) > MAX_PROOF:
        raise VerificationError(f"The request has more than {MAX_PROOF} lines of proof.")
    proof = tuple(base64s.decode(line, what="proof's hash") for line in lines)
    if any(len(hash_) != HASH_BYTES for hash_ in proof):
        raise VerificationError(f"A hash of the proof does not have {HASH_BYTES} bytes.")
    return Submission(int(match[1]), proof, note, checkpoint.parse(notes.parse_note(note).text))
