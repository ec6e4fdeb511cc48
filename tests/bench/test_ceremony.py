"""A ceremony of two members and a beacon on the circuit of 75 readings, and a proof under the key that comes of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from custody.compliance.keys import published_key
from ledger.ceremony import queries
from ledger.proofs.ceremony import SNARKJS
from ledger.proofs.circuit import SMALL
from ledger.proofs.keys import UnsafeDevelopmentKeys
from ledger.proofs.prover import Prover
from ledger.proofs.verifier import verify_proof
from tests.factories.people import organisation
from tests.unit.ledger.proofs.proof_samples import TRANSIT, transit

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.bench,
    pytest.mark.prover,
    pytest.mark.snarkjs,
]
POWER = "16"
BEACON = "7d" * 32


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"\n{what}: {time.perf_counter() - began:.0f} s", end="", flush=True)


def test_two_members_make_the_small_circuits_key_and_prove_under_it(tmp_path: Path, settings: object) -> None:
    made = UnsafeDevelopmentKeys(settings.PROOF_CACHE_DIR).ensure(SMALL).folder  # type: ignore[attr-defined]
    settings.PROOF_CACHE_DIR = keys = tmp_path / "keys"  # type: ignore[attr-defined]
    keys.mkdir()
    (keys / made.name).symlink_to(made)
    parties = [organisation(kind).code for kind in ("manufacturer", "treatment_centre")]
    phase1, names = tmp_path / "phase1.ptau", ("start", "first", "second", "final")
    start, first, second, final = (tmp_path / f"{name}.zkey" for name in names)
    modules = SNARKJS.parents[2]

    def say(*arguments: object) -> None:
        with timed(str(arguments[0])):
            call_command("ceremony", *map(str, arguments), stdout=StringIO())

    with timed("an unsafe first phase"):
        script = Path(__file__).with_name("unsafe_phase1.mjs")
        subprocess.run(["node", str(script), str(modules), POWER, str(phase1)], check=True)
    say("begin", 75, phase1, start, "--beacon-source=a value that this test makes up")
    say("contribute", start, first)
    say("accept", 75, phase1, first, f"--by={parties[0]}", f"--start={start}")
    say("contribute", first, second)
    say("accept", 75, phase1, second, f"--by={parties[1]}", f"--start={start}")
    say("beacon", 75, second, final, BEACON)
    say("finish", 75, phase1, final)
    say("check", 75, phase1, final, f"--start={start}")

    digest = queries.ceremony_of(SMALL.name)["key"]
    with timed("a proof under it"), Prover(keys, SMALL, unsafe=False) as prover:
        proof = prover.prove(TRANSIT, transit())
    assert proof.verification_key.digest == digest
    assert verify_proof(published_key(digest).key, proof.public_inputs, proof.proof).statement_id == proof.statement
