"""Four verifiers agree on one corpus of valid, mutated and replayed proofs: the application's, the command line without
Django or network, the browser's under Node, and the contract on a real EVM node.

They share no code that decides: groth16py (Rust), py_ecc (Python), @noble/curves (JavaScript), precompiled contracts.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.anchors.chain import Chain
from ledger.anchors.errors import AnchorError, NotAdmitted
from ledger.proofs.field import parse_element
from ledger.proofs.saved import FORMAT
from ledger.proofs.verification_key import MalformedKey, VerificationKey
from ledger.proofs.verifier import VerificationError, verify_quickly
from tests.factories.evm import Node, someone
from tests.services import ROOT
from tests.unit.ledger.proofs import proof_corpus
from tests.unit.ledger.proofs.proof_corpus import COLLECTION, FIXTURE_DOCUMENT, INPUTS, KEY, PROOF, TRANSIT, Case, cases

pytestmark = [pytest.mark.evm, pytest.mark.enable_socket]
CASES = cases()
DIGEST = FIXTURE_DOCUMENT["verificationKeyDigest"]
Verdicts = dict[str, bool]


def application() -> Verdicts:
    """As a proof is published."""

    def holds(case: Case) -> bool:
        try:
            key = VerificationKey.from_snarkjs(KEY if case.key is None else case.key)
            verify_quickly(key, [parse_element(text) for text in case.inputs], case.proof)
        except (MalformedKey, VerificationError, ValueError):
            return False
        return True

    return {case.name: holds(case) for case in CASES}


def saved(case: Case) -> dict[str, Any]:
    """The case as the file that the command line reads, beside the records that its inputs speak of."""
    segment = COLLECTION if list(case.inputs) == COLLECTION["publicInputs"] else TRANSIT
    records = {name: value for name, value in segment["records"].items() if name != "deviceRegistry"}
    return {
        "format": FORMAT,
        "circuit": FIXTURE_DOCUMENT["circuit"],
        "key": KEY if case.key is None else case.key,
        "records": {**records, "devices": FIXTURE_DOCUMENT["devices"]},
        "inputs": list(case.inputs),
        "proof": case.proof.hex(),
    }


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdicts, str]:
    """`python -m ledger.proofs` on all files at once, in a Python that cannot import Django; its verdicts and words."""
    folder = tmp_path_factory.mktemp("saved")
    for place, case in enumerate(CASES):
        (folder / f"{place:03d}.json").write_text(json.dumps(saved(case)))
    without_django = (
        "import sys, runpy; sys.modules['django'] = None; "
        "sys.argv[0] = 'ledger.proofs'; runpy.run_module('ledger.proofs', run_name='__main__')"
    )
    files = [str(folder / f"{place:03d}.json") for place in range(len(CASES))]
    command = [sys.executable, "-c", without_django, "--key", DIGEST, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {1, 2}, done.stderr
    said = {place: f"{folder}/{place:03d}.json: holds under the registered key" in done.stdout for place in range(999)}
    return {case.name: said[place] for place, case in enumerate(CASES)}, done.stdout


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Answers of the module that the page uses, bundled as for the page."""
    node, esbuild = shutil.which("node"), Path(ROOT) / "node_modules" / "esbuild" / "bin" / "esbuild"
    if node is None or not esbuild.exists():
        pytest.skip("the browser's verifier needs Node and the npm packages: run make setup")
    bundle = tmp_path_factory.mktemp("bundle") / "verify.mjs"
    source = Path(ROOT) / "static" / "js" / "proof" / "verify.js"
    arguments = ["--bundle", "--minify", "--format=esm", "--log-level=error", f"--outfile={bundle}"]
    subprocess.run([node, str(esbuild), str(source), *arguments], check=True, cwd=ROOT)
    questions = {"cases": [case.to_json() for case in CASES], "fixture": FIXTURE_DOCUMENT}
    command = [node, str(Path(proof_corpus.__file__).with_name("verify_corpus.mjs")), str(bundle)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def contract(node: Node) -> Chain:
    """A contract of one member, with the corpus's key."""
    alone = someone(node)
    alone.contract = alone.deploy([alone.account])
    alone.vote_key(VerificationKey.from_snarkjs(KEY), admit=True)
    return alone


def on_chain(contract: Chain) -> Verdicts:
    """As a member would have it verified: another key is first voted for, where the contract takes it."""

    def holds(case: Case) -> bool:
        try:
            key = VerificationKey.from_snarkjs(KEY if case.key is None else case.key)
            if not contract.knows_key(key.digest):
                contract.vote_key(key, admit=True)
            return contract.verifies(key.digest, case.proof, [parse_element_or_more(text) for text in case.inputs])
        except (MalformedKey, AnchorError, ValueError):
            return False

    return {case.name: holds(case) for case in CASES}


def parse_element_or_more(text: Any) -> int:
    """A number as it stands, past the field's order too: the contract has to refuse it, not this program."""
    if isinstance(text, str) and re.fullmatch(r"0|[1-9][0-9]*", text):
        return int(text)
    return parse_element(text)


def wrong(verdicts: Verdicts) -> list[str]:
    return [case.name for case in CASES if verdicts[case.name] is not case.holds]


def test_four_verifiers_give_the_same_verdicts_on_the_whole_corpus(
    contract: Chain, command_line: tuple[Verdicts, str], browser: dict[str, Any]
) -> None:
    in_browser = {case.name: answer for case, answer in zip(CASES, browser["answers"], strict=True)}

    verdicts = {
        "application": application(),
        "command line": command_line[0],
        "browser": in_browser,
        "contract": on_chain(contract),
    }

    assert {name: wrong(found) for name, found in verdicts.items()} == {name: [] for name in verdicts}


def test_four_verifiers_give_what_is_proven_the_same_name(
    contract: Chain, command_line: tuple[Verdicts, str], browser: dict[str, Any]
) -> None:
    statements = [segment["statement"] for segment in (TRANSIT, COLLECTION)]
    key = VerificationKey.from_snarkjs(KEY)

    for segment in (TRANSIT, COLLECTION):
        inputs = [int(value) for value in segment["publicInputs"]]
        assert verify_quickly(key, inputs, bytes.fromhex(segment["proofs"][0])).statement_id == segment["statement"]
        contract.publish(DIGEST, bytes.fromhex(segment["proofs"][0]), inputs)
    assert browser["statements"] == statements
    assert set(re.findall(r"statement ([0-9a-f]{64})", command_line[1])) == set(statements)
    assert [event.statement for event in contract.proof_events(0, contract.head())] == statements


def _negated(proof: bytes) -> bytes:
    words = proof_corpus.words(proof)
    for place in (1, 4, 5):
        words[place] = proof_corpus.Q - words[place]
    return proof_corpus.joined(words)


@pytest.mark.parametrize(
    "replay",
    [lambda: PROOF, lambda: bytes.fromhex(TRANSIT["proofs"][1]), lambda: _negated(PROOF)],
    ids=["the same bytes", "re-randomised", "A and B negated"],
)
def test_a_replayed_statement_holds_and_is_taken_once(contract: Chain, replay: Callable[[], bytes]) -> None:
    inputs = [int(value) for value in INPUTS]
    contract.publish(DIGEST, PROOF, inputs)

    assert contract.verifies(DIGEST, replay(), inputs)
    with pytest.raises(NotAdmitted, match="AlreadyProven"):
        contract.publish(DIGEST, replay(), inputs)
    assert len(contract.proof_events(0, contract.head())) == 1
