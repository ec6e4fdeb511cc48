"""Poseidon over the BN254 scalar field, as circomlib has it (x^5, 8 full rounds, state of 2 to 17 elements).

Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof
Systems", USENIX Security 2021, with the optimised schedule of its appendix B. The constants are read from the
very file that the circuit is compiled from, so circuit and Python cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ledger.proofs.field import FIELD, check_element

STATEMENT_VERSION = 2
MAX_INPUTS = 16
_PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
_HALF_FULL_ROUNDS = 4


class _Constants(NamedTuple):
    """One state width t: round constants, sparse matrices, and columns of the two dense matrices."""

    rounds: tuple[int, ...]
    sparse: tuple[int, ...]
    mix: tuple[tuple[int, ...], ...]
    pre_mix: tuple[tuple[int, ...], ...]


def poseidon(inputs: Sequence[int]) -> int:
    """Hash 1 to 16 field elements to one.

    Raises ValueError for another number of inputs or one that is not canonical.
    """
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise ValueError(f"Poseidon takes 1 to {MAX_INPUTS} inputs, {len(inputs)} given")
    t = len(inputs) + 1
    rounds, sparse, mix, pre_mix = _constants(t)
    partial = _PARTIAL_ROUNDS[t - 2]
    state = [0, *(check_element(value) for value in inputs)]
    state = [(value + rounds[i]) % FIELD for i, value in enumerate(state)]
    for r in range(1, _HALF_FULL_ROUNDS):
        state = _full_round(state, rounds[r * t : (r + 1) * t], mix)
    state = _full_round(state, rounds[_HALF_FULL_ROUNDS * t : (_HALF_FULL_ROUNDS + 1) * t], pre_mix)
    after = (_HALF_FULL_ROUNDS + 1) * t
    width = 2 * t - 1
    for r in range(partial):
        first = (pow(state[0], 5, FIELD) + rounds[after + r]) % FIELD
        row = sparse[r * width : r * width + t]
        column = sparse[r * width + t : (r + 1) * width]
        head = (row[0] * first + sum(map(int.__mul__, row[1:], state[1:]))) % FIELD
        state = [head, *((value + first * weight) % FIELD for value, weight in zip(state[1:], column, strict=True))]
    after += partial
    for r in range(_HALF_FULL_ROUNDS - 1):
        state = _full_round(state, rounds[after + r * t : after + (r + 1) * t], mix)
    state = [pow(value, 5, FIELD) for value in state]
    return sum(map(int.__mul__, mix[0], state)) % FIELD


def hash_many(values: Sequence[int], *, domain: int, version: int = STATEMENT_VERSION) -> int:
    """Merkle-Damgård over Poseidon(16), fifteen elements a block, zeros at the end of the last.

    The first chaining value holds statement version, domain and length: (version·2^16 + domain)·2^32 + length.
    """
    state = (version * 2**16 + domain) * 2**32 + len(values)
    for i in range(0, len(values), MAX_INPUTS - 1):
        block = [*values[i : i + MAX_INPUTS - 1]]
        state = poseidon([state, *block, *[0] * (MAX_INPUTS - 1 - len(block))])
    return state


def _full_round(state: list[int], constants: Sequence[int], columns: Sequence[Sequence[int]]) -> list[int]:
    powered = [pow(value, 5, FIELD) + constant for value, constant in zip(state, constants, strict=True)]
    return [sum(map(int.__mul__, column, powered)) % FIELD for column in columns]


@lru_cache(maxsize=MAX_INPUTS)
def _constants(t: int) -> _Constants:
    mix, pre_mix = (_matrix(_numbers(name, t), t) for name in ("M", "P"))
    constants = _Constants(_numbers("C", t), _numbers("S", t), mix, pre_mix)
    partial = _PARTIAL_ROUNDS[t - 2]
    if len(constants.rounds) != 8 * t + partial or len(constants.sparse) != partial * (2 * t - 1):
        raise RuntimeError(f"circomlib's Poseidon constants for a state of {t} have an unexpected shape")
    return constants


def _matrix(numbers: tuple[int, ...], t: int) -> tuple[tuple[int, ...], ...]:
    """Columns, because circomlib multiplies by the transposed matrix."""
    return tuple(tuple(numbers[row * t + column] for row in range(t)) for column in range(t))


def _numbers(name: str, t: int) -> tuple[int, ...]:
    source = _source()
    begin = source.index(f"function POSEIDON_{name}(")
    end = source.find("function ", begin + 1)
    case = re.search(
        rf"t\s*==\s*{t}\s*\)\s*\{{\s*return\s*\[(.*?)\]\s*;", source[begin : end if end > 0 else None], re.S
    )
    if case is None:
        raise RuntimeError(f"circomlib's Poseidon constants {name} for a state of {t} were not found")
    return tuple(int(number, 16) for number in re.findall(r"0x[0-9a-f]+", case.group(1)))


@lru_cache(maxsize=1)
def _source() -> str:
    import groth16py

    return (Path(groth16py.circomlib_path(2)) / "poseidon_constants.circom").read_text()
