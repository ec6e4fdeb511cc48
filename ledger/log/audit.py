"""One chain held against its tables while somebody looks at it: what `verify` does for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log import logs
from ledger.log.contract import PartyFacts, State
from ledger.log.entries import Entry, Signature
from ledger.log.finding import Finding
from ledger.log.models import Chain
from ledger.log.projections import Change
from ledger.log.verification import ReplayedWorld, check_chain
from ledger.log.world import world
from ledger.parties import acts
from ledger.parties.history import KeyHistory, PersonHistories

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Audit:
    """What does not hold, and the state that the records give as far as they verify."""

    findings: tuple[Finding, ...]
    state: State


class TablesWorld(ReplayedWorld):
    """Members, documents and keys as the tables have them; `verify` alone replays those too."""

    def __init__(self, keys: KeyHistory, people: PersonHistories) -> None:
        super().__init__()
        self._history = keys
        self._people = people

    def register_for(self, entry: Entry, index: int | None) -> Mapping[str, Any]:
        return self._history.register_for(entry, index)

    def hands_for(self, entry: Entry, index: int | None, signature: Signature) -> acts.HandKeys:
        return self._people.keys_for(entry, index, signature)

    def party(self, party: UUID) -> PartyFacts:
        return world.party(party)

    def document(self, digest: str) -> Mapping[str, Any]:
        return world.document(digest)

    def log_of(self, party: UUID) -> str:
        try:
            facts = world.party(party)
        except Refusal:
            return settings.LOG_ORIGIN
        return logs.own_log(settings.LOG_ORIGIN, facts.code, facts.kind)

    def learn(self, changes: list[Change]) -> None:
        """A therapy's records teach nothing about members."""

    def learn_register(self, entry: Entry, index: int | None, state: State) -> None:
        """Nor about their keys."""


def audit(*, kind: str, subject: UUID) -> Audit:
    """Replay a chain and compare it with its rows. Read again when a record came in meanwhile. Raises DoesNotExist."""
    for _ in range(ATTEMPTS):
        chain = Chain.objects.get(kind=kind, subject=subject)
        known = TablesWorld(KeyHistory(), PersonHistories(chain=chain.pk))
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
