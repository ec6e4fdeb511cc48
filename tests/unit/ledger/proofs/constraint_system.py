"""The constraints of a circuit, read from a key that groth16py saved, and whether a witness satisfies them.

A proof can be made exactly for satisfying witnesses, so this answers "could this have been proven" without the
three seconds that a proof takes. test_falsifications.py makes real proofs of some of them as well.
"""

from __future__ import annotations

from ledger.proofs.constraints import read_constraints
from ledger.proofs.field import FIELD
from ledger.proofs.keys import PROVING_KEY, WITNESS, KeyFiles


class ConstraintSystem:
    """Rows (a, b, c) of `a·w × b·w = c·w` over the wires w; wire 0 is 1."""

    def __init__(self, files: KeyFiles) -> None:
        key, module = ((files.folder / name).read_bytes() for name in (PROVING_KEY, WITNESS))
        found = read_constraints(key, module)
        self.wires, self.rows = found.wires, found.rows
        self._rows_of: list[list[int]] = [[] for _ in range(self.wires)]
        for number, row in enumerate(self.rows):
            for wire in {wire for part in row for wire, _ in part}:
                self._rows_of[wire].append(number)
        self._satisfying: list[int] | None = None

    def broken(self, witness: bytes) -> list[int]:
        """The constraints that a `.wtns` file does not satisfy.

        A witness that satisfied all is remembered: of the next one only constraints on wires that differ can be broken.
        """
        w = wires_of(witness)
        assert len(w) == self.wires
        assert w[0] == 1
        if self._satisfying is None:
            touched: set[int] | range = range(len(self.rows))
        else:
            before = self._satisfying
            touched = {
                number for wire in range(self.wires) if w[wire] != before[wire] for number in self._rows_of[wire]
            }
        broken = []
        for number in sorted(touched):
            a, b, c = (sum(w[wire] * factor for wire, factor in part) for part in self.rows[number])
            if (a * b - c) % FIELD:
                broken.append(number)
        if not broken and self._satisfying is None:
            self._satisfying = w
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
