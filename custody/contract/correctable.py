"""Which step's values may still be corrected, and why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custody.protocols.document import Protocol, Step

CORRECTABLE = frozenset({"collection", "preparation", "process", "acceptance", "infusion", "outcome"})
AFTER_INFUSION = frozenset({"infusion", "outcome"})


def why_not(state: Mapping[str, Any], protocol: Protocol, step: Step) -> str:
    """Why no value of this step can be corrected; empty when one can."""
    if step.kind not in CORRECTABLE or not step.fields:
        return f"What was scanned, decided or tested stays: “{step.title}” is not corrected. Open an exception instead."
    if step.code not in state["done"]:
        return f"“{step.title}” is not on record yet."
    if state["status"] == "completed" and step.kind not in AFTER_INFUSION:
        return "The product is infused: what went before stays as it was. Open an exception instead."
    release = protocol.step_of_kind("release")
    if release is not None and release.code in state["done"] and release.party == step.party:
        return "The batch was decided on: what was certified stays as it was. Open an exception instead."
    return ""
