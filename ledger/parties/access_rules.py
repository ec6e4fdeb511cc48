"""The shared rules of access reviews: an organisation signs that it looked at who holds which role. Pure.

What stands here is a digest over the list (pseudonyms, roles, since when) and its numbers, never a name. Pseudonyms are
random, so nobody finds the list by guessing; who has it can show that it is the one that was reviewed.
"""

from __future__ import annotations

import re

from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

KIND = "access"
REVIEWED = "ledger.access.reviewed/v1"
MOST = 1_000_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


class AccessContract:
    """A review counts the roles held and those that the reviewer wants ended; each follows the one before."""

    chain_kind = KIND

    def initial(self) -> State:
        return {"reviews": 0}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type != REVIEWED:
            raise Refused(f"The shared rules know no record “{entry.type}” of access.")
        if entry.subject != derived("access", world.party(entry.party).id):
            raise Refused("An organisation reviews the access of its own people.")
        digest, roles, people = (entry.body.get(name) for name in ("digest", "roles", "people"))
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise Refused("A review names the list that was reviewed by its SHA-256.")
        for number in (roles, people):
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST:
                raise Refused("A review counts people and the roles that they hold.")
        return {"reviews": state["reviews"] + 1, "digest": digest}
