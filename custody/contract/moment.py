"""What a clause looks at: one record, the state before it, the protocol and the world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from custody.protocols.document import Protocol, Step
from ledger.clock import parse_stamp
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

FIELD_ELEMENT = re.compile(r"0|[1-9][0-9]{0,76}")
FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
OPEN_STATUSES = frozenset({"active", "completed"})


@dataclass(frozen=True, slots=True)
class Moment:
    """One record about to be admitted; `state` is a fresh copy that the clause may change."""

    state: State
    entry: Entry
    protocol: Protocol
    world: World

    @property
    def body(self) -> Mapping[str, Any]:
        return self.entry.body

    @property
    def author(self) -> str:
        return str(self.entry.party)

    def capacities(self) -> frozenset[str]:
        """In which capacities (centre, maker, …) the author takes part in this therapy."""
        return frozenset(name for name, party in self.state["parties"].items() if party == self.author)

    def takes_part(self) -> bool:
        """Whether the author handles this therapy's cells or its patient: a payer only pays."""
        return bool(self.capacities() - {"payer"})

    def runs_the_consortium(self) -> bool:
        return self.world.party(self.entry.party).kind == "operator"

    def members(self, name: str) -> Mapping[str, Any]:
        """A member that is itself an object; empty when it is not there."""
        value = self.body.get(name, {})
        if not isinstance(value, Mapping):
            raise Refused(f"“{name}” must be a list of names with their values.")
        return value

    def member(self, name: str) -> Any:
        """A member of the body that must be there."""
        if name not in self.body:
            raise Refused(f"The record says nothing of “{name}”.")
        return self.body[name]

    def text(self, name: str, *, longest: int = 200) -> str:
        value = self.member(name)
        if not isinstance(value, str) or not value or len(value) > longest:
            raise Refused(f"“{name}” must be text of 1 to {longest} characters.")
        return value

    def uuid(self, name: str) -> str:
        return uuid_text(self.member(name), name)

    def moment(self, name: str) -> datetime:
        return stamp_of(self.member(name), name)

    def require_capacity(self, *allowed: str) -> None:
        if not self.capacities() & set(allowed):
            raise Refused("Only an organisation that takes part in this therapy in the right capacity may record this.")

    def require_role(self, *allowed: str) -> None:
        if self.entry.signer.role not in allowed:
            names = " or ".join(role.replace("_", " ") for role in allowed)
            raise Refused(f"This has to be signed by a {names}.")

    def require_second(self, roles: tuple[str, ...]) -> None:
        """A second person of the same organisation, never the first (DESIGN §6)."""
        second = self.entry.second
        if second is None:
            raise Refused("A second person has to verify this, on the same screen.")
        if second.person == self.entry.signer.person:
            raise Refused("The second person must be somebody else: nobody verifies their own act.")
        if second.party != self.entry.party:
            raise Refused("The second person must belong to the same organisation.")
        if second.role not in roles:
            names = " or ".join(role.replace("_", " ") for role in roles)
            raise Refused(f"The second person has to be a {names}.")


def fresh(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it. Written and read again is quickest, and each record asks."""
    return orjson.loads(orjson.dumps(value))


def field_element(value: Any, what: str) -> str:
    """A canonical field element of BN254, as decimal text: what proofs speak of (DESIGN §8). Raises Refused."""
    if not isinstance(value, str) or not FIELD_ELEMENT.fullmatch(value) or int(value) >= FIELD_MODULUS:
        raise Refused(f"{what} is not a field element.")
    return value


def uuid_text(value: Any, name: str) -> str:
    """A canonical UUID as text. Raises Refused."""
    try:
        if isinstance(value, str) and str(UUID(value)) == value:
            return value
    except ValueError:
        pass
    raise Refused(f"“{name}” must be an identifier (UUID).")


def stamp_of(value: Any, name: str) -> datetime:
    """The moment of a canonical time. Raises Refused."""
    try:
        return parse_stamp(value)
    except (ValueError, TypeError):
        raise Refused(f"“{name}” must be a UTC time such as 2026-11-22T13:05:00.000000Z.") from None


def step_named(protocol: Protocol, code: str) -> Step:
    step = protocol.step(code)
    if step is None:
        raise Refused(f"The protocol has no step “{code}”.")
    return step
