"""The public inputs of a segment's proof, from ledger records alone: what anyone may compute and compare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from custody.compliance import specification
from custody.protocols.document import Protocol, Segment
from ledger.proofs import statement_v1
from ledger.proofs.poseidon import STATEMENT_VERSION
from ledger.proofs.specification import TEMPERATURE_OFFSET
from ledger.proofs.statement import PublicInputs, public_inputs
from ledger.proofs.verifier import VerificationError

_CIRCUIT = re.compile(r"segment-[1-9][0-9]{0,5}/v([1-9][0-9]{0,3})")


class VersionUnknown(VerificationError, ValueError):
    """The proof is for a statement that this release does not know."""


class KeyOfAnotherCircuit(VerificationError, ValueError):
    """The proof's key was published for another circuit than the proof names."""


def statement_version(circuit: str) -> int:
    """The statement that a circuit proves, by its name on the ledger. Raises VersionUnknown."""
    found = _CIRCUIT.fullmatch(circuit)
    if found is None or int(found[1]) not in {statement_v1.VERSION, STATEMENT_VERSION}:
        raise VersionUnknown(f"The proof was made for “{circuit[:80]}”, a statement that this release does not know.")
    return int(found[1])


def check_key_is_for(circuit: str, *, code: str, version: str) -> None:
    """A key is published with its circuit's code and version: a proof under a key of another circuit proves nothing.

    Raises KeyOfAnotherCircuit.
    """
    if circuit != f"{code}/v{version.partition('.')[0]}":
        raise KeyOfAnotherCircuit("The proof's verification key was published for another circuit.")


def ledger_inputs(
    *,
    state: Mapping[str, Any],
    therapy: UUID,
    protocol: Protocol,
    segment: Segment,
    device_registry: int,
    circuit: str,
) -> PublicInputs:
    """What the ledger says of a finished segment, in the statement that this circuit proves, against the device
    registry with this root. Pure.

    Raises KeyError or ValueError when a step is missing, VersionUnknown.
    """
    committed = state["readings"].get(segment.leg) if segment.leg else None
    root = int(committed["root"]) if committed else None
    registry = device_registry if committed else None
    done = state["done"]
    if statement_version(circuit) == statement_v1.VERSION:
        return _version_1(done, therapy, protocol, segment, root, registry)
    return public_inputs(
        specification.segment_spec(protocol, segment),
        therapy=therapy,
        step_leaves=[
            int(done[step.code]["leaf"]) if step.code in done else None
            for step in specification.steps_of(protocol, segment)
        ],
        test_leaves=[int(done[step.code]["test_leaf"]) for step in specification.tests_of(protocol, segment)],
        readings_root=root,
        device_registry=registry,
    )


def _version_1(
    done: Mapping[str, Any],
    therapy: UUID,
    protocol: Protocol,
    segment: Segment,
    root: int | None,
    registry: int | None,
) -> PublicInputs:
    """Version 1 asked only for the optional steps that were done, and knew nothing before the segment."""
    steps = [
        step
        for step in specification.steps_of(protocol, segment)
        if step.code not in segment.since and (not step.optional or step.code in done)
    ]
    tests, leg = specification.test_specs(protocol, segment), None
    if segment.leg:
        known, kinds = protocol.leg(segment.leg), [step.kind for step in steps]
        leg = (
            known.low_c100 + TEMPERATURE_OFFSET,
            known.high_c100 + TEMPERATURE_OFFSET,
            known.tilt_max_degrees,
            known.gap_max_minutes * specification.MINUTE,
            kinds.index("pack") if "pack" in kinds else 0,
            max((place for place, kind in enumerate(kinds) if kind == "accept"), default=len(kinds) - 1),
        )
    return statement_v1.public_inputs(
        therapy=therapy,
        leg=leg,
        steps=[
            (
                step.code,
                step.duration_max_minutes * specification.MINUTE,
                step.wait_max_minutes * specification.MINUTE,
            )
            for step in steps
        ],
        tests=[(test.code, test.lo, test.hi) for test in tests],
        step_leaves=[int(done[step.code]["leaf"]) for step in steps],
        test_leaves=[int(done[test.code]["test_leaf"]) for test in tests],
        readings_root=root,
        device_registry=registry,
    )
