"""The shared rules of breaking the glass: a person sees who a patient is, for a short time, as all can tell. Pure.

Beside the roles that see their own patients there are people who work by the chain of identity alone: a centre's cell
lab, a maker's Qualified Person. In an emergency they may look, each time under a reason and for an hour at most. The
access ends by itself: no record is needed for that, and one is written all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from custody.contract.moment import fresh, stamp_of, uuid_text
from ledger.clock import stamp
from ledger.log.contract import Refused, State, World
from ledger.log.entries import MAX_CLOCK_SKEW, Entry

KIND = "emergency"
OPENED = "custody.emergency.opened/v1"
ENDED = "custody.emergency.ended/v1"
ROLES: Mapping[str, tuple[str, ...]] = {"treatment_centre": ("cell_lab",), "manufacturer": ("qp",)}
ENDING_ROLES = ("data_protection_officer",)
REASONS: Mapping[str, str] = {
    "identity_doubtful": "It is in doubt whose cells these are",
    "patient_in_danger": "The patient is in danger, and has to be found or told",
    "centre_unreachable": "The centre cannot be reached, and the cells cannot wait",
}
MAX_TIME = timedelta(hours=1)
SYSTEM_ROLE = "emergency"
BY_PERSON, BY_OFFICER, BY_TIME = "by_person", "by_officer", "by_time"


class EmergencyContract:
    """Opened once, ended once."""

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
        if entry.type == OPENED:
            return _opened(state, entry, world)
        if entry.type == ENDED:
            return _ended(fresh(state), entry)
        raise Refused(f"The shared rules know no record “{entry.type}” of an emergency.")


def _opened(state: State, entry: Entry, world: World) -> State:
    if state["status"] != "none":
        raise Refused("This access was opened before.")
    if entry.signer.role not in ROLES.get(world.party(entry.party).kind, ()):
        raise Refused("A centre’s cell lab, or a maker’s Qualified Person, breaks the glass.")
    if entry.signer.method == "system":
        raise Refused("Only a person breaks the glass.")
    holder = uuid_text(entry.body.get("holder"), "holder")
    if entry.body.get("reason") not in REASONS:
        raise Refused("Say what the emergency is, with one of the known reasons.")
    until = stamp_of(entry.body.get("until"), "until")
    if not entry.recorded_at < until <= entry.recorded_at + MAX_TIME:
        raise Refused("An emergency access lasts an hour at most.")
    return {
        "status": "open",
        "therapy": uuid_text(entry.body.get("therapy"), "therapy"),
        "patient": uuid_text(entry.body.get("patient"), "patient"),
        "holder": holder,
        "party": str(entry.party),
        "person": str(entry.signer.person),
        "until": stamp(until),
    }


def _ended(state: State, entry: Entry) -> State:
    if state["status"] != "open":
        raise Refused("This access has ended.")
    how, author = entry.body.get("how"), str(entry.party)
    if how == BY_PERSON and (author != state["party"] or str(entry.signer.person) != state["person"]):
        raise Refused("Only who opened it gives it back.")
    if how == BY_OFFICER and (author != state["holder"] or entry.signer.role not in ENDING_ROLES):
        raise Refused("Only the data-protection officer of the patient’s centre ends somebody’s access.")
    if how == BY_TIME and (
        entry.signer.role != SYSTEM_ROLE
        or entry.signer.method != "system"
        or author != state["holder"]
        or entry.recorded_at < stamp_of(state["until"], "until")
    ):
        raise Refused("An access ends by itself when its time is over, and not before.")
    if how not in (BY_PERSON, BY_OFFICER, BY_TIME):
        raise Refused("An access is given back, ended by the officer, or over.")
    state["status"] = "ended"
    return state
