"""Three independent verifiers, py_ecc, groth16py and the browser's, agree on a corpus; and on what the ledger says."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.proofs.babyjubjub import PublicKey
from ledger.proofs.field import parse_element
from ledger.proofs.registry import registry_root
from ledger.proofs.specification import SegmentSpec
from ledger.proofs.statement import public_inputs
from ledger.proofs.verification_key import MalformedKey, VerificationKey
from ledger.proofs.verifier import (
    VerificationError,
    VerifiedProof,
    statement_id,
    verify_proof,
    verify_quickly,
)
from tests.unit.ledger.proofs.proof_corpus import FIXTURE_DOCUMENT, INPUTS, KEY, PROOF, TRANSIT, Case, cases

ROOT = Path(__file__).parents[4]
CASES = cases()
Verify = Callable[[VerificationKey, list[int], bytes], VerifiedProof]


def judge(verify: Verify, case: Case) -> bool:
    """Read what arrived as the application does, then verify."""
    try:
        key = VerificationKey.from_snarkjs(KEY if case.key is None else case.key)
        verify(key, [parse_element(text) for text in case.inputs], case.proof)
    except (MalformedKey, VerificationError, ValueError):
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_python_verifiers_judge_the_corpus(case: Case) -> None:
    assert judge(verify_proof, case) is case.holds
    assert judge(verify_quickly, case) is case.holds


def test_corpus_has_both_kinds() -> None:
    assert len([case for case in CASES if case.holds]) >= 4
    assert len([case for case in CASES if not case.holds]) >= 80


@pytest.mark.parametrize("verify", [verify_proof, verify_quickly])
@pytest.mark.parametrize("wrong", [True, "1", 1.0, None, -1])
def test_inputs_that_are_not_whole_numbers_are_refused(verify: Verify, wrong: Any) -> None:
    inputs = [wrong, *(int(value) for value in INPUTS[1:])]
    with pytest.raises(VerificationError):
        verify(VerificationKey.from_snarkjs(KEY), inputs, PROOF)


def test_verifiers_return_what_they_verified() -> None:
    key, inputs = VerificationKey.from_snarkjs(json.dumps(KEY)), [int(value) for value in INPUTS]
    verified = verify_proof(key, inputs, PROOF)
    assert verified == verify_quickly(key, inputs, PROOF)
    assert verified == VerifiedProof(tuple(inputs), FIXTURE_DOCUMENT["verificationKeyDigest"], TRANSIT["statement"])


def test_re_randomised_proofs_are_one_statement_and_other_statements_are_not() -> None:
    key = VerificationKey.from_snarkjs(KEY)
    first, other = ([int(v) for v in segment["publicInputs"]] for segment in FIXTURE_DOCUMENT["segments"])
    assert len(set(TRANSIT["proofs"])) == 2
    assert statement_id(key, first) != statement_id(key, other)


def test_public_inputs_of_the_fixture_follow_from_its_records() -> None:
    devices = [PublicKey(*map(int, device)) if device else None for device in FIXTURE_DOCUMENT["devices"]]
    for segment in FIXTURE_DOCUMENT["segments"]:
        records = segment["records"]
        has_log = records["readingsRoot"] is not None
        expected = public_inputs(
            SegmentSpec.from_json(records["spec"]),
            therapy=UUID(records["therapy"]),
            step_leaves=[None if leaf is None else parse_element(leaf) for leaf in records["stepLeaves"]],
            test_leaves=[parse_element(leaf) for leaf in records["testLeaves"]],
            readings_root=parse_element(records["readingsRoot"]) if has_log else None,
            device_registry=registry_root(devices) if has_log else None,
        )
        assert expected.to_json() == segment["publicInputs"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Answers of the browser's verifier, bundled as for the page and run by Node."""
    node, esbuild = shutil.which("node"), ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    if node is None or not esbuild.exists():
        pytest.skip("the browser's verifier needs Node and the npm packages: run scripts/build-static")
    bundle = tmp_path_factory.mktemp("bundle") / "verify.mjs"
    source = ROOT / "static" / "js" / "proof" / "verify.js"
    arguments = ["--bundle", "--minify", "--format=esm", "--log-level=error", f"--outfile={bundle}"]
    subprocess.run([node, str(esbuild), str(source), *arguments], check=True, cwd=ROOT)
    questions = {"cases": [case.to_json() for case in CASES], "fixture": FIXTURE_DOCUMENT}
    command = [node, str(Path(__file__).with_name("verify_corpus.mjs")), str(bundle)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_browser_agrees_with_python_on_the_corpus(browser: dict[str, Any]) -> None:
    wrong = [case.name for case, answer in zip(CASES, browser["answers"], strict=True) if answer is not case.holds]
    assert wrong == []


def test_browser_computes_the_public_inputs_from_the_records(browser: dict[str, Any]) -> None:
    assert browser["expected"] == [segment["publicInputs"] for segment in FIXTURE_DOCUMENT["segments"]]
    assert browser["registry"] == TRANSIT["records"]["deviceRegistry"]
    assert browser["misfits"] == ["refused"] * 6


def test_browser_names_keys_and_statements_as_python_does(browser: dict[str, Any]) -> None:
    assert browser["digest"] == FIXTURE_DOCUMENT["verificationKeyDigest"]
    assert browser["statements"] == [segment["statement"] for segment in FIXTURE_DOCUMENT["segments"]]


def test_browser_verifies_batches_and_finds_a_spoilt_one(browser: dict[str, Any]) -> None:
    assert browser["batch"] is True
    assert browser["batchOfOne"] is True
    assert browser["emptyBatch"] is False
    assert browser["spoiltBatches"] == [False, False, False]


def test_browser_takes_bytes_and_answers_false_to_anything_strange(browser: dict[str, Any]) -> None:
    assert browser["bytes"] is True
    assert browser["upperCase"] is False
    assert browser["strange"] == [[False] * 4] * 6
