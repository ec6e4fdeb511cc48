"""The shared rules of members' logs: the operator announces each, once, with the key that signs its checkpoints. Pure.

One chain a member. Witnesses and bundles learn from these records which logs there are and whom to believe; all that
they are given from elsewhere is the key of the operator's log.
"""

from __future__ import annotations

import re

from ledger.crypto import ed25519
from ledger.crypto.errors import VerificationError
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry
from ledger.parties.contract import party_of

KIND = "log"
OPENED = "ledger.log.opened/v1"
_KEY = re.compile(r"[0-9a-f]{64}")


class LogContract:
    """A member's log is opened once, under the member's own code, by the operator and in the operator's log."""

    chain_kind = KIND

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type != OPENED:
            raise Refused(f"The shared rules know no record “{entry.type}” of a member's log.")
        if state["status"] != "none":
            raise Refused("This member has its log already.")
        if world.party(entry.party).kind != "operator":
            raise Refused("Only the consortium's operator opens logs.")
        member, code, key = world.party(entry.subject), entry.body.get("code"), entry.body.get("public_key")
        if member.kind == "operator" or code != member.code.lower():
            raise Refused("A member's log is named after the member's code; the operator's is there from the start.")
        if entry.subject != party_of(entry.log, member.code):
            raise Refused("A log is announced in the operator's log, where its member is enrolled.")
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise Refused("“public_key” must be 32 bytes in hexadecimal.")
        try:
            ed25519.check_public_key(bytes.fromhex(key))
        except VerificationError as problem:
            raise Refused(f"The log's key cannot be used. {problem}") from problem
        return {"status": "open", "code": code, "public_key": key}
