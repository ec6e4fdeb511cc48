"""Clauses of a hold: after a fork of the log a therapy waits until its members agree on its records (DESIGN §12).

Whoever signs a record of a chain signs the hash of the one before it, and so the whole chain. To agree is therefore to
sign one more record: “this, up to here, is the therapy's history as we hold it”. The centre and the maker have to
(before a maker takes part, the centre and the payer). In an emergency a physician of the centre and a Qualified Person
of the maker free the therapy together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custody.contract.closing import CLOSINGS, HALTED
from custody.contract.moment import OPEN_STATUSES, Moment, stamp_of, uuid_text
from ledger.clock import stamp
from ledger.log.contract import Refused, State

HELD = "custody.therapy.held/v1"
AGREED = "custody.hold.agreed/v1"
BROKEN = "custody.hold.broken/v1"
DURING_A_HOLD = frozenset(
    {
        HELD,
        AGREED,
        BROKEN,
        "custody.therapy.ended/v1",
        "custody.identity.stopped/v1",
        HALTED,
        "custody.exception.opened/v1",
        *CLOSINGS,
        "custody.handoff.refused/v1",
        "custody.readings.committed/v1",
        "custody.proof.published/v1",
        "custody.proof.refused/v1",
        "custody.oos.informed/v1",
    }
)
"""What a held therapy still takes: what stops, warns, measures or is owed to an authority. No step, and no booking."""
AGREEING_ROLES: Mapping[str, tuple[str, ...]] = {
    "centre": ("physician", "coordinator"),
    "maker": ("qa", "qp"),
    "payer": ("payer_analyst",),
}
BREAKING_ROLES: Mapping[str, str] = {"centre": "physician", "maker": "qp"}
EMERGENCIES = frozenset({"patient_deteriorates", "conditioning_given", "cells_expire"})
WORKLIST_REASON = "ledger_fork"
MAX_INDEX = 2**53 - 1


def hold_of(state: State) -> Mapping[str, Any] | None:
    """The hold as it stands: the divergences, since when, who agreed and who broke the glass; None when free."""
    found: Mapping[str, Any] | None = state.get("hold")
    return found


def needed(state: State) -> tuple[str, ...]:
    """The capacities that have to agree before the therapy goes on."""
    return ("centre", "maker") if "maker" in state["parties"] else ("centre", "payer")


def check_not_held(state: State, record_type: str) -> None:
    """Raise Refused, in words for whoever wants to go on with a held therapy."""
    hold = hold_of(state)
    if hold is None or record_type in DURING_A_HOLD:
        return
    since, agreed = stamp_of(hold["since"], "since"), min(hold["divergences"].values())
    by_agreement = " and ".join(needed(state))
    raise Refused(
        f"This therapy is held since {since:%d %b %Y, %H:%M} UTC: the ledger has forked, and what was recorded from "
        f"place {agreed:,} on is in doubt. Compare the paper record and the label. The {by_agreement} free the therapy "
        "when both confirm its records on its journey page; in an emergency a physician and a Qualified Person do."
    )


def held(moment: Moment) -> None:
    """The operator, or a member that handles the cells, holds the therapy because of a divergence; once for each."""
    if not moment.runs_the_consortium() and not moment.takes_part():
        raise Refused("Only the operator, or an organisation that takes part in this therapy, holds it.")
    if moment.state["status"] not in OPEN_STATUSES:
        raise Refused("This therapy has ended: there is nothing to hold.")
    divergence, agreed = moment.uuid("divergence"), moment.member("agreed")
    if type(agreed) is not int or not 0 <= agreed <= MAX_INDEX:
        raise Refused("The last agreed place in the log is a whole number.")
    hold = moment.state.get("hold") or {"divergences": {}, "since": stamp(moment.entry.recorded_at)}
    if divergence in hold["divergences"] or divergence in moment.state.get("freed", []):
        raise Refused("The therapy was held for this divergence before.")
    # Whoever agreed before knew less: they are asked again.
    hold["divergences"][divergence] = agreed
    moment.state["hold"] = hold | {"agreed": {}, "broken": {}}


def agreed(moment: Moment) -> None:
    """One member confirms the therapy's records up to here; the last one that is needed frees it."""
    hold = _hold(moment)
    capacities = [one for one in needed(moment.state) if moment.state["parties"].get(one) == moment.author]
    if not capacities:
        raise Refused(f"The {' and the '.join(needed(moment.state))} of this therapy agree on its records.")
    moment.require_role(*(role for one in capacities for role in AGREEING_ROLES[one]))
    if all(one in hold["agreed"] for one in capacities):
        raise Refused("Your organisation has confirmed the records already.")
    hold["agreed"].update(dict.fromkeys(capacities, stamp(moment.entry.recorded_at)))
    if all(one in hold["agreed"] for one in needed(moment.state)):
        _free(moment)


def broken(moment: Moment) -> None:
    """A physician of the centre, or a Qualified Person of the maker, breaks the glass; both together free it."""
    hold = _hold(moment)
    if moment.text("emergency", longest=40) not in EMERGENCIES:
        raise Refused("Name the emergency, with one of the known reasons.")
    capacities = [one for one in BREAKING_ROLES if moment.state["parties"].get(one) == moment.author]
    allowed = [one for one in capacities if moment.entry.signer.role == BREAKING_ROLES[one]]
    if not allowed:
        raise Refused("A physician of the centre and a Qualified Person of the maker free a therapy in an emergency.")
    person = str(moment.entry.signer.person)
    if person in hold["broken"].values():
        raise Refused("You have signed already. The other of the two, somebody else, has to sign too.")
    hold["broken"][allowed[0]] = person
    if len(hold["broken"]) == len(BREAKING_ROLES):
        _free(moment)


def _hold(moment: Moment) -> dict[str, Any]:
    """The hold that stands, when it is the one that was signed for. Raises Refused."""
    hold: dict[str, Any] | None = moment.state.get("hold")
    if hold is None:
        raise Refused("This therapy is not held.")
    said = moment.member("divergences")
    if not isinstance(said, list) or [uuid_text(one, "divergences") for one in said] != sorted(hold["divergences"]):
        raise Refused("The ledger diverged again since this page was opened. Reload it, read what was found, and sign.")
    return hold


def _free(moment: Moment) -> None:
    hold = moment.state.pop("hold")
    moment.state["freed"] = sorted({*moment.state.get("freed", []), *hold["divergences"]})
