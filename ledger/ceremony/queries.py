"""How far each key ceremony is, and which keys came of one. Public to every member: it takes no actor."""

from __future__ import annotations

from typing import Any

from ledger.ceremony import rules
from ledger.errors import NotFound
from ledger.ids import derived
from ledger.log.models import Chain


class NoCeremony(NotFound):
    """No ceremony of this circuit is on the ledger."""


def ceremonies() -> dict[str, dict[str, Any]]:
    """The newest ceremony of each circuit, by its name, as the shared rules keep it. One query."""
    return dict(_state().get("circuits", {}))


def ceremony_of(circuit: str) -> dict[str, Any]:
    """Raises NoCeremony."""
    found = ceremonies().get(circuit)
    if found is None:
        raise NoCeremony(f"No ceremony of {circuit} is on the ledger. The operator begins one.")
    return found


def finished_keys() -> frozenset[str]:
    """Digests (hex) of the verification keys with which a ceremony ended. One query."""
    return frozenset(_state().get("keys", ()))


def _state() -> dict[str, Any]:
    state = Chain.objects.filter(pk=derived("chain", rules.KIND, rules.subject())).values_list("state", flat=True)
    return state.first() or {}
