"""The shared rules' interface: what a chain's contract is, and the world that it may look at.

The ledger knows no trade. Custody and manufacturing register their contracts at start-up; the operation that writes a
record and every witness that replays it run the same pure function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from ledger.errors import Refusal
from ledger.log.entries import Entry

State = dict[str, Any]


class Refused(Refusal):
    """The contract refuses this record; the reason is for people."""


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What the rules may know of a party."""

    id: UUID
    code: str
    kind: str
    country: str


class World(Protocol):
    """Facts that stand on other chains of the ledger. Raises Refused when there is none."""

    def party(self, party: UUID) -> PartyFacts: ...

    def document(self, digest: str) -> Mapping[str, Any]: ...


class Contract(Protocol):
    """The rules of one kind of chain. Pure and deterministic: no clock, no database, no randomness.

    A contract may also have `is_signed(entry) -> bool`: whether a record is an electronic signature of the people whom
    it names, so that whoever has a key of their own has signed it with that (`ledger.parties.acts`).
    """

    chain_kind: str

    def initial(self) -> State:
        """The state of an empty chain, as JSON."""

    def admit(self, state: State, entry: Entry, world: World) -> State:
        """The state after `entry`; a new value, the old one unchanged. Raises Refused with the reason."""


_contracts: dict[str, Contract] = {}


def register(contract: Contract) -> None:
    """Make a contract known, once, at start-up."""
    _contracts[contract.chain_kind] = contract


def contract_for(chain_kind: str) -> Contract:
    """The contract of a kind of chain. Raises Refused for a kind that nobody registered."""
    try:
        return _contracts[chain_kind]
    except KeyError:
        raise Refused(f"There are no shared rules for chains of the kind “{chain_kind}”.") from None
