"""Proofs made under version 1 of the statement still follow from their records and still verify."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from ledger.proofs import statement_v1
from ledger.proofs.specification import TEMPERATURE_OFFSET
from ledger.proofs.statement import PublicInputs
from ledger.proofs.verification_key import VerificationKey
from ledger.proofs.verifier import verify_proof
from tests.unit.ledger.proofs.make_fixture import FIXTURE
from tests.unit.ledger.proofs.proof_samples import DEVICE, NOON, THERAPY

THEN: dict[str, Any] = json.loads(FIXTURE.with_name("segments-v1.json").read_text())
# That fixture's log: a reading each five minutes, made by the samples of then.
LOG = [(NOON + 6000 + 300 * i, 200 + 37 * i % 601, 5 * i % 61) for i in range(70)]


def inputs(segment: dict[str, Any]) -> PublicInputs:
    records = segment["records"]
    spec, leg = records["spec"], records["spec"]["readings"]
    band = leg and (leg["temperature_lo"] + TEMPERATURE_OFFSET, leg["temperature_hi"] + TEMPERATURE_OFFSET)
    return statement_v1.public_inputs(
        therapy=UUID(records["therapy"]),
        leg=(*band, leg["tilt_hi"], leg["max_gap"], leg["ship_step"], leg["receive_step"]) if leg else None,
        steps=[(step["code"], step["max_duration"], step["max_wait"]) for step in spec["steps"]],
        tests=[(test["code"], test["lo"], test["hi"]) for test in spec["tests"]],
        step_leaves=[int(leaf) for leaf in records["stepLeaves"]],
        test_leaves=[int(leaf) for leaf in records["testLeaves"]],
        readings_root=int(records["readingsRoot"]) if leg else None,
        device_registry=int(records["deviceRegistry"]) if leg else None,
    )


@pytest.mark.parametrize("segment", THEN["segments"], ids=lambda one: one["name"])
def test_what_was_proven_then_is_recomputed_and_holds(segment: dict[str, Any]) -> None:
    found, claimed = inputs(segment), segment["publicInputs"]
    # The limit on the whole segment was used by that fixture alone; no protocol could say it.
    if segment["records"]["spec"]["max_total"] == statement_v1.NO_TOTAL_LIMIT:
        assert found.to_json() == claimed
    else:
        assert [a == b for a, b in zip(found.to_json(), claimed, strict=True)] == [True, False, True, True, True, True]
    key = VerificationKey.from_snarkjs(THEN["verificationKey"])
    assert verify_proof(key, [int(text) for text in claimed], bytes.fromhex(segment["proofs"][0])).verification_key


def test_a_log_of_then_has_the_root_of_then() -> None:
    records = THEN["segments"][0]["records"]
    from tests.unit.ledger.proofs.proof_samples import salt

    root = statement_v1.readings_root(THERAPY, LOG, salt=salt("readings"), device=DEVICE.public)
    assert str(root) == records["readingsRoot"]


def test_leaves_that_are_not_those_of_the_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="number of records"):
        inputs({"records": {**THEN["segments"][0]["records"], "stepLeaves": ["1"]}})
