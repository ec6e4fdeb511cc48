"""A circuit's constraints: read from a key that groth16py saved, and written as the `.r1cs` file that snarkjs reads.

groth16py compiles the circuit and keeps the constraints in its key, so a ceremony needs no second compiler, and the
witness calculator of that key numbers the wires as the file does. Format: github.com/iden3/r1csfile, version 1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.proofs.field import FIELD

Row = list[tuple[int, int]]
Constraint = tuple[Row, Row, Row]


@dataclass(frozen=True, slots=True)
class Constraints:
    """Rows (a, b, c) of `a·w × b·w = c·w` over the wires w; wire 0 is 1, the next `public` ones are public inputs."""

    wires: int
    public: int
    rows: list[Constraint]


def read_constraints(key: bytes, module: bytes) -> Constraints:
    """From a saved key and the witness module in it. Raises ValueError when it holds no such module."""
    at = key.index(module) + len(module)
    at += key[at : at + 16].index(b"\0") + 1 if key[at] == 0 else 0
    wires, public, count = struct.unpack_from("<3Q", key, at)
    at += 24
    rows = []
    for _ in range(count):
        parts: list[Row] = []
        for _side in range(3):
            (length,) = struct.unpack_from("<Q", key, at)
            at += 8
            part = []
            for _term in range(length):
                part.append(
                    (int.from_bytes(key[at : at + 8], "little"), int.from_bytes(key[at + 8 : at + 40], "little"))
                )
                at += 40
            parts.append(part)
        rows.append((parts[0], parts[1], parts[2]))
    return Constraints(wires, public, rows)


def write_r1cs(found: Constraints) -> bytes:
    """The file for snarkjs: every input of ours is public or private, none is an output."""
    header = struct.pack("<I", 32) + FIELD.to_bytes(32, "little")
    private = 0  # Only the sum of public inputs and outputs is looked at.
    header += struct.pack("<4IQI", found.wires, 0, found.public, private, found.wires, len(found.rows))
    rows = b"".join(_written(found.rows))
    labels = b"".join(struct.pack("<Q", wire) for wire in range(found.wires))
    sections = ((1, header), (2, rows), (3, labels))
    written = (struct.pack("<IQ", number, len(content)) + content for number, content in sections)
    return b"r1cs" + struct.pack("<2I", 1, len(sections)) + b"".join(written)


def _written(rows: list[Constraint]) -> Iterator[bytes]:
    for row in rows:
        for part in row:
            yield struct.pack("<I", len(part))
            for wire, factor in sorted(part):
                yield struct.pack("<I", wire) + factor.to_bytes(32, "little")
