"""What tests of a ceremony need: snarkjs, and first phases that are unsafe because one process made them in no time."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ledger.proofs.ceremony import SNARKJS
from ledger.proofs.constraints import Constraints
from ledger.proofs.field import FIELD

TOY = Constraints(
    wires=5,
    public=1,
    rows=[
        ([(2, 1)], [(3, 1)], [(4, 1)]),
        ([(4, 1)], [(2, 1)], [(1, 1)]),
        ([(2, FIELD - 1)], [(3, 5)], [(4, FIELD - 5)]),
    ],
)
"""Of the public wire 1, the prover knows two numbers with w2 · w3 · w2 = w1."""


def toy_phase1(folder: Path, power: int = 4) -> Path:
    """A prepared first phase for very small circuits, by one party; five seconds."""
    new, added, prepared = (folder / name for name in ("new.ptau", "added.ptau", "phase1.ptau"))
    for arguments in (
        ["new", "bn128", str(power), str(new)],
        ["contribute", str(new), str(added), "--name=toy", "-e=a toy"],
        ["prepare", "phase2", str(added), str(prepared)],
    ):
        subprocess.run(["node", str(SNARKJS), "powersoftau", *arguments], check=True, capture_output=True)
    return prepared
