"""The client of the prover process: prove segments without holding a key, or a core, of this process.

`Prover` starts one process a capacity class, feeds it requests, restarts it when it was killed, ends it when it
takes too long, and checks every proof before it hands it on. One prover may be shared by threads; it proves one
segment at a time.
"""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from ledger.proofs.circuit import STANDARD, CapacityClass, circuit_inputs
from ledger.proofs.keys import PROJECT, Progress, quiet
from ledger.proofs.specification import SegmentSpec
from ledger.proofs.statement import PublicInputs, SegmentWitness, public_inputs_of
from ledger.proofs.verification_key import VerificationKey
from ledger.proofs.verifier import statement_id, verify_quickly
from ledger.proofs.violations import Violation, violations

log = logging.getLogger("needlepoint.proofs")


class CannotProve(Exception):
    """The segment broke its specification; `reasons` says where, with the number and its limit."""

    def __init__(self, reasons: list[Violation]) -> None:
        super().__init__("; ".join(reason.reason for reason in reasons))
        self.reasons = reasons


class ProverFailed(Exception):
    """The prover process did not answer as it should; trying again later may help."""


class ProverTimedOut(ProverFailed):
    """No answer within the time allowed; the process was ended."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified proof. `statement` identifies what is proven; the 256 bytes do not, for they can be re-randomised."""

    circuit: str
    verification_key: VerificationKey
    public_inputs: PublicInputs
    proof: bytes
    statement: str
    seconds: float


class Prover:
    """A long-lived prover for one capacity class. Use as a context manager, or call `close`.

    `cache` is the folder of the proving keys. Times are seconds: `start_timeout` covers making the keys on the
    first run of all. Without `unsafe` it proves under the key of a ceremony only. `memory_mib` bounds the process, the
    making of keys included; proving at 600 readings takes about 370 MiB.
    """

    def __init__(
        self,
        cache: Path,
        size: CapacityClass = STANDARD,
        *,
        start_timeout: float = 900.0,
        prove_timeout: float = 180.0,
        memory_mib: int | None = None,
        progress: Progress = quiet,
        unsafe: bool = True,
    ) -> None:
        self.size = size
        self._cache = Path(cache)
        self._start_timeout = start_timeout
        self._prove_timeout = prove_timeout
        self._memory_mib = memory_mib or 3072 + 12 * size.blocks
        self._progress = progress
        self._keys = "any" if unsafe else "ceremony"
        self._lock = threading.RLock()
        self._process: _Process | None = None
        self._key: VerificationKey | None = None
        self._closed = False
        self._requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def process_id(self) -> int | None:
        """The running process, if there is one."""
        return self._process.id if self._process is not None and self._process.is_alive() else None

    @property
    def verification_key(self) -> VerificationKey:
        """The key under which proofs verify; waits until the process is ready. Raises ProverFailed."""
        with self._lock:
            self._ready()
            assert self._key is not None
            return self._key

    def warm_up(self) -> None:
        """Start the process and return at once; it makes or reads its key meanwhile."""
        with self._lock:
            self._started()

    def prove(self, spec: SegmentSpec, witness: SegmentWitness) -> Proof:
        """Prove that the witness followed the specification.

        Raises CannotProve with readable reasons when it did not, ProverFailed when the process did not answer
        (after one restart), ProverTimedOut when it took too long.
        """
        reasons = violations(spec, witness, capacity=self.size.readings)
        if reasons:
            raise CannotProve(reasons)
        public = public_inputs_of(spec, witness)
        inputs = circuit_inputs(spec, witness, self.size)
        wire = {
            name: [str(v) for v in value] if isinstance(value, list) else str(value) for name, value in inputs.items()
        }
        with self._lock:
            try:
                reply = self._ask(wire, public)
            except ProverTimedOut:
                raise
            except ProverFailed as problem:
                log.warning("the prover process ended (%s); starting it again", problem)
                reply = self._ask(wire, public)
            assert self._key is not None
            key = self._key
        proof = bytes.fromhex(reply["proof"])
        verify_quickly(key, public, proof)
        return Proof(self.size.name, key, public, proof, statement_id(key, public), float(reply["seconds"]))

    def close(self) -> None:
        """End the process; a proof under way is given up."""
        self._closed = True
        process = self._process
        if process is not None:
            process.end()

    def _ask(self, inputs: dict[str, Any], public: PublicInputs) -> dict[str, Any]:
        process = self._ready()
        self._requests += 1
        process.send({"id": self._requests, "inputs": inputs, "public": public.to_json()})
        reply = process.receive(time.monotonic() + self._prove_timeout, "a proof")
        if reply.get("event") == "proved" and reply.get("id") == self._requests:
            return reply
        if reply.get("event") == "refused":
            reason = "the circuit refuses what the rules allow: report this as a fault of Needlepoint"
            raise CannotProve([Violation("circuit.refused", "segment", reason)])
        process.end()
        raise ProverFailed(str(reply.get("reason", "an unexpected answer")))

    def _started(self) -> _Process:
        if self._closed:
            raise ProverFailed("the prover was closed")
        if self._process is None or not self._process.is_alive():
            if self._process is not None:
                self._process.end()
            self._key = None
            self._process = _Process(self._cache, self.size, self._memory_mib, self._keys)
        return self._process

    def _ready(self) -> _Process:
        process = self._started()
        deadline = time.monotonic() + self._start_timeout
        while self._key is None:
            event = process.receive(deadline, "the proving key")
            if event.get("event") == "progress":
                self._progress(float(event["part"]), str(event["words"]))
            elif event.get("event") == "ready":
                self._key = VerificationKey.from_snarkjs(event["verification_key"])
                self._progress(1.0, "The prover is ready")
            else:
                process.end()
                raise ProverFailed(str(event.get("reason", "the prover could not start")))
        return process


class _Process:
    """The child and its pipes. Two threads read them, so that neither can fill up and stop it."""

    def __init__(self, cache: Path, size: CapacityClass, memory_mib: int, keys: str) -> None:
        given = [str(cache), str(size.blocks), str(memory_mib), keys]
        command = [sys.executable, "-m", "ledger.proofs.prover_process", *given]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1)
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_words: deque[str] = deque(maxlen=20)
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._child.stdout,), daemon=True),
            threading.Thread(target=self._read_words, args=(self._child.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def id(self) -> int:
        return self._child.pid

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def send(self, request: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
        except OSError:
            self.end()
            raise ProverFailed("its input is closed") from None

    def receive(self, deadline: float, awaited: str) -> dict[str, Any]:
        """The next event. Raises ProverTimedOut at the deadline, ProverFailed when the process ended."""
        try:
            event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self.end()
            raise ProverTimedOut(f"no answer in time while waiting for {awaited}") from None
        if event is None:
            self.end()
            raise ProverFailed(f"ended with code {self._child.returncode}: {' '.join(self._last_words)[-300:]}")
        return event

    def end(self) -> None:
        """Kill, wait, and close the pipes; harmless when done twice."""
        self._child.kill()
        self._child.wait()
        for reader in self._readers:
            if reader is not threading.current_thread():
                reader.join(timeout=5)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass

    def _read_events(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                self._events.put(json.loads(line))
            except ValueError:
                log.warning("the prover process wrote a line that is not JSON")
        self._events.put(None)

    def _read_words(self, stream: IO[str]) -> None:
        for line in stream:
            self._last_words.append(line.strip())
            log.debug("prover: %s", line.rstrip())
