"""The public inputs of a segment's proof, from ledger records alone: what anyone may compute and compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from custody.compliance.specification import segment_spec, steps_of, tests_of
from custody.protocols.document import Protocol, Segment
from ledger.proofs.statement import PublicInputs, public_inputs


def ledger_inputs(
    *, state: Mapping[str, Any], therapy: UUID, protocol: Protocol, segment: Segment, device_registry: int
) -> PublicInputs:
    """What the ledger says of a finished segment, against the device registry with this root. Pure.

    Raises KeyError when a step is missing.
    """
    done = state["done"]
    committed = state["readings"].get(segment.leg) if segment.leg else None
    return public_inputs(
        segment_spec(protocol, segment, done),
        therapy=therapy,
        step_leaves=[int(done[step.code]["leaf"]) for step in steps_of(protocol, segment, done)],
        test_leaves=[int(done[step.code]["test_leaf"]) for step in tests_of(protocol, segment, done)],
        readings_root=int(committed["root"]) if committed else None,
        device_registry=device_registry if committed else None,
    )
