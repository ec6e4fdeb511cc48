"""A saved proof is judged by its records; the command line says so with its exit status, without Django."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.proofs.__main__ import main
from ledger.proofs.saved import FORMAT, NotASavedProof, judge
from ledger.proofs.verifier import VerificationError, verify_quickly
from tests.unit.ledger.proofs.from_nothing import command_line, falsified
from tests.unit.ledger.proofs.proof_corpus import COLLECTION, FIXTURE_DOCUMENT, KEY, TRANSIT


def saved(segment: dict[str, Any]) -> dict[str, Any]:
    records = {name: value for name, value in segment["records"].items() if name != "deviceRegistry"}
    return {
        "format": FORMAT,
        "circuit": FIXTURE_DOCUMENT["circuit"],
        "key": KEY,
        "records": {**records, "devices": FIXTURE_DOCUMENT["devices"]},
        "inputs": segment["publicInputs"],
        "proof": segment["proofs"][0],
    }


SAVED = {"transit": saved(TRANSIT), "collection": saved(COLLECTION)}
FALSE = dict(falsified(SAVED))


@pytest.mark.parametrize("name", SAVED)
def test_true_proof_holds(name: str) -> None:
    assert judge(SAVED[name]).verification_key == FIXTURE_DOCUMENT["verificationKeyDigest"]


@pytest.mark.parametrize("name", FALSE)
def test_falsified_copy_does_not(name: str) -> None:
    with pytest.raises((VerificationError, NotASavedProof)):
        judge(FALSE[name], verify=verify_quickly)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(format="other"),
        lambda d: d.update(circuit=5),
        lambda d: d.pop("records"),
        lambda d: d.update(inputs="no"),
        lambda d: d.update(proof=d["proof"].upper()),
        lambda d: d["records"].update(devices=[["1", "1"]]),
        lambda d: d["records"]["spec"].update(steps=[{}]),
    ],
)
def test_file_of_another_kind_is_told_apart(spoil: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(SAVED["transit"])
    spoil(document)
    with pytest.raises(NotASavedProof):
        judge(document)


@pytest.mark.parametrize("anything", [None, [], 5, "x", {}])
def test_anything_else_is_no_saved_proof(anything: Any) -> None:
    with pytest.raises(NotASavedProof):
        judge(anything)


def test_command_line_tells_true_false_and_unreadable_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true, false, unreadable = (tmp_path / name for name in ("true.json", "false.json", "unreadable.json"))
    true.write_text(json.dumps(SAVED["transit"]))
    false.write_text(json.dumps(FALSE["a wider band"]))
    unreadable.write_text("{")
    digest = FIXTURE_DOCUMENT["verificationKeyDigest"]
    assert main([str(true), "--key", digest]) == 0
    assert "holds under the registered key" in capsys.readouterr().out
    assert main([str(true), "--key", "00" * 32]) == 1
    assert main([str(true), str(false)]) == 1
    assert "other facts than the records: spec_hash" in capsys.readouterr().out
    assert main([str(true), str(unreadable)]) == 2
    assert main([str(tmp_path / "nowhere.json")]) == 2


def test_command_line_needs_no_django() -> None:
    assert command_line(SAVED["collection"])
    assert not command_line(FALSE["a flipped byte"])
