"""One chain held against its tables while somebody looks at it: what `verify` does for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log.contract import PartyFacts, State
from ledger.log.models import Chain
from ledger.log.projections import Change
from ledger.log.verification import Finding, ReplayedWorld, check_chain
from ledger.log.world import world
from ledger.parties.models import PartyKey

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Audit:
    """What does not hold, and the state that the records give as far as they verify."""

    findings: tuple[Finding, ...]
    state: State


class TablesWorld(ReplayedWorld):
    """Members, documents and keys as the tables have them; `verify` alone replays those too."""

    def party(self, party: UUID) -> PartyFacts:
        return world.party(party)

    def document(self, digest: str) -> Mapping[str, Any]:
        return world.document(digest)

    def learn(self, changes: list[Change]) -> None:
        """A therapy's records teach nothing about members."""


def audit(*, kind: str, subject: UUID) -> Audit:
    """Replay a chain and compare it with its rows. Read again when a record came in meanwhile. Raises DoesNotExist."""
    known = TablesWorld()
    for key in PartyKey.objects.all():
        known.keys.setdefault(key.party_id, {})[key.key_id] = bytes.fromhex(key.public_key)
    for _ in range(ATTEMPTS):
        chain = Chain.objects.get(kind=kind, subject=subject)
        found = _replay(chain, known)
        if not found.findings or Chain.objects.filter(pk=chain.pk, head_hash=chain.head_hash).exists():
            return found
    return Audit((), chain.state)


def _replay(chain: Chain, known: TablesWorld) -> Audit:
    findings: list[Finding] = []
    replay = check_chain(chain, known, lambda what, count: None)
    try:
        while True:
            findings.append(next(replay))
    except StopIteration as end:
        return Audit(tuple(findings), end.value)
    except (Refusal, VerificationError, KeyError, TypeError, ValueError, AttributeError) as problem:
        # What was written past the operations may have any shape; it is a finding, never a fault of the page.
        findings.append(Finding("ledger_chain", str(chain.pk), f"it cannot be replayed: {problem!r}"))
        return Audit(tuple(findings), chain.state)
