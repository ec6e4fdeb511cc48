"""Checkpoints: what a log says of its size and root (C2SP tlog-checkpoint)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto import base64s, notes
from ledger.crypto.errors import VerificationError
from ledger.crypto.merkle import EMPTY_ROOT, HASH_BYTES

MAX_SIZE = 2**63 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """The origin (which log), the tree's size in leaves, its root, extension lines (never written here)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return "".join(f"{line}\n" for line in (self.origin, self.size, base64s.encode(self.root), *self.extensions))


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint with the names of the keys whose signatures on it hold."""

    checkpoint: Checkpoint
    names: tuple[str, ...]
    note: str


def body(origin: str, size: int, root: bytes) -> str:
    """The note text of a checkpoint, to be signed with `notes.sign_note`."""
    text = Checkpoint(origin, size, root).body
    if parse(text) != Checkpoint(origin, size, root):
        raise VerificationError(f"{origin!r} cannot be the origin of a log.")
    return text


def parse(text: str) -> Checkpoint:
    """The checkpoint in a note's text (without its signatures), which has to be in the only form that it may have."""
    if not text.endswith("\n"):
        raise VerificationError("A checkpoint has to end in a newline.")
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise VerificationError("A checkpoint has at least three lines, none of them empty.")
    origin, size, encoded, *extensions = lines
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise VerificationError("The size in the checkpoint is not a plain decimal number.")
    root = base64s.decode(encoded, what="root hash in the checkpoint")
    if len(root) != HASH_BYTES:
        raise VerificationError(f"The root hash in the checkpoint has {len(root)} bytes, not {HASH_BYTES}.")
    if int(size) == 0 and root != EMPTY_ROOT:
        raise VerificationError("The checkpoint of an empty log has another root than the empty tree.")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def open_checkpoint(
    note: str, *, origin: str, log: notes.Verifier, others: Sequence[notes.Verifier] = ()
) -> SignedCheckpoint:
    """The checkpoint in `note`, if it is of `origin` and signed by the log's own key; `others` are its witnesses.

    How many witnesses are enough is the caller's policy: `names` says which of them signed.
    """
    opened = notes.open_note(note, [log, *others])
    if (log.name, log.key_id) not in {(found.name, found.key_id) for found in opened.signatures}:
        raise VerificationError("The checkpoint is not signed by the log itself.")
    found = parse(opened.text)
    if found.origin != origin:
        raise VerificationError(f"The checkpoint is of the log {found.origin[:100]!r}, not of {origin!r}.")
    return SignedCheckpoint(found, opened.names, note)
