"""The demonstration's accounts, one click from being signed in. In production all of this answers 404.

They are the people whose address ends in `.example`, a domain that nobody can own (RFC 2606), and all share one
password, which stands on the sign-in page: it is needed again when a step is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.contrib.auth.hashers import make_password

from ledger.parties.models import PartyKind
from portal.accounts.models import Membership
from portal.accounts.roles import ROLES

PASSWORD = "one-thread-vein-to-vein"  # noqa: S105 - shown on the sign-in page of the demonstration
DOMAIN_SUFFIX = ".example"
ICONS = {
    "nurse": "nurse",
    "coordinator": "calendar-heart",
    "physician": "stethoscope",
    "cell_lab": "microscope",
    "data_protection_officer": "shield-lock",
    "scheduler": "calendar-time",
    "operator": "flask",
    "qc_analyst": "test-pipe",
    "qa": "clipboard-check",
    "qp": "rosette-discount-check",
    "courier": "truck",
    "dispatcher": "map-route",
    "payer_analyst": "receipt-euro",
    "inspector": "gavel",
    "administrator": "users",
    "operator_steward": "building-community",
}


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """One membership to sign in to. `membership` is posted as `as`."""

    membership: int
    name: str
    email: str
    role: str
    role_code: str
    description: str
    icon: str


@dataclass(frozen=True, slots=True)
class DemoGroup:
    """An organisation and its demonstration accounts."""

    party: str
    kind: str
    city: str
    accounts: tuple[DemoAccount, ...]


@lru_cache(maxsize=1)
def password_hash() -> str:
    """The shared password, hashed once: sixty accounts would else take half a minute to make."""
    return make_password(PASSWORD)


def memberships(at: datetime) -> list[Membership]:
    """Every membership that may be signed in to with one click; none outside demonstration mode."""
    if not settings.DEMONSTRATION:
        return []
    return list(
        Membership.objects.current(at)
        .filter(user__is_active=True, user__email__endswith=DOMAIN_SUFFIX)
        .select_related("user", "party")
    )


def accounts(at: datetime) -> tuple[DemoGroup, ...]:
    """The demonstration accounts by organisation, in the order in which a therapy passes them."""
    kinds, order = list(PartyKind.values), list(ROLES)
    grouped: dict[tuple[int, str, str, str], list[DemoAccount]] = {}
    for one in sorted(memberships(at), key=lambda m: (order.index(m.role), m.user.name)):
        party = one.party
        grouped.setdefault((kinds.index(party.kind), party.name, party.kind, party.city), []).append(_account(one))
    return tuple(DemoGroup(name, kind, city, tuple(rows)) for (_, name, kind, city), rows in sorted(grouped.items()))


def _account(membership: Membership) -> DemoAccount:
    role = membership.as_role
    return DemoAccount(
        membership=membership.pk,
        name=membership.user.name,
        email=membership.user.email,
        role=role.name,
        role_code=role.code,
        description=role.description,
        icon=ICONS[role.code],
    )
