"""The shared rules of a patient's chain: what a centre records of keeping and erasing a patient's data. Pure.

The chain is about `derived("patient", holder, pseudonym)`, so that only the holder can write it. Two
people of the holder erase: one asks with a reason, another confirms. Where cells were collected, what traces them to
the patient is kept for thirty years after (Regulation (EC) 1394/2007, art. 15(4)); until then only the rest is erased
(GDPR art. 17(3)(b)), and after that everything, by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract import rights
from custody.contract.moment import fresh, stamp_of, uuid_text
from ledger.clock import stamp
from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import MAX_CLOCK_SKEW, Entry

KIND = "patient"
ASKED = "custody.erasure.asked/v1"
WITHDRAWN = "custody.erasure.withdrawn/v1"
DONE = "custody.erasure.done/v1"
REST, WHOLE = "rest", "whole"
REASONS: Mapping[str, str] = {
    "patient_asked": "The patient asked for it",
    "consent_withdrawn": "The patient withdrew consent",
    "enrolled_in_error": "The patient was enrolled in error",
    "ordered_by_authority": "A court or an authority ordered it",
}
"""Why a person asks for an erasure (GDPR art. 17(1))."""
EXPIRED = "expired"
"""Why the installation erases by itself: the time of keeping is over (GDPR art. 5(1)(e))."""
ERASING_ROLES = ("data_protection_officer", "administrator")
SYSTEM_ROLE = "retention"
MAX_VALUES = 10**6


def chain_of(holder: UUID, patient: UUID) -> UUID:
    """What the chain of this holder's patient is about."""
    return derived("patient", holder, patient)


class PatientContract:
    """Asked, withdrawn, erased in part, erased whole; nothing after that. Before it, what `rights` knows."""

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
        if world.party(entry.party).kind != "treatment_centre":
            raise Refused("Only the treatment centre that enrolled a patient keeps and erases the patient's data.")
        patient = uuid_text(entry.body.get("patient"), "patient")
        if entry.subject != chain_of(entry.party, UUID(patient)):
            raise Refused("This is the chain of another organisation's patient.")
        if state["status"] == "none":
            state = {"status": "kept", "patient": patient, "asked": None, "done": []}
        if WHOLE in state["done"]:
            raise Refused("This patient is erased: nothing more is recorded.")
        after = fresh(state)
        clauses = {ASKED: _asked, WITHDRAWN: _withdrawn, DONE: _done, **rights.CLAUSES}
        if entry.type not in clauses:
            raise Refused(f"The shared rules know no record “{entry.type}” of a patient.")
        clauses[entry.type](after, entry)
        return after


def _asked(state: State, entry: Entry) -> None:
    _require_role(entry)
    rights.require_unrestricted(state)
    if state["asked"] is not None:
        raise Refused("An erasure of this patient is asked for already. Confirm or withdraw that one.")
    reason = entry.body.get("reason")
    if reason not in REASONS:
        raise Refused("Give one of the known reasons for the erasure.")
    scope, until = _scope(entry)
    state["asked"] = {
        "request": uuid_text(entry.body.get("request"), "request"),
        "reason": reason,
        "scope": scope,
        "kept_until": until,
        "by": str(entry.signer.person),
        "at": stamp(entry.recorded_at),
    }


def _withdrawn(state: State, entry: Entry) -> None:
    _require_role(entry)
    _asked_for(state, entry)
    state["asked"] = None


def _done(state: State, entry: Entry) -> None:
    rights.require_unrestricted(state)
    scope, until = _scope(entry)
    if entry.body.get("reason") == EXPIRED:
        uuid_text(entry.body.get("request"), "request")
        if entry.signer.role != SYSTEM_ROLE or entry.signer.method != "system":
            raise Refused("The end of the time of keeping is acted on by the installation itself.")
        if scope != WHOLE or until is None:
            raise Refused("What is kept for a time is erased whole when that is over.")
    else:
        _require_role(entry)
        asked = _asked_for(state, entry)
        if entry.body.get("reason") != asked["reason"] or scope != asked["scope"]:
            raise Refused("What is confirmed is not what was asked for.")
        if str(entry.signer.person) == asked["by"]:
            raise Refused("Another person than the one who asked has to confirm an erasure.")
    values = entry.body.get("values")
    if type(values) is not int or not 0 <= values <= MAX_VALUES:
        raise Refused("How many values were destroyed is a whole number.")
    state["asked"] = None
    state["done"] = [*state["done"], scope]


def _scope(entry: Entry) -> tuple[str, str | None]:
    """What is erased, and until when the rest is kept: whole only where nothing has to be kept any more."""
    scope, until = entry.body.get("scope"), entry.body.get("kept_until")
    moment: datetime | None = None if until is None else stamp_of(until, "kept_until")
    if scope not in (REST, WHOLE):
        raise Refused("An erasure is of the whole patient, or of the rest beside what has to be kept.")
    if scope == REST and (moment is None or moment <= entry.recorded_at):
        raise Refused("Nothing has to be kept of this patient any more: erase the whole.")
    if scope == WHOLE and moment is not None and moment > entry.recorded_at:
        raise Refused(
            f"What traces this patient's cells is kept until {moment:%d %b %Y} (Regulation (EC) 1394/2007, art. 15). "
            "Erase the rest now; that is erased by itself then."
        )
    return scope, until


def _asked_for(state: State, entry: Entry) -> dict[str, Any]:
    asked: dict[str, Any] | None = state["asked"]
    if asked is None or uuid_text(entry.body.get("request"), "request") != asked["request"]:
        raise Refused("This erasure is not asked for any more. Reload the page.")
    return asked


def _require_role(entry: Entry) -> None:
    if entry.signer.role not in ERASING_ROLES:
        raise Refused("A data-protection officer or an administrator of the centre asks for and confirms an erasure.")
