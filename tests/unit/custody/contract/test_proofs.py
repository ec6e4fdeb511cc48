"""What may be published about a segment, and when."""

from __future__ import annotations

from typing import Any

import pytest

from custody.contract.proofs import INPUTS
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import Paper, Person

PROVER = Person("operator", "prover")
PROVEN, NOT_PROVEN = "custody.proof.published/v1", "custody.proof.refused/v1"


def proof(segment: str = "order-to-collection", **changes: Any) -> dict[str, Any]:
    inputs = dict.fromkeys(INPUTS, "0") | {"therapy": "5"} | changes.pop("inputs", {})
    body = {"segment": segment, "circuit": "segment-600", "key": "ab" * 32, "inputs": inputs, "proof": "cd" * 256}
    return body | changes


def test_a_finished_segment_is_proven_once() -> None:
    paper = Paper().walk(after="collect")
    paper.record(PROVEN, proof(), PROVER)
    assert paper.state["proofs"] == {"order-to-collection": "proven"}
    with pytest.raises(Refused, match="already been judged"):
        paper.record(NOT_PROVEN, {"segment": "order-to-collection", "reasons": ["late"]}, PROVER)


def test_a_segment_is_not_judged_before_it_is_finished() -> None:
    paper = Paper().walk(before="collect")
    for type, body in ((PROVEN, proof()), (NOT_PROVEN, {"segment": "order-to-collection", "reasons": ["late"]})):
        with pytest.raises(Refused, match="not finished"):
            paper.record(type, body, PROVER)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"segment": "the-whole"}, "no proof segment"),
        ({"inputs": {"specHash": "x"}}, "specHash"),
        ({"inputs": {"more": "1"}}, "public inputs"),
        ({"inputs": {"readingsRoot": "9"}}, "other readings"),
        ({"proof": "cd" * 255}, "256 bytes"),
        ({"proof": "CD" * 256}, "256 bytes"),
        ({"circuit": ""}, "circuit"),
        ({"key": ...}, "key"),
    ],
)
def test_a_proof_is_well_formed(changes: dict[str, Any], words: str) -> None:
    paper = Paper().walk(after="collect")
    body = {name: value for name, value in proof(**changes).items() if value is not ...}
    with pytest.raises(Refused, match=words):
        paper.record(PROVEN, body, PROVER)


def test_a_proof_of_a_leg_speaks_of_its_committed_readings() -> None:
    paper = Paper().walk(after="accept-starting-material")
    with pytest.raises(Refused, match="other readings"):
        paper.record(PROVEN, proof("transit"), PROVER)
    paper.record(PROVEN, proof("transit", inputs={"readingsRoot": "12345"}), PROVER)
    assert paper.state["proofs"]["transit"] == "proven"


def test_a_step_out_of_limits_stays_not_proven_for_ever() -> None:
    paper = Paper().walk(before="collect")
    paper.do("collect", in_limits=False)
    paper.close_exception(paper.open_exception("deviation", step="collect"))
    with pytest.raises(Refused, match="“Collect the cells” was out of limits"):
        paper.record(PROVEN, proof(), PROVER)
    paper.record(NOT_PROVEN, {"segment": "order-to-collection", "reasons": ["volume"]}, PROVER)
    assert paper.state["proofs"]["order-to-collection"] == "not_proven"


@pytest.mark.parametrize("reasons", [[], "late", None, ["x"] * 61])
def test_a_segment_is_not_refused_without_reasons(reasons: Any) -> None:
    paper = Paper().walk(after="collect")
    with pytest.raises(Refused, match="why the segment"):
        paper.record(NOT_PROVEN, {"segment": "order-to-collection", "reasons": reasons}, PROVER)


@pytest.mark.parametrize("who", ["regulator", "payer", "other centre"])
def test_strangers_and_payers_publish_nothing(who: str) -> None:
    paper = Paper().walk(after="collect")
    with pytest.raises(Refused, match="takes part"):
        paper.record(PROVEN, proof(), Person(who, "prover"))


def test_a_therapy_is_proven_after_its_end_too() -> None:
    paper = Paper().walk(after="collect")
    paper.end()
    paper.record(PROVEN, proof(), PROVER)
    assert paper.state["proofs"] == {"order-to-collection": "proven"}
