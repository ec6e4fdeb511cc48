"""`make proofs`: a key, proofs, every verifier on them, and falsified copies that none of them may accept.

Run as `python -m tests.unit.ledger.proofs.from_nothing CACHE`, where CACHE is an empty folder.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ledger.anchors.errors import AnchorError
from ledger.proofs.circuit import SMALL
from ledger.proofs.field import FIELD
from ledger.proofs.keys import Progress
from ledger.proofs.prover import Prover
from ledger.proofs.saved import FORMAT, NotASavedProof, Verify, judge
from ledger.proofs.verification_key import VerificationKey
from ledger.proofs.verifier import VerificationError, VerifiedProof, statement_id, verify_proof, verify_quickly
from tests.factories.evm import Node, someone
from tests.services import ANVIL
from tests.unit.ledger.proofs.make_fixture import records
from tests.unit.ledger.proofs.proof_samples import COLLECTION, REGISTRY, TRANSIT, collection, transit

ROOT = Path(__file__).parents[4]
Verifier = Callable[[dict[str, Any]], bool]


def in_process(verify: Verify) -> Verifier:
    def holds(document: dict[str, Any]) -> bool:
        try:
            judge(document, verify=verify)
        except (VerificationError, NotASavedProof):
            return False
        return True

    return holds


def command_line(document: dict[str, Any]) -> bool:
    """The stand-alone verifier, in a Python of its own that cannot import Django."""
    without_django = (
        "import sys, runpy; sys.modules['django'] = None; "
        "sys.argv[0] = 'ledger.proofs'; runpy.run_module('ledger.proofs', run_name='__main__')"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-c", without_django, file.name], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode in {0, 1, 2}, done.stderr
    return done.returncode == 0


class Browser:
    """The browser's verifier, bundled as for the page, run by Node; asked for many documents at once."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "verify.mjs"
        source = ROOT / "static" / "js" / "proof" / "verify.js"
        esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
        arguments = ["--bundle", "--format=esm", "--log-level=error", f"--outfile={self.bundle}"]
        subprocess.run(["node", str(esbuild), str(source), *arguments], check=True, cwd=ROOT)

    def __call__(self, document: dict[str, Any]) -> bool:
        command = ["node", str(Path(__file__).with_name("verify_saved.mjs")), str(self.bundle)]
        done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return bool(json.loads(done.stdout))


class Contract:
    """The contract on an EVM node of its own, where a node is installed (`make chain`)."""

    def __init__(self) -> None:
        self._node = Node()
        self._member = someone(self._node)
        self._member.contract = self._member.deploy([self._member.account])

    def __call__(self, document: dict[str, Any]) -> bool:
        """Whether the proof holds there for the public inputs that the records lead to, as everywhere else."""

        def holds(key: VerificationKey, inputs: Sequence[int], proof: bytes) -> VerifiedProof:
            try:
                if not self._member.knows_key(key.digest):
                    self._member.vote_key(key, admit=True)
                if self._member.verifies(key.digest, proof, inputs):
                    return VerifiedProof(tuple(inputs), key.digest, statement_id(key, inputs))
            except AnchorError as problem:
                raise VerificationError(str(problem)) from problem
            raise VerificationError("the contract says no")

        return in_process(holds)(document)

    def stop(self) -> None:
        self._node.stop()


def tell_progress() -> Progress:
    """Prints the words once, and then each further quarter."""
    told: dict[str, int] = {}

    def progress(part: float, words: str) -> None:
        if int(part * 4) > told.get(words, -1):
            told[words] = int(part * 4)
            print(f"   {words} ({part:.0%})", flush=True)

    return progress


def saved_proofs(cache: Path) -> dict[str, dict[str, Any]]:
    """Two segments, one with a log, proven under a key that is made if the cache has none."""
    found = {}
    with Prover(cache, SMALL, progress=tell_progress()) as prover:
        for name, spec, witness in (("transit", TRANSIT, transit()), ("collection", COLLECTION, collection())):
            proof = prover.prove(spec, witness)
            said = records(spec, witness)
            said.pop("deviceRegistry")
            found[name] = {
                "format": FORMAT,
                "circuit": proof.circuit,
                "key": proof.verification_key.to_snarkjs(),
                "records": {**said, "devices": [[str(key.x), str(key.y)] if key else None for key in REGISTRY]},
                "inputs": proof.public_inputs.to_json(),
                "proof": proof.proof.hex(),
            }
    return found


def falsified(saved: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Copies with one lie each."""

    def lie(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        document = copy.deepcopy(saved["transit"])
        change(document)
        return document

    other = saved["collection"]
    yield "a flipped byte", lie(lambda d: d.update(proof=f"{int(d['proof'][:2], 16) ^ 1:02x}" + d["proof"][2:]))
    yield "a proof cut short", lie(lambda d: d.update(proof=d["proof"][:-2]))
    yield "another segment's proof", lie(lambda d: d.update(proof=other["proof"]))
    yield (
        "another therapy's records",
        lie(lambda d: d["records"].update(therapy="0192f0c1-7a3e-7c55-9d1f-3b6a5e2c8d48")),
    )
    yield "a step that is not on record", lie(lambda d: d["records"]["stepLeaves"].__setitem__(1, None))
    yield "steps exchanged", lie(lambda d: d["records"]["stepLeaves"].insert(0, d["records"]["stepLeaves"].pop(1)))
    yield "a wider band", lie(lambda d: d["records"]["spec"]["readings"].update(hard_hi=1401))
    yield "one person enough", lie(lambda d: d["records"]["spec"]["steps"][0].update(two_people=False))
    yield "an unregistered device", lie(lambda d: d["records"]["devices"].__setitem__(2, None))
    yield "another root of readings", lie(lambda d: d["records"].update(readingsRoot="5"))
    yield "an input plus the field's order", lie(lambda d: d["inputs"].__setitem__(0, str(int(d["inputs"][0]) + FIELD)))
    yield "an input too few", lie(lambda d: d["inputs"].pop())
    yield "a key for another circuit", lie(lambda d: d["key"]["IC"].reverse())
    yield "an older version's name", lie(lambda d: d.update(circuit="segment-75/v1"))


def main() -> int:
    began, cache = time.monotonic(), Path(sys.argv[1])
    print("── A key and two proofs")
    saved = saved_proofs(cache)
    verifiers: dict[str, Verifier] = {
        "py_ecc": in_process(verify_proof),
        "groth16py": in_process(verify_quickly),
        "command line, without Django": command_line,
        "browser (Node)": Browser(cache),
    }
    contract = Contract() if ANVIL.exists() else None
    if contract is None:
        print("── contract on an EVM node: left out, make chain installs a node")
    else:
        verifiers["contract on an EVM node"] = contract
    wrong = 0
    for name, accepts in verifiers.items():
        missed = [case for case, document in saved.items() if not accepts(document)]
        believed = [case for case, document in falsified(saved) if accepts(document)]
        wrong += len(missed) + len(believed)
        told = f"refuses what holds: {missed}, accepts what does not: {believed}" if missed or believed else "agrees"
        print(f"── {name}: {told}")
    if contract is not None:
        contract.stop()
    print(
        f"── {len(saved)} proofs and {sum(1 for _ in falsified(saved))} falsified in {time.monotonic() - began:.0f} s"
    )
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
