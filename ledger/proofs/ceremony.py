"""The second phase of a Groth16 set-up, in which members make a circuit's key together, each on a machine of its own.

Bowe, Gabizon and Miers, "Scalable Multi-party Computation for zk-SNARK Parameters in the Random Beacon Model" (2017),
as snarkjs does it: each contribution multiplies delta by a number that its maker forgets; as long as one of them did,
nobody can prove falsehoods under the key. The first phase is a file of powers of tau that many people made for all.

What stands here reads a key file (`.zkey`) and drives snarkjs; what a ceremony allows is in `ledger.ceremony.rules`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.proofs.verification_key import COORDINATE_MODULUS, VerificationKey

PROJECT = Path(__file__).resolve().parents[2]
SNARKJS = PROJECT / "scripts" / "ceremony" / "node_modules" / "snarkjs" / "build" / "cli.cjs"
BEACON_EXPONENT = 10
"""The beacon is hashed 2^10 times before it becomes a number: the least that snarkjs takes, since a beacon that nobody
can foresee or choose needs no delay."""
_ALTERED = (
    "A contribution in it was altered or does not follow from the file before it: do not accept it. Ask whoever sent "
    "it to contribute again, to the newest accepted file."
)
_TRANSCRIPT = 10
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MONTGOMERY = pow(2**256, -1, COORDINATE_MODULUS)


class CeremonyError(Exception):
    """The ceremony cannot go on with this file; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One contribution in a key file: its hash as snarkjs says it (BLAKE2b-512, hex), and whether it is the beacon."""

    hash: str
    name: str
    beacon: str
    exponent: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a key file says of itself. `start` (BLAKE2b-512, hex) binds the circuit and the first phase."""

    start: str
    contributions: tuple[Contribution, ...]

    @property
    def last(self) -> str:
        """The hash that the next contribution follows."""
        return self.contributions[-1].hash if self.contributions else self.start


def read_transcript(path: Path) -> Transcript:
    """The contributions in a key file, unverified. Raises CeremonyError for a file of another kind."""
    try:
        sections = _sections(path)
        with path.open("rb") as file:
            place, length = sections[_TRANSCRIPT]
            file.seek(place)
            return _transcript(file.read(length))
    except (OSError, KeyError, IndexError, ValueError) as problem:
        raise CeremonyError(
            f"{path.name} is no key file of a ceremony ({type(problem).__name__}). Send the .zkey file that "
            "manage.py ceremony wrote."
        ) from problem


def added(before: Sequence[str], start: str, found: Transcript) -> Contribution:
    """The one contribution that a file adds to the accepted ones (`before`, their hashes in order).

    Raises CeremonyError when it adds none or several, or was made on another file than the newest accepted one.
    """
    if found.start != start:
        raise CeremonyError(
            "The file was begun for another circuit or another first phase. Contribute to the file that this ceremony "
            f"began with: its circuit hash is {start[:16]}…, this one's is {found.start[:16]}…."
        )
    hashes = [one.hash for one in found.contributions]
    for number, (ours, theirs) in enumerate(zip(before, hashes, strict=False), start=1):
        if ours != theirs:
            raise CeremonyError(
                f"Contribution {number} in this file is {theirs[:16]}…, on the ledger it is {ours[:16]}…: the file was "
                f"not made from the newest accepted one. Take the file with {len(before)} contributions and contribute "
                "to that."
            )
    if len(hashes) < len(before):
        raise CeremonyError(
            f"The file leaves out contribution {len(hashes) + 1}: {len(before)} are accepted, it holds {len(hashes)}. "
            "Take the newest file and contribute to that."
        )
    if len(hashes) == len(before):
        raise CeremonyError(
            "The file adds no contribution to those that are accepted. Contribute to it first: manage.py ceremony "
            "contribute."
        )
    if len(hashes) > len(before) + 1:
        raise CeremonyError(
            f"The file adds {len(hashes) - len(before)} contributions at once. Each is accepted by itself, signed by "
            f"who made it: hand in the file with {len(before) + 1} first."
        )
    return found.contributions[-1]


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin(constraints: Path, phase1: Path, out: Path) -> Transcript:
    """The file to which the first member contributes. Anyone who begins with the same two files gets the same."""
    _run(["groth16", "setup", str(constraints), str(phase1), str(out)])
    return read_transcript(out)


def contribute(given: Path, out: Path, *, name: str) -> Contribution:
    """Add a contribution. What it is made of is drawn here and by snarkjs, and forgotten with the process."""
    _run(
        ["zkey", "contribute", str(given), str(out), f"--name={name[:60]}"],
        says=secrets.token_hex(64) + "\n",
    )
    return read_transcript(out).contributions[-1]


