"""Who acts: the only thing that domain operations know of a signed-in person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from ledger.errors import NotPermitted
from ledger.log.entries import HandProof

METHODS = frozenset({"password", "password+totp", "passkey", "sign-on", "device", "system"})
"""`sign-on` is an organisation's own sign-on, which alone signs nothing in production."""


class Hand(Protocol):
    """What a person signs an act with: a passkey's answer, or a key that a password has released."""

    @property
    def key_id(self) -> str: ...

    def sign(self, act: bytes, *, nonce: str) -> HandProof:
        """The person's signature for this act. Raises a Refusal, and then nothing may stay written."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person acting for a party in a role, and how they signed in.

    `person` is a pseudonym and may stand on the ledger; `name` is the printed name and may not.
    """

    person: UUID
    name: str = field(repr=False)
    party: UUID
    party_code: str
    party_kind: str
    role: str
    permissions: frozenset[str]
    method: str
    hand: Hand | None = field(default=None, repr=False, compare=False)
    """With what the person signs; None where the party vouches for them by `method` alone."""

    def may(self, permission: str) -> bool:
        """Whether the role ever grants this permission."""
        return permission in self.permissions

    def check(self, permission: str) -> None:
        """Raise NotPermitted unless the role grants this permission."""
        if not self.may(permission):
            raise NotPermitted(f"Your role ({self.role.replace('_', ' ')}) may not do this ({permission}).")


def service_actor(*, party: UUID, party_code: str, party_kind: str, service: str, permissions: frozenset[str]) -> Actor:
    """A process that acts for a party, such as the prover: no person, method `system`."""
    return Actor(
        person=UUID(int=0),
        name=f"Needlepoint {service}",
        party=party,
        party_code=party_code,
        party_kind=party_kind,
        role=service,
        permissions=permissions,
        method="system",
    )
