"""Poseidon over the BN254 scalar field, as circomlib has it (x^5, 8 full rounds, state of 2 to 17 elements).

Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof
Systems", USENIX Security 2021, with the optimised schedule of its appendix B. The constants are read from the
very file that the circuit is compiled from, so circuit and Python cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import add, mul
from pathlib import Path
from typing import NamedTuple

from ledger.proofs.field import FIELD, check_element

STATEMENT_VERSION = 2
MAX_INPUTS = 16
_PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
_HALF_FULL_ROUNDS = 4


class _Constants(NamedTuple):
    """One state width t: constants of the full rounds before and after the partial ones, of each partial round its
    constant with the sparse matrix's row and column, and columns of the two dense matrices."""

    first: tuple[int, ...]
    before: tuple[tuple[int, ...], ...]
    partial: tuple[tuple[int, int, tuple[int, ...], tuple[int, ...]], ...]
    after: tuple[tuple[int, ...], ...]
    mix: tuple[tuple[int, ...], ...]
    pre_mix: tuple[tuple[int, ...], ...]


def poseidon(inputs: Sequence[int]) -> int:
    """Hash 1 to 16 field elements to one.

    Raises ValueError for another number of inputs or one that is not canonical.
    """
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise ValueError(f"Poseidon takes 1 to {MAX_INPUTS} inputs, {len(inputs)} given")
    constants = _constants(len(inputs) + 1)
    state = [0, *(check_element(value) for value in inputs)]
    state = [value + constant for value, constant in zip(state, constants.first, strict=True)]
    for added in constants.before[:-1]:
        state = _full_round(state, added, constants.mix)
    head, *rest = _full_round(state, constants.before[-1], constants.pre_mix)
    # Through the partial rounds the rest is only ever added to, so it is reduced after the last of them: it grows to
    # some 520 bits, and a division an element and round is saved.
    for constant, weight, row, column in constants.partial:
        square = head * head % FIELD
        first = square * square % FIELD * head % FIELD + constant
        head = (weight * first + sum(map(mul, row, rest))) % FIELD
        rest = [value + first * by for value, by in zip(rest, column, strict=True)]
    state = [head, *rest]
    for added in constants.after:
        state = _full_round(state, added, constants.mix)
    return sum(map(mul, constants.mix[0], map(_fifth_power, state))) % FIELD


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
    powered = list(map(add, map(_fifth_power, state), constants))
    return [sum(map(mul, column, powered)) % FIELD for column in columns]


def _fifth_power(value: int) -> int:
    # Three products; pow() with a modulus takes half as long again for so small an exponent.
    square = value * value % FIELD
    return square * square % FIELD * value % FIELD


@lru_cache(maxsize=MAX_INPUTS)
def _constants(t: int) -> _Constants:
    mix, pre_mix = (_matrix(_numbers(name, t), t) for name in ("M", "P"))
    rounds, sparse = _numbers("C", t), _numbers("S", t)
    partial, width = _PARTIAL_ROUNDS[t - 2], 2 * t - 1
    if len(rounds) != 8 * t + partial or len(sparse) != partial * width:
        raise RuntimeError(f"circomlib's Poseidon constants for a state of {t} have an unexpected shape")
    middle = (_HALF_FULL_ROUNDS + 1) * t
    return _Constants(
        first=rounds[:t],
        before=tuple(rounds[i : i + t] for i in range(t, middle, t)),
        partial=tuple(
            (
                rounds[middle + r],
                sparse[r * width],
                sparse[r * width + 1 : r * width + t],
                sparse[r * width + t : (r + 1) * width],
            )
            for r in range(partial)
        ),
        after=tuple(rounds[i : i + t] for i in range(middle + partial, len(rounds), t)),
        mix=mix,
        pre_mix=pre_mix,
    )


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
