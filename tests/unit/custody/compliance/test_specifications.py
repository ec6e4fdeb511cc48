"""What a protocol asks of a proof: the same in Python and in the browser, for both versions of the statement."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody.compliance.ledger_inputs import (
    KeyOfAnotherCircuit,
    VersionUnknown,
    check_key_is_for,
    ledger_inputs,
    statement_version,
)
from custody.compliance.specification import segment_spec
from custody.protocols import document
from custody.protocols.document import Protocol
from ledger.proofs.statement import spec_hash, steps_root
from tests.unit.custody.contract.paper import CODES, shipped

ROOT = Path(__file__).parents[4]
THERAPY = UUID("0192f0c1-7a3e-7c55-9d1f-3b6a5e2c8d47")
PROTOCOLS = [document.read(shipped(code)) for code in CODES]


def state_of(protocol: Protocol, *, without: str = "") -> dict[str, Any]:
    """Every step on record with leaves of its own, and both legs' readings."""
    done = {
        step.code: {"leaf": str(1000 + step.number), "test_leaf": str(2000 + step.number)}
        for step in protocol.steps
        if step.code != without
    }
    return {"done": done, "readings": {leg.code: {"root": "77"} for leg in protocol.legs}}


def inputs(protocol: Protocol, place: int, circuit: str, *, without: str = "") -> list[str]:
    found = ledger_inputs(
        state=state_of(protocol, without=without),
        therapy=THERAPY,
        protocol=protocol,
        segment=protocol.segments[place],
        device_registry=88,
        circuit=circuit,
    )
    return found.to_json()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    node, esbuild = shutil.which("node"), ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    if node is None or not esbuild.exists():
        pytest.skip("the browser's verifier needs Node and the npm packages: run scripts/build-static")
    folder = tmp_path_factory.mktemp("bundle")
    proof = ROOT / "static" / "js" / "proof"
    parts = ("specification.js", "statement.js", "statement-v1.js")
    lines = [f"export * from {json.dumps(str(proof / part))};" for part in parts]
    source, bundle = folder / "all.js", folder / "all.mjs"
    source.write_text("\n".join(lines))
    arguments = ["--bundle", "--format=esm", "--log-level=error", f"--outfile={bundle}"]
    subprocess.run([node, str(esbuild), str(source), *arguments], check=True, cwd=ROOT)
    done: dict[str, Any] = {}
    for protocol in PROTOCOLS:
        # Codes that protocols share may stand at other places; the first one's leaf is taken for all.
        done = {**state_of(protocol)["done"], **done}
    questions = {
        "protocols": [shipped(code) for code in CODES],
        "then": {"therapy": str(THERAPY), "done": done, "readingsRoot": "77", "deviceRegistry": "88"},
    }
    command = [node, str(Path(__file__).with_name("specifications.mjs")), str(bundle)]
    answer = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return {**json.loads(answer.stdout), "done": done}


def test_browser_builds_every_specification_as_python_does(browser: dict[str, Any]) -> None:
    unhashed = ("unit", "decimals")
    for protocol, specifications in zip(PROTOCOLS, browser["specifications"], strict=True):
        for segment, found in zip(protocol.segments, specifications, strict=True):
            expected = segment_spec(protocol, segment).to_json()
            tests = [{k: v for k, v in test.items() if k not in unhashed} for test in expected["tests"]]
            assert found == {**expected, "tests": tests}


def test_browser_hashes_every_specification_as_python_does(browser: dict[str, Any]) -> None:
    expected = [[str(spec_hash(segment_spec(one, segment))) for segment in one.segments] for one in PROTOCOLS]
    assert browser["hashes"] == expected
    assert browser["leftOut"] == str(steps_root([1, None, 3]))


def test_browser_still_computes_what_version_1_said(browser: dict[str, Any]) -> None:
    for protocol, found in zip(PROTOCOLS, browser["then"], strict=True):
        state = {"done": browser["done"], "readings": {leg.code: {"root": "77"} for leg in protocol.legs}}
        for segment, answer in zip(protocol.segments, found, strict=True):
            expected = ledger_inputs(
                state=state,
                therapy=THERAPY,
                protocol=protocol,
                segment=segment,
                device_registry=88,
                circuit="segment-600/v1",
            )
            assert answer == expected.to_json()


def test_versions_of_the_statement_share_no_input_but_therapy_and_what_is_committed() -> None:
    for protocol in PROTOCOLS:
        for place in range(len(protocol.segments)):
            now, then = (set(inputs(protocol, place, f"segment-600/v{version}")) for version in (2, 1))
            assert now & then <= {str(THERAPY.int), "77", "88", "0"}


def test_an_optional_step_left_out_changes_the_steps_and_not_the_specification() -> None:
    edited = next(one for one in PROTOCOLS if one.code == "hsc-edited")
    with_it, without = (inputs(edited, 1, "segment-600/v2", without=code) for code in ("", "count-cells"))
    assert [a == b for a, b in zip(with_it, without, strict=True)] == [True, True, True, False, True, True]
    with pytest.raises(ValueError, match="not optional"):
        inputs(edited, 1, "segment-600/v2", without="pack-outbound")


def test_steps_in_parallel_meet_again() -> None:
    edited = next(one for one in PROTOCOLS if one.code == "hsc-edited")
    spec = segment_spec(edited, edited.segments[2])
    by_code = {step.code: step for step in spec.steps}
    names = [step.code for step in spec.steps]
    assert [names[place] for place in by_code["electroporate"].after] == ["prestimulate", "prepare-editor"]
    assert by_code["prestimulate"].after == by_code["prepare-editor"].after == (names.index("select-cd34"),)


@pytest.mark.parametrize(
    "name", ["segment-600/v3", "segment-600", "segment-600/v02", "other/v2", "segment-600/v2 ", ""]
)
def test_a_statement_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(VersionUnknown):
        statement_version(name)


def test_a_key_serves_the_circuit_that_it_was_published_for() -> None:
    check_key_is_for("segment-600/v2", code="segment-600", version="2.0")
    for code, version in (("segment-600", "1.3"), ("segment-75", "2.0"), ("segment-600", "20.0")):
        with pytest.raises(KeyOfAnotherCircuit):
            check_key_is_for("segment-600/v2", code=code, version=version)
