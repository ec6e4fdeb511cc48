"""The shared rules of a disclosure's chain: fields of a therapy, shown by who holds them to one other member. Pure.

It begins in one of two ways: somebody asks (a regulator or a payer), and the holder answers or refuses; or the holder
gives by itself (a grant). It ends by being withdrawn, or by its own time. While a request waits for its answer, who
asked may take it back. The values go sealed to the receiver alone:
on the ledger stand their commitments, and the digest of what was sealed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from custody.contract.moment import fresh, stamp_of, uuid_text
from ledger.clock import stamp
from ledger.log.contract import Refused, State, World
from ledger.log.entries import MAX_CLOCK_SKEW, Entry

KIND = "disclosure"
ASKED = "custody.disclosure.asked/v1"
ANSWERED = "custody.disclosure.answered/v1"
REFUSED = "custody.disclosure.refused/v1"
GIVEN = "custody.disclosure.given/v1"
WITHDRAWN = "custody.disclosure.withdrawn/v1"
TAKEN_BACK = "custody.disclosure.taken_back/v1"
ASKER_ROLES: Mapping[str, str] = {"regulator": "inspector", "payer": "payer_analyst"}
HOLDER_ROLES: Mapping[str, str] = {"treatment_centre": "data_protection_officer", "manufacturer": "qa"}
PURPOSES: Mapping[str, str] = {
    "inspection": "An inspection of this therapy",
    "safety_report": "A safety report or an adverse event",
    "traceability": "Tracing cells to their patient",
    "payment": "A decision on payment",
    "treatment": "The patient's own treatment",
    "court_order": "The order of a court",
}
REFUSALS: Mapping[str, str] = {
    "not_needed": "The purpose does not need these fields",
    "no_basis": "There is no lawful basis for it",
    "not_held": "These fields are not held, or were erased",
    "other_way": "It is given in another way",
}
REASONS_TO_TAKE_BACK: Mapping[str, str] = {
    "not_needed": "It is not needed any more",
    "other_fields": "Other fields are needed",
    "other_therapy": "It was meant for another therapy",
    "known_already": "It is known by another way",
}
MAX_FIELDS = 60
MAX_TIME = timedelta(days=366)
FIELD = re.compile(r"identity/[a-z_]{1,40}|step/[a-z0-9-]{1,40}/[a-z0-9_-]{1,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class DisclosureContract:
    """None, asked, answered, refused or taken back; none, given; answered or given, withdrawn."""

    chain_kind = KIND

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if not isinstance(entry.body, Mapping):
            raise Refused("The content of a record is a list of names with their values.")
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise Refused(
                "The time lies in the future. Write when it was; if it is right, check the clock of this device."
            )
        if entry.type not in _CLAUSES:
            raise Refused(f"The shared rules know no record “{entry.type}” of a disclosure.")
        after = fresh(state)
        _CLAUSES[entry.type](after, entry, world)
        return after


def _asked(state: State, entry: Entry, world: World) -> None:
    _require_new(state)
    role = ASKER_ROLES.get(world.party(entry.party).kind)
    if role is None or entry.signer.role != role:
        raise Refused("An inspector of a regulator, or a payer's analyst, asks for a disclosure.")
    holder = _other(entry, "holder", world)
    if world.party(holder).kind not in HOLDER_ROLES:
        raise Refused("A treatment centre or a manufacturer is asked for a disclosure.")
    _begin(state, entry, status="asked", holder=str(holder), receiver=str(entry.party))


def _given(state: State, entry: Entry, world: World) -> None:
    _require_new(state)
    _require_holder(str(entry.party), entry, world)
    _begin(state, entry, status="given", holder=str(entry.party), receiver=str(_other(entry, "receiver", world)))
    _show(state, entry)


def _answered(state: State, entry: Entry, world: World) -> None:
    _require(state, "asked", "This request is not open any more. Reload the page.")
    _require_holder(state["holder"], entry, world)
    if entry.recorded_at > stamp_of(state["until"], "until"):
        raise Refused("The time of this request is over. It has to be asked for anew.")
    _show(state, entry)
    state["status"] = "answered"


def _refused(state: State, entry: Entry, world: World) -> None:
    _require(state, "asked", "This request is not open any more. Reload the page.")
    _require_holder(state["holder"], entry, world)
    if entry.body.get("reason") not in REFUSALS:
        raise Refused("Give one of the known reasons for refusing.")
    state["status"] = "refused"


def _withdrawn(state: State, entry: Entry, world: World) -> None:
    if state["status"] not in ("answered", "given"):
        raise Refused("Nothing is shown any more: there is nothing to withdraw.")
    _require_holder(state["holder"], entry, world)
    state["status"] = "withdrawn"


def _taken_back(state: State, entry: Entry, world: World) -> None:
    _require(state, "asked", "This request is not open any more. Reload the page.")
    if str(entry.party) != state["receiver"] or entry.signer.role != ASKER_ROLES.get(world.party(entry.party).kind):
        raise Refused("Only who asked takes the request back: the regulator's inspector or the payer's analyst.")
    if entry.recorded_at > stamp_of(state["until"], "until"):
        raise Refused("The time of this request is over: there is nothing to take back.")
    if entry.body.get("reason") not in REASONS_TO_TAKE_BACK:
        raise Refused("Give one of the known reasons for taking a request back.")
    state["status"] = "taken_back"


_CLAUSES = {
    ASKED: _asked,
    GIVEN: _given,
    ANSWERED: _answered,
    REFUSED: _refused,
    WITHDRAWN: _withdrawn,
    TAKEN_BACK: _taken_back,
}


def _begin(state: State, entry: Entry, *, status: str, holder: str, receiver: str) -> None:
    fields = entry.body.get("fields")
    if not isinstance(fields, list) or not 0 < len(fields) <= MAX_FIELDS:
        raise Refused(f"Name the fields, from 1 to {MAX_FIELDS}.")
    if not all(isinstance(one, str) and FIELD.fullmatch(one) for one in fields) or sorted(set(fields)) != fields:
        raise Refused("The fields are named once each, in order.")
    if entry.body.get("purpose") not in PURPOSES:
        raise Refused("Give one of the known purposes.")
    until = stamp_of(entry.body.get("until"), "until")
    if not entry.recorded_at < until <= entry.recorded_at + MAX_TIME:
        raise Refused("A disclosure ends in the future, and within a year.")
    state.update(
        status=status,
        therapy=uuid_text(entry.body.get("therapy"), "therapy"),
        holder=holder,
        receiver=receiver,
        fields=list(fields),
        purpose=entry.body["purpose"],
        until=stamp(until),
        shown={},
        package="",
    )


def _show(state: State, entry: Entry) -> None:
    """The commitments of what is shown, each of a field that was named; all of them or fewer, and at least one."""
    shown: Any = entry.body.get("shown")
    if not isinstance(shown, Mapping) or not shown or not set(shown) <= set(state["fields"]):
        raise Refused("What is shown has to be among the fields that were named.")
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in shown.values()):
        raise Refused("On the ledger a value stands as its commitment.")
    package = entry.body.get("package")
    if not isinstance(package, str) or not _DIGEST.fullmatch(package):
        raise Refused("The digest of the sealed values is missing.")
    state["shown"], state["package"] = dict(shown), package


def _other(entry: Entry, name: str, world: World) -> UUID:
    party = UUID(uuid_text(entry.body.get(name), name))
    world.party(party)
    if party == entry.party:
        raise Refused("Nobody discloses to themselves.")
    return party


def _require_new(state: State) -> None:
    if state["status"] != "none":
        raise Refused("This disclosure has begun already.")


def _require(state: State, status: str, words: str) -> None:
    if state["status"] != status:
        raise Refused(words)


def _require_holder(holder: str, entry: Entry, world: World) -> None:
    role = HOLDER_ROLES.get(world.party(entry.party).kind)
    if str(entry.party) != holder or role is None or entry.signer.role != role:
        raise Refused("Only the member that holds the fields discloses them: its data-protection officer or its QA.")
