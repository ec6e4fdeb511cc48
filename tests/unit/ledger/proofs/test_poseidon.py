"""Poseidon against circomlib's vectors and another implementation."""

import json
from pathlib import Path

import pytest

from ledger.proofs.field import FIELD
from ledger.proofs.poseidon import hash_many, poseidon

ASSETS = Path(__file__).parents[3] / "assets" / "proofs"
COUNTING = json.loads((ASSETS / "poseidon.json").read_text())["hashes"]


@pytest.mark.parametrize("count", COUNTING)
def test_poseidon_equals_an_independent_implementation(count: str) -> None:
    assert poseidon(list(range(1, int(count) + 1))) == int(COUNTING[count])


def test_poseidon_equals_the_vectors_of_circomlibs_own_tests() -> None:
    assert poseidon([1, 2, 3, 4]) == 0x299C867DB6C1FDD79DCEFA40E4510B9837E60EBB1CE0663DBAA525DF65250465
    assert poseidon([1, 2, 0, 0, 0]) == 1018317224307729531995786483840663576608797660851238720571059489595066344487


@pytest.mark.parametrize("inputs", [[], [0] * 17, [FIELD], [-1], [True], ["1"]])
def test_poseidon_refuses_what_is_not_one_to_sixteen_field_elements(inputs: list) -> None:
    with pytest.raises(ValueError):
        poseidon(inputs)


def test_hash_many_tells_apart_length_domain_and_trailing_zeros() -> None:
    hashes = {
        hash_many(values, domain=domain)
        for values in ([1], [1, 0], [1] + [0] * 14, [1] + [0] * 15)
        for domain in (1, 2)
    }
    assert len(hashes) == 8
