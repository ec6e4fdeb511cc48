"""Clauses of compliance proofs: what may be published about a segment, and when."""

from __future__ import annotations

from collections.abc import Mapping

from custody.contract.moment import Moment, field_element
from custody.protocols.document import Protocol
from ledger.log.contract import Refused, State

INPUTS = ("therapy", "specHash", "readingsRoot", "stepsRoot", "releaseRoot", "deviceRegistry")


def published(moment: Moment) -> None:
    """A proof names its segment, its key and its public inputs; one a segment."""
    segment = _segment(moment)
    inputs = moment.member("inputs")
    if not isinstance(inputs, Mapping) or set(inputs) != set(INPUTS):
        raise Refused(f"A proof has the public inputs {', '.join(INPUTS)}.")
    for reason in out_of_limits(moment.state, moment.protocol, segment):
        raise Refused(reason)
    for name, value in inputs.items():
        field_element(value, f"The public input “{name}”")
    leg = next(known.leg for known in moment.protocol.segments if known.code == segment)
    committed = moment.state["readings"].get(leg, {}).get("root", "0") if leg else "0"
    if inputs["readingsRoot"] != committed:
        raise Refused("The proof speaks of other readings than those that were committed.")
    proof = moment.text("proof", longest=600)
    if len(proof) != 512 or any(c not in "0123456789abcdef" for c in proof):
        raise Refused("A proof is 256 bytes, in hexadecimal.")
    moment.text("circuit", longest=80)
    moment.text("key", longest=80)
    moment.state["proofs"][segment] = "proven"


def out_of_limits(state: State, protocol: Protocol, segment: str) -> list[str]:
    """Why no proof of this segment is taken: a step that was out of limits, whoever accepted it (DESIGN §8)."""
    known = next(known for known in protocol.segments if known.code == segment)
    return [
        f"“{(protocol.step(code) or known).title}” was out of limits, so this segment cannot be proven."
        for code in known.steps
        if code in state["done"] and not state["done"][code]["ok"]
    ]


def refused(moment: Moment) -> None:
    """A segment cannot be proven; the reasons say why, in words and figures."""
    segment = _segment(moment)
    reasons = moment.member("reasons")
    if not isinstance(reasons, list) or not reasons or len(reasons) > 60:
        raise Refused("Say why the segment cannot be proven.")
    moment.state["proofs"][segment] = "not_proven"


def _segment(moment: Moment) -> str:
    """The segment that the record judges: of this protocol, finished, and not judged before."""
    if not moment.takes_part() and not moment.runs_the_consortium():
        raise Refused("Only who takes part in this therapy, or the consortium's operator, publishes its proofs.")
    segment = moment.text("segment", longest=40)
    known = next((s for s in moment.protocol.segments if s.code == segment), None)
    if known is None:
        raise Refused(f"The protocol has no proof segment “{segment}”.")
    if segment in moment.state["proofs"]:
        raise Refused("This segment has already been judged.")
    for code in known.steps:
        step = moment.protocol.step(code)
        if code not in moment.state["done"] and not (step and step.optional):
            raise Refused("The segment is not finished yet.")
    return segment
