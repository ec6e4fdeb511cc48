"""The small circuit's key, made once a machine in the cache that the settings name (20 s the first time)."""

from __future__ import annotations

from collections.abc import Callable

import groth16py
import pytest
from django.conf import settings

from ledger.proofs.circuit import SMALL, CircuitInputs
from ledger.proofs.keys import WITNESS, KeyFiles, UnsafeDevelopmentKeys
from ledger.proofs.prover_process import private_file
from ledger.proofs.witness_calculator import WitnessCalculator
from tests.unit.ledger.proofs.constraint_system import ConstraintSystem


@pytest.fixture(scope="session")
def small_key() -> KeyFiles:
    return UnsafeDevelopmentKeys(settings.PROOF_CACHE_DIR).ensure(SMALL)


@pytest.fixture(scope="session")
def constraints(small_key: KeyFiles) -> ConstraintSystem:
    return ConstraintSystem(small_key)


@pytest.fixture(scope="session")
def calculator(small_key: KeyFiles) -> WitnessCalculator:
    """As the product has it: it refuses at the first constraint that does not hold."""
    return small_key.load_calculator()


@pytest.fixture(scope="session")
def stubborn_calculator(small_key: KeyFiles) -> WitnessCalculator:
    """A dishonest prover's: it computes on past constraints that do not hold, so that only those are broken."""
    module = (small_key.folder / WITNESS).read_bytes()
    stop, go_on = b"\x10\x01\x41\x04\x0f", b"\x10\x01\x41\x04\x1a"  # call 1, const 4, return; …, drop
    assert module.count(stop) > 50, "the circuit's assertions are compiled in another way than they were"
    return WitnessCalculator(module.replace(stop, go_on))


@pytest.fixture(scope="session")
def forge(small_key: KeyFiles, stubborn_calculator: WitnessCalculator) -> Callable[[CircuitInputs], bytes]:
    """Proofs of whatever is asked for, true or not."""
    proving_key = small_key.load_proving_key()

    def proof_of(inputs: CircuitInputs) -> bytes:
        with private_file(stubborn_calculator.calculate(inputs)) as path:
            return groth16py.prove_wtns(proving_key, path)

    return proof_of
