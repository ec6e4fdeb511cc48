"""Signed notes: text that one or more keys signed (C2SP signed-note v1.0.0).

A verifier key, "vkey", is `name+key id in hex+base64(type byte || public key)`. This module knows plain Ed25519 (type
0x01); `cosignature` adds the timestamped types, and either is an `open_note` verifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.crypto import base64s, ed25519
from ledger.crypto.ed25519 import PublicKeyBytes, Signer
from ledger.crypto.errors import VerificationError

TYPE_ED25519 = 0x01
KEY_ID_BYTES = 4
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 64

_DASH = "\u2014 "


class Verifier(Protocol):
    """A public key under its name: what a note's signature is checked with."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def verify(self, text: str, signature: bytes) -> None:
        """Raise `VerificationError` unless `signature` (without its key id) fits the note's `text`."""


@dataclass(frozen=True)
class VerifierKey:
    """A parsed vkey; for type 0x01 it is a verifier itself."""

    name: str
    type: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.type, self.public_key)

    def verify(self, text: str, signature: bytes) -> None:
        if self.type != TYPE_ED25519:
            raise VerificationError(
                f"The key {self.name} is of type {self.type:#04x}, which does not sign plain notes."
            )
        ed25519.verify(self.public_key, text.encode("utf-8"), signature)

    def __str__(self) -> str:
        encoded = base64s.encode(bytes([self.type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the claimed key, and the signature without its key id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note as parsed, its signatures NOT checked."""

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True)
class VerifiedNote:
    """A note's text and those of its signatures that hold, in the note's order."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(found.name for found in self.signatures)


def key_id(name: str, type: int, public_key: bytes) -> bytes:
    """The first four bytes of SHA-256(name || newline || type || public key)."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([type]) + public_key).digest()[:KEY_ID_BYTES]


def vkey(name: str, public_key: PublicKeyBytes, *, type: int = TYPE_ED25519) -> str:
    """The verifier key to hand to others."""
    _check_name(name)
    return str(VerifierKey(name, type, public_key))


def parse_vkey(text: str) -> VerifierKey:
    """The key in a vkey; for the Ed25519 types the public key is checked as well."""
    # The name holds no plus, base64 may: so split from the left.
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise VerificationError("A verifier key has three parts, joined by plus signs.")
    name, hex_id, encoded = parts
    _check_name(name)
    material = base64s.decode(encoded, what="verifier key")
    if not material:
        raise VerificationError("The verifier key holds no key.")
    found = VerifierKey(name, material[0], material[1:])
    if found.key_id.hex() != hex_id:
        raise VerificationError(f"The key id of {name} is {found.key_id.hex()}, not {hex_id[:16]}.")
    if found.type == TYPE_ED25519:
        ed25519.check_public_key(found.public_key)
    return found


def sign_note(text: str, name: str, signer: Signer) -> str:
    """The whole note: `text` (ending in a newline), an empty line and one signature."""
    return add_signature(f"{_checked_text(text)}\n", signature_line(text, name, signer))


def signature_line(text: str, name: str, signer: Signer) -> str:
    """The signature line over `text`, to be added to a note of the same text."""
    signature = signer.sign(_checked_text(text).encode("utf-8"))
    return format_line(name, key_id(name, TYPE_ED25519, signer.public_key), signature)


def format_line(name: str, key_id: bytes, signature: bytes) -> str:
    """An em dash, the key's name, and base64 of key id and signature."""
    _check_name(name)
    return f"{_DASH}{name} {base64s.encode(key_id + signature)}\n"


def add_signature(note: str, line: str) -> str:
    """The note with one more signature line, unless that very line stands there already."""
    return note if line in note.splitlines(keepends=True) else note + line


def parse_note(note: str) -> Note:
    """The text and signature lines of a note, checked for form only."""
    if len(note.encode("utf-8", errors="surrogatepass")) > MAX_NOTE_BYTES:
        raise VerificationError(f"The note is longer than {MAX_NOTE_BYTES} bytes.")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise VerificationError("The note has no signatures after an empty line.")
    text = _checked_text(text + "\n")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError(f"The note has more than {MAX_SIGNATURES} signatures.")
    return Note(text, tuple(_parse_line(line) for line in lines))


def open_note(note: str, verifiers: Sequence[Verifier]) -> VerifiedNote:
    """The note, if at least one of `verifiers` signed it and no signature of theirs is wrong.

    Signatures of unknown keys count for nothing; a known key that signs twice counts once, and both have to hold.
    """
    parsed = parse_note(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(verifiers):
        raise ValueError("Two verifiers have the same name and key id.")
    good: dict[tuple[str, bytes], NoteSignature] = {}
    for found in parsed.signatures:
        verifier = known.get((found.name, found.key_id))
        if verifier is None:
            continue
        verifier.verify(parsed.text, found.signature)
        good.setdefault((found.name, found.key_id), found)
    if not good:
        raise VerificationError("No signature of this note is by a known key.")
    return VerifiedNote(parsed.text, tuple(good.values()))


def _parse_line(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise VerificationError("A signature line of the note does not begin with an em dash and a space.")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    _check_name(name)
    material = base64s.decode(encoded, what="note's signature")
    if len(material) <= KEY_ID_BYTES:
        raise VerificationError("A signature of the note is cut short.")
    return NoteSignature(name, material[:KEY_ID_BYTES], material[KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        raise VerificationError(f"{name[:100]!r} cannot name a key: no spaces and no plus, and not empty.")


def _checked_text(text: str) -> str:
    if not text.endswith("\n"):
        raise VerificationError("A note's text has to end in a newline.")
    if any(c < " " and c != "\n" for c in text):
        raise VerificationError("A note holds no control characters other than newlines.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise VerificationError("The note is not valid Unicode.") from error
    return text
