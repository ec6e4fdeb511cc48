"""The prover's own process: `python -m ledger.proofs.prover_process CACHE BLOCKS MEMORY_MIB KEYS`.

KEYS is `ceremony`, or `any` where a key that one party alone made will do.

One JSON object a line on standard input (`{"id", "inputs", "public"}`), one a line on standard output:
`progress` while the key is made or read, `ready`, then `proved`, `refused` (the statement is false) or `failed`
for each request, `error` and the end when it cannot start. It ends when its input does, so also with its parent.
Requests hold private values: nothing of them is written anywhere but into memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import groth16py

from ledger.proofs.circuit import CapacityClass
from ledger.proofs.keys import KeyFiles, keys_to_prove_with
from ledger.proofs.verifier import VerificationError, verify_quickly
from ledger.proofs.witness_calculator import FalseStatement


class ProvingEngine:
    """A proving key and its witness calculator in memory."""

    def __init__(self, files: KeyFiles) -> None:
        self._files = files
        self._calculator = files.load_calculator()
        self._key = files.load_proving_key()

    def prove(self, inputs: dict[str, int | list[int]], public: list[int]) -> bytes:
        """Witness, proof, and the check of the proof.

        groth16py returns an invalid proof for a false statement without a word, hence the check. Raises
        FalseStatement, VerificationError, or ValueError for inputs that are not the circuit's.
        """
        with private_file(self._calculator.calculate(inputs)) as path:
            proof = groth16py.prove_wtns(self._key, path)
        verify_quickly(self._files.verification_key, public, proof)
        return proof


@contextmanager
def private_file(content: bytes) -> Iterator[str]:
    """A path to `content` that is never on a disk where the system allows it (Linux)."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("witness"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name


def _numbers(value: Any) -> int | list[int]:
    return [int(item) for item in value] if isinstance(value, list) else int(value)


def answer(engine: ProvingEngine, request: dict[str, Any]) -> dict[str, Any]:
    """Serve one request. Reasons name the kind of fault only, never a value."""
    began = time.perf_counter()
    reply: dict[str, Any] = {"id": request.get("id")}
    try:
        inputs = {name: _numbers(value) for name, value in request["inputs"].items()}
        proof = engine.prove(inputs, [int(value) for value in request["public"]])
        return {**reply, "event": "proved", "proof": proof.hex(), "seconds": round(time.perf_counter() - began, 3)}
    except (FalseStatement, VerificationError):
        return {**reply, "event": "refused", "reason": "the statement is false: a constraint does not hold"}
    except Exception as problem:
        return {**reply, "event": "failed", "reason": f"{type(problem).__name__} while proving"}


def main() -> None:
    """Lower our priority, bound our memory, keep the channel clean of what libraries print, serve."""
    cache, blocks, memory = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_DATA, (memory * 2**20, memory * 2**20))
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(event: str, **more: Any) -> None:
        print(json.dumps({"event": event, **more}), file=channel)

    try:
        files = keys_to_prove_with(
            cache,
            CapacityClass(blocks),
            unsafe=sys.argv[4] == "any",
            progress=lambda part, words: tell("progress", part=part, words=words),
        )
        tell("progress", part=0.98, words="Reading the proving key")
        engine = ProvingEngine(files)
    except Exception as problem:
        tell("error", reason=f"{type(problem).__name__}: {problem}"[:500])
        raise SystemExit(1) from None
    tell("ready", verification_key=files.verification_key.to_snarkjs())
    _serve(engine, sys.stdin, channel)


def _serve(engine: ProvingEngine, requests: IO[str], replies: IO[str]) -> None:
    for line in requests:
        try:
            request = json.loads(line)
        except ValueError:
            request = {}
        print(json.dumps(answer(engine, request)), file=replies)


if __name__ == "__main__":
    main()
