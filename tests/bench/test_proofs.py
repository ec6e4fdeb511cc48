"""How long proofs take on this machine: set-up, key, witness, prove, verify, memory, for each capacity class.

`NEEDLEPOINT_BENCH_READINGS` names the classes, `600,4725` when nothing is said; the largest takes many minutes
to set up.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from ledger.proofs.circuit import CLASSES, CapacityClass, circuit_inputs
from ledger.proofs.keys import PROJECT, UnsafeDevelopmentKeys
from ledger.proofs.prover_process import ProvingEngine
from ledger.proofs.specification import NO_LIMIT
from ledger.proofs.statement import public_inputs_of
from ledger.proofs.verifier import verify_proof, verify_quickly
from ledger.proofs.violations import violations
from tests.unit.ledger.proofs.proof_samples import TRANSIT, transit

pytestmark = pytest.mark.bench
READINGS = [int(text) for text in os.environ.get("NEEDLEPOINT_BENCH_READINGS", "600,4725").split(",")]
PROVE_SECONDS = {600: 4.0, 4725: 12.0, 21_075: 40.0}
MEMORY_MIB = 4096
ROUNDS = 3


@pytest.mark.parametrize("readings", READINGS)
def test_proving_is_quick_and_fits_into_memory(readings: int) -> None:
    """In a process of its own, so that the memory is the prover's."""
    size = next(one for one in CLASSES if one.readings == readings)
    began = time.perf_counter()
    UnsafeDevelopmentKeys(settings.PROOF_CACHE_DIR).ensure(size)
    print(f"\n{readings:,} readings: key made or found in {time.perf_counter() - began:.1f} s")
    command = [sys.executable, "-m", "tests.bench.test_proofs", str(settings.PROOF_CACHE_DIR), str(size.blocks)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout, end="")
    figures = dict(line.split(": ") for line in done.stdout.splitlines())
    assert float(figures["prove, witness included, CPU s"]) <= PROVE_SECONDS.get(readings, 40.0)
    assert float(figures["memory, MiB"]) <= MEMORY_MIB
    assert float(figures["verify natively, ms"]) <= 5.0


def measure(cache: Path, size: CapacityClass) -> None:
    """Print what one class takes."""
    # The way of the sample takes as long as its log: five minutes a reading.
    steps = tuple(replace(step, max_wait=NO_LIMIT) for step in TRANSIT.steps)
    spec, witness = replace(TRANSIT, steps=steps, span=None), transit(size.readings)
    began = time.perf_counter()
    assert violations(spec, witness, capacity=size.readings) == []
    inputs, public = circuit_inputs(spec, witness, size), public_inputs_of(spec, witness)
    print(f"rules and inputs in Python, s: {time.perf_counter() - began:.2f}")
    files = UnsafeDevelopmentKeys(cache).existing(size)
    assert files is not None
    began = time.perf_counter()
    engine = ProvingEngine(files)
    print(f"load the key, s: {time.perf_counter() - began:.1f}")
    wall, cpu, proof = [], [], b""
    for _ in range(ROUNDS):
        began, spent = time.perf_counter(), time.process_time()
        proof = engine.prove(inputs, list(public))
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    print(f"prove, witness included, wall s: {statistics.median(wall):.2f}")
    print(f"prove, witness included, CPU s: {statistics.median(cpu):.2f}")
    for name, verify in (("natively", verify_quickly), ("by py_ecc", verify_proof)):
        spans = []
        for _ in range(5):
            spent = time.process_time()
            verify(files.verification_key, public, proof)
            spans.append(1000 * (time.process_time() - spent))
        print(f"verify {name}, ms: {statistics.median(spans):.1f}")
    print(f"memory, MiB: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


if __name__ == "__main__":
    measure(Path(sys.argv[1]), CapacityClass(int(sys.argv[2])))
