"""The constraints of a circuit, read from a key that groth16py saved, and whether a witness satisfies them.

A proof can be made exactly for satisfying witnesses, so this answers "could this have been proven" without the
three seconds that a proof takes. test_falsifications.py makes real proofs of some of them as well.
"""

from __future__ import annotations

from pathlib import Path

from ledger.proofs.field import FIELD
from ledger.proofs.keys import PROVING_KEY, WITNESS, KeyFiles

Row = list[tuple[int, int]]


class ConstraintSystem:
    """Rows (a, b, c) of `a·w × b·w = c·w` over the wires w; wire 0 is 1."""

    def __init__(self, files: KeyFiles) -> None:
        self.wires, self.rows = _read(files.folder / PROVING_KEY, files.folder / WITNESS)

    def broken(self, witness: bytes) -> list[int]:
        """The constraints that a `.wtns` file does not satisfy."""
        w = wires_of(witness)
        assert len(w) == self.wires
        assert w[0] == 1
        broken = []
        for number, row in enumerate(self.rows):
            a, b, c = (sum(w[wire] * factor for wire, factor in part) for part in row)
            if (a * b - c) % FIELD:
                broken.append(number)
        return broken

    def free_wires(self, witness: bytes) -> list[int]:
        """Wires that can be given another value without breaking a constraint, all others staying as they are."""
        w = wires_of(witness)
        unrestricted = -1
        change = [unrestricted] * self.wires
        change[0] = 0
        for row in self.rows:
            a, b, _c = (sum(w[wire] * factor for wire, factor in part) % FIELD for part in row)
            factors: dict[int, list[int]] = {}
            for side, part in enumerate(row):
                for wire, factor in part:
                    factors.setdefault(wire, [0, 0, 0])[side] += factor
            for wire, (fa, fb, fc) in factors.items():
                # (a + fa·d)(b + fb·d) = c + fc·d: which change d other than 0 does this row allow, if any?
                linear, square = (fa * b + fb * a - fc) % FIELD, fa * fb % FIELD
                if not linear and not square:
                    continue
                allowed = -linear * pow(square, -1, FIELD) % FIELD if square else 0
                change[wire] = allowed if change[wire] in (unrestricted, allowed) else 0
        return [wire for wire, allowed in enumerate(change) if allowed]


def wires_of(witness: bytes) -> list[int]:
    """The values of a `.wtns` file."""
    body = witness[76:]
    return [int.from_bytes(body[i : i + 32], "little") for i in range(0, len(body), 32)]


def _read(proving_key: Path, witness_module: Path) -> tuple[int, list[tuple[Row, Row, Row]]]:
    data, module = proving_key.read_bytes(), witness_module.read_bytes()
    at = data.index(module) + len(module)
    at += data[at : at + 16].index(b"\0") + 1 if data[at] == 0 else 0
    numbers: list[int] = []
    for _ in range(3):
        numbers.append(int.from_bytes(data[at : at + 8], "little"))
        at += 8
    wires, _public, count = numbers
    rows = []
    for _ in range(count):
        parts: list[Row] = []
        for _side in range(3):
            length = int.from_bytes(data[at : at + 8], "little")
            at += 8
            part = []
            for _term in range(length):
                wire = int.from_bytes(data[at : at + 8], "little")
                part.append((wire, int.from_bytes(data[at + 8 : at + 40], "little")))
                at += 40
            parts.append(part)
        rows.append((parts[0], parts[1], parts[2]))
    return wires, rows
