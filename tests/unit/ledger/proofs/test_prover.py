"""The prover's own process: real proofs, readable refusals, and every way in which a process can let us down."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from ledger.proofs import prover as prover_module
from ledger.proofs.circuit import SMALL
from ledger.proofs.keys import PROJECT, KeyFiles
from ledger.proofs.prover import CannotProve, Prover, ProverFailed, ProverTimedOut
from ledger.proofs.statement import public_inputs_of
from ledger.proofs.verifier import verify_proof
from tests.unit.ledger.proofs.proof_samples import (
    COLLECTION,
    NOON,
    TRANSIT,
    collection,
    transit,
    with_step,
    with_test,
)

pytestmark = pytest.mark.prover
CACHE = Path(settings.PROOF_CACHE_DIR)


@pytest.fixture(scope="module")
def prover(small_key: KeyFiles) -> Iterator[Prover]:
    with Prover(CACHE, SMALL) as running:
        yield running


def gone(process: int, seconds: float = 15) -> bool:
    """True when the process ends (or is a zombie without a parent to reap it) in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_segments_with_and_without_readings_are_proven(prover: Prover) -> None:
    for spec, witness in ((TRANSIT, transit()), (COLLECTION, collection())):
        proof = prover.prove(spec, witness)
        assert proof.public_inputs == public_inputs_of(spec, witness)
        assert proof.circuit == "segment-75/v2"
        verified = verify_proof(proof.verification_key, proof.public_inputs, proof.proof)
        assert verified.statement_id == proof.statement


def test_broken_rules_are_told_before_any_process_is_asked() -> None:
    with Prover(Path("/nowhere"), SMALL) as idle, pytest.raises(CannotProve) as refusal:
        idle.prove(TRANSIT, with_test(with_step(transit(), 2, end=NOON + 6000 + 2040), 0, 7550))
    assert [reason.reason for reason in refusal.value.reasons] == [
        "pickup: took 34 min, 15 min allowed",
        "viability: 75.50 %, 80.00 to 100.00 % allowed",
    ]
    assert idle.process_id is None


def test_more_readings_than_the_class_holds_are_refused(prover: Prover) -> None:
    with pytest.raises(CannotProve, match="76 readings, 75 fit the circuit"):
        prover.prove(TRANSIT, transit(76))


def test_circuit_has_the_last_word(prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover_module, "violations", lambda *_args, **_kwargs: [])
    with pytest.raises(CannotProve, match="the circuit refuses what the rules allow"):
        prover.prove(TRANSIT, with_test(transit(), 0, 7999))
    assert prover.prove(COLLECTION, collection()).seconds > 0


def test_process_runs_at_a_low_priority_in_bounded_memory(prover: Prover) -> None:
    prover.verification_key  # noqa: B018, waits until it is ready
    assert prover.process_id is not None
    assert os.getpriority(os.PRIO_PROCESS, prover.process_id) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    limits = Path(f"/proc/{prover.process_id}/limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max data")).split()[3] == str(3084 * 2**20)
    status = Path(f"/proc/{prover.process_id}/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert resident < 800_000  # kB


def test_killed_prover_is_started_again(prover: Prover) -> None:
    prover.verification_key  # noqa: B018, waits until it is ready
    first = prover.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert prover.prove(COLLECTION, collection()).proof
    assert prover.process_id not in (None, first)


def test_prover_killed_in_the_middle_of_a_proof_is_asked_again(prover: Prover) -> None:
    prover.verification_key  # noqa: B018, waits until it is ready
    first = prover.process_id
    assert first is not None
    killer = threading.Timer(0.7, os.kill, (first, signal.SIGKILL))
    killer.start()
    proof = prover.prove(TRANSIT, transit())
    killer.join()
    assert prover.process_id != first
    assert verify_proof(proof.verification_key, proof.public_inputs, proof.proof)


def test_proof_that_takes_too_long_is_given_up(small_key: KeyFiles) -> None:
    with Prover(CACHE, SMALL, prove_timeout=0.05) as hasty:
        hasty.verification_key  # noqa: B018, waits until it is ready
        process = hasty.process_id
        with pytest.raises(ProverTimedOut):
            hasty.prove(COLLECTION, collection())
        assert process is not None
        assert gone(process)
        assert hasty.process_id is None


def test_start_that_takes_too_long_is_given_up(small_key: KeyFiles) -> None:
    with Prover(CACHE, SMALL, start_timeout=0.01) as hasty:
        with pytest.raises(ProverTimedOut):
            hasty.verification_key  # noqa: B018
        assert hasty.process_id is None


def test_prover_that_cannot_start_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with Prover(blocked / "cache", SMALL) as stuck, pytest.raises(ProverFailed, match="NotADirectoryError"):
        stuck.verification_key  # noqa: B018


def test_prover_with_too_little_memory_fails_and_does_not_hang(small_key: KeyFiles) -> None:
    with Prover(CACHE, SMALL, memory_mib=60) as starved, pytest.raises(ProverFailed):
        starved.prove(COLLECTION, collection())


def test_closed_prover_has_no_process_and_proves_no_more(small_key: KeyFiles) -> None:
    prover = Prover(CACHE, SMALL)
    prover.warm_up()
    process = prover.process_id
    assert process is not None
    prover.close()
    prover.close()
    assert gone(process)
    with pytest.raises(ProverFailed, match="closed"):
        prover.prove(COLLECTION, collection())


def test_prover_ends_with_the_process_that_started_it(small_key: KeyFiles) -> None:
    script = (
        "import sys, time; from pathlib import Path; from ledger.proofs.circuit import SMALL\n"
        "from ledger.proofs.prover import Prover\n"
        f"p = Prover(Path({str(CACHE)!r}), SMALL); p.verification_key\n"
        "print(p.process_id, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    assert gone(child)


def test_threads_share_a_prover(prover: Prover) -> None:
    results: list[str] = []
    witnesses = [
        replace(collection(), steps=(*collection().steps[:2], replace(collection().steps[2], salt=i))) for i in range(2)
    ]
    threads = [
        threading.Thread(target=lambda w=witness: results.append(prover.prove(COLLECTION, w).statement))
        for witness in witnesses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(set(results)) == 2