def seal(given: Path, out: Path, *, beacon: str, exponent: int = BEACON_EXPONENT) -> Contribution:
    """Apply the random beacon (hex), which ends the contributions."""
    _run(["zkey", "beacon", str(given), str(out), beacon, str(exponent), "--name=beacon"])
    return read_transcript(out).contributions[-1]


def verify(constraints: Path, phase1: Path, key: Path) -> None:
    """Check every contribution, and that the key belongs to this circuit and first phase. Raises CeremonyError."""
    _run(["zkvr", str(constraints), str(phase1), str(key)], otherwise=_ALTERED)


def verify_from(start: Path, phase1: Path, key: Path) -> None:
    """The same for who has the file that the ceremony began with, and knows that it is the true one: that one need not
    be made anew, which takes most of the time. Raises CeremonyError."""
    _run(["zkvi", str(start), str(phase1), str(key)], otherwise=_ALTERED)


def verification_key(key: Path) -> VerificationKey:
    """The verification key in a key file."""
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "verification_key.json"
        _run(["zkey", "export", "verificationkey", str(key), str(written)])
        return VerificationKey.from_snarkjs(written.read_text())


def _run(arguments: Sequence[str], *, says: str = "", otherwise: str = "") -> str:
    """Run snarkjs. Raises CeremonyError with its last words."""
    if not SNARKJS.exists():
        raise CeremonyError("snarkjs is not installed. Say `make ceremony` once: it installs the pinned version.")
    command = ["node", "--max-old-space-size=12000", str(SNARKJS), *arguments]
    try:
        done = subprocess.run(
            command, input=says, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
        )
    except FileNotFoundError as problem:
        raise CeremonyError("Node is not installed: snarkjs needs version 20 or newer.") from problem
    if done.returncode != 0:
        words = " ".join(_COLOURS.sub("", done.stdout + done.stderr).replace("snarkJS: ", "").split())[-200:]
        raise CeremonyError(
            f"snarkjs refuses {Path(arguments[-1]).name}. {otherwise} It said: {words}".replace("  ", " ")
        )
    return done.stdout


def _sections(path: Path) -> dict[int, tuple[int, int]]:
    """Where each section's content begins, and its length in bytes."""
    found: dict[int, tuple[int, int]] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"zkey":
            raise ValueError("not a key file")
        for _ in range(int.from_bytes(head[8:12], "little")):
            kind, length = int.from_bytes(file.read(4), "little"), int.from_bytes(file.read(8), "little")
            place = file.tell()
            if place + length > size:
                raise ValueError("cut short")
            found[kind] = (place, length)
            file.seek(length, os.SEEK_CUR)
    return found


def _transcript(content: bytes) -> Transcript:
    start, number = content[:64], int.from_bytes(content[64:68], "little")
    at, found = 68, []
    for _ in range(number):
        points, said = content[at : at + 320], content[at + 320 : at + 384]
        if len(said) != 64:
            raise ValueError("cut short")
        length = int.from_bytes(content[at + 388 : at + 392], "little")
        parameters = content[at + 392 : at + 392 + length]
        at += 392 + length
        # The hash is over the points as big-endian numbers, not as the file keeps them (Montgomery, little-endian).
        spelt = b"".join(_spelt(points[i : i + 32]) for i in range(0, 192, 32))
        second = [_spelt(points[192 + i : 224 + i]) for i in range(0, 128, 32)]
        spelt += second[1] + second[0] + second[3] + second[2]
        name, beacon, exponent = _parameters(parameters)
        digest = hashlib.blake2b(spelt + said, digest_size=64).hexdigest()
        found.append(Contribution(digest, name, beacon, exponent))
    return Transcript(start.hex(), tuple(found))


def _spelt(coordinate: bytes) -> bytes:
    value = int.from_bytes(coordinate, "little") * _MONTGOMERY % COORDINATE_MODULUS
    return value.to_bytes(32, "big")


def _parameters(content: bytes) -> tuple[str, str, int]:
    """Name, beacon (hex) and exponent of a contribution."""
    name, beacon, exponent, at = "", "", 0, 0
    while at < len(content):
        kind = content[at]
        if kind == 2:
            exponent, at = content[at + 1], at + 2
            continue
        length = content[at + 1]
        value, at = content[at + 2 : at + 2 + length], at + 2 + length
        if kind == 1:
            name = value.decode("utf-8", "replace")
        elif kind == 3:
            beacon = value.hex()
        else:
            raise ValueError("an unknown parameter")
    return name, beacon, exponent


def transcript_as_json(found: Transcript) -> str:
    """For people, and for comparing by eye."""
    return json.dumps(
        {"start": found.start, "contributions": [[one.hash, one.name, one.beacon] for one in found.contributions]},
        indent=1,
    )
