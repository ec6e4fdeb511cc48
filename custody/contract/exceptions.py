"""Clauses of exceptions: opened by whoever finds them, closed by those who may decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from custody.contract import halting
from custody.contract.closing import HALT, LONGEST_WHY, WHY_ASKED, has_words, says_why
from custody.contract.moment import OPEN_STATUSES, Moment, stamp_of
from custody.contract.worklist import HALTING
from ledger.clock import stamp
from ledger.log.contract import Refused, State

KINDS = (
    "identity_stop",
    HALT,
    "out_of_specification",
    "custody_gap",
    "transport_problem",
    "excursion",
    "deviation",
    "not_proven",
)
"""Worst first (DESIGN §12: how exceptions rank)."""
RANKS: Mapping[str, int] = {kind: max(0, place - 1) for place, kind in enumerate(KINDS)}
"""The rank of each kind; an identity stop and a halt stand together, since both halt everything."""
BLOCKING = frozenset(KINDS) - {"not_proven"}
LONGEST_DELAY = timedelta(days=30)
OLDEST_PLAN = timedelta(days=730)
MOST_DELAYS = 8
"""Open at once: a courier that says every hour how late it is does no more."""
TRANSPORT_PROBLEMS = frozenset({"delay", "damage", "seal_broken", "lost"})
"""What a courier reports from the road; each is judged by the maker before the cells go on."""
RESOLUTIONS = frozenset({"accepted", "corrected", "rejected", "informed", "explained"})
OOS_STAGES: Mapping[str, str] = {
    "found": "found, and waits for the physician's request",
    "requested": "requested, and waits for the maker's evaluation of the risks",
    "evaluated": "evaluated, and waits for the physician's acceptance",
    "accepted": "accepted, and waits for the authority to be informed",
    "informed": "ended: the authority is informed",
}
OOS_TRANSITIONS: Mapping[str, frozenset[str]] = {
    "found": frozenset({"requested"}),
    "requested": frozenset({"evaluated"}),
    "evaluated": frozenset({"accepted", "requested"}),
    "accepted": frozenset({"informed", "requested"}),
    "informed": frozenset({"found"}),
}
"""The out-of-specification path (EU GMP Part IV §11.5); a further finding leads back to the evaluation."""


def identity_stopped(moment: Moment) -> None:
    """Something scanned did not belong to this therapy: everything on it halts (DOMAIN, step 12)."""
    moment.require_capacity("centre", "maker", "courier_outbound", "courier_return")
    moment.text("scanned", longest=80)
    moment.text("kind", longest=20)
    _open(moment, moment.uuid("id"), "identity_stop")


def halted_by_answer(moment: Moment) -> None:
    """A question whose wrong answer halts was answered so (`custody.contract.halting`)."""
    exception = halting.halted(moment)
    identifier = moment.uuid("id")
    if any(known.get("step") == exception["step"] for known in moment.state["exceptions"].values()):
        raise Refused("The therapy is halted by this step already.")
    _open(moment, identifier, HALT)
    moment.state["exceptions"][identifier] = exception


def opened(moment: Moment) -> None:
    kind = moment.text("kind", longest=30)
    if kind not in KINDS or kind in HALTING:
        raise Refused("The kind of the exception is not known.")
    if not moment.capacities() and not moment.runs_the_consortium():
        raise Refused("Only an organisation that takes part in this therapy can open an exception on it.")
    moment.text("finding", longest=240)
    identifier = moment.uuid("id")
    _open(moment, identifier, kind)
    if kind == "transport_problem":
        _on_the_road(moment, identifier)
    if kind in BLOCKING and moment.body.get("step") in moment.state["unraised"]:
        moment.state["unraised"].remove(moment.body["step"])
    if kind == "out_of_specification":
        _oos_found(moment, identifier)


def _on_the_road(moment: Moment, identifier: str) -> None:
    """Only the courier that holds the packed cells says what befell them, and each problem once while it is open."""
    custody, exceptions = moment.state["custody"], moment.state["exceptions"]
    moment.require_role("courier", "dispatcher")
    if custody["leg"] is None or custody["holder"] != moment.author:
        raise Refused("Only the courier that holds the cells on the road reports a problem with them.")
    if moment.body.get("leg") != custody["leg"]:
        raise Refused("The cells are on another way than the one that is named.")
    facts = moment.members("facts")
    problem = facts.get("problem")
    if problem not in TRANSPORT_PROBLEMS:
        raise Refused("Say what happened on the road: delay, damage, seal broken or lost.")
    expected = _expected(moment, facts)
    told = {(known.get("problem"), known.get("expected_at")) for known in exceptions.values()}
    if (problem, expected.get("expected_at")) in told:
        raise Refused("This problem is reported already, and is open.")
    exceptions[identifier] |= {"problem": problem, **expected}


def _expected(moment: Moment, facts: Mapping[str, Any]) -> dict[str, str]:
    """When a delayed shipment is expected, and when it was due; delays of before these were asked for say neither.

    A delay that grows is reported again with its new time.
    """
    if "expected_at" not in facts:
        return {}
    if facts.get("problem") != "delay":
        raise Refused("Only a delay has a new time of arrival.")
    expected, planned = (stamp_of(facts.get(name), name) for name in ("expected_at", "planned_at"))
    at = moment.entry.occurred_at
    if expected <= max(planned, at):
        raise Refused("The new time of arrival lies after the one that was planned, and ahead.")
    if expected - at > LONGEST_DELAY or at - planned > OLDEST_PLAN:
        raise Refused(f"The new time of arrival lies within {LONGEST_DELAY.days} days. Check the date.")
    open_delays = [one for one in moment.state["exceptions"].values() if one.get("expected_at")]
    if len(open_delays) >= MOST_DELAYS:
        raise Refused(f"{MOST_DELAYS} delays of this shipment are open. QA closes them before there is another.")
    said = {"expected_at": stamp(expected), "planned_at": stamp(planned)}
    return said | {"said_at": stamp(moment.entry.recorded_at), "leg": moment.state["custody"]["leg"] or ""}


def _open(moment: Moment, identifier: str, kind: str) -> None:
    if identifier in moment.state["exceptions"]:
        raise Refused("This exception is already open.")
    moment.state["exceptions"][identifier] = {"kind": kind, "blocking": kind in BLOCKING, "by": moment.author}


def closed(moment: Moment) -> None:
    """As it was: without a reason. Not under format 2 of a protocol, and not once a therapy has one with its reason."""
    if moment.protocol.judges_all or moment.state.get("reasons_written"):
        raise Refused("Write why the exception is closed, in at least three words.")
    _close(moment)


def closed_with_reason(moment: Moment) -> None:
    """Closed, with the reason in words; under format 3 of a protocol in words that say something."""
    why = moment.text("why", longest=LONGEST_WHY)
    if not has_words(why):
        raise Refused("Write why the exception is closed, in at least three words.")
    if moment.protocol.weighs_reasons and not says_why(why):
        raise Refused(WHY_ASKED)
    _close(moment)
    moment.state["reasons_written"] = True


def _close(moment: Moment) -> None:
    """QA decides at the maker, a physician on what the centre found, and two people on what halts the therapy."""
    identifier = moment.uuid("id")
    exception = moment.state["exceptions"].get(identifier)
    if exception is None:
        raise Refused("This exception is not open.")
    if moment.text("resolution") not in RESOLUTIONS:
        raise Refused("Say how the exception is resolved: accepted, corrected, rejected, informed or explained.")
    moment.text("cause", longest=40)
    if exception["kind"] in HALTING:
        moment.require_capacity("centre", "maker")
        moment.require_role("physician", "qa")
        moment.require_second(("physician", "nurse", "cell_lab", "qa", "qp", "operator"))
        halting.check_is_another(moment, exception)
    elif exception["kind"] == "out_of_specification" and moment.state["status"] in OPEN_STATUSES:
        raise Refused("This exception ends with the out-of-specification path, when the authority is informed.")
    else:
        _decides(moment, exception["by"])
    del moment.state["exceptions"][identifier]


def _decides(moment: Moment, opened_by: str) -> None:
    parties = moment.state["parties"]
    if moment.author == parties["centre"]:
        moment.require_role("physician")
        if opened_by != parties["centre"] and "maker" in parties:
            raise Refused("The centre did not find this. The maker's QA decides on it.")
    else:
        moment.require_capacity("maker")
        moment.require_role("qa", "qp")


def oos_exceptions(state: State) -> list[str]:
    """The exceptions that the therapy's out-of-specification path is about."""
    oos = state["oos"]
    return list(oos["exceptions"]) if oos else []


def _oos_found(moment: Moment, identifier: str) -> None:
    """One path for all that is out of specification; what is found after the evaluation has to be evaluated too."""
    oos = moment.state["oos"]
    if oos is None or oos["stage"] == "informed":
        accepted = oos["covers"] if oos else []
        moment.state["oos"] = {"stage": "found", "exceptions": [identifier], "covers": accepted}
        return
    oos["exceptions"].append(identifier)
    if oos["stage"] in {"evaluated", "accepted"}:
        oos["stage"] = "requested"
        for known in oos["exceptions"]:
            if known in moment.state["exceptions"]:
                moment.state["exceptions"][known]["blocking"] = True


def _oos(moment: Moment, *, expected: str, following: str) -> None:
    oos = moment.state["oos"]
    if oos is None or oos["stage"] != expected:
        now = OOS_STAGES[oos["stage"]] if oos else "not begun"
        raise Refused(f"The out-of-specification path is not at this point: it is {now}.")
    oos["stage"] = following


def oos_requested(moment: Moment) -> None:
    """EU GMP Part IV §11.5: the treating physician asks for supply."""
    moment.require_capacity("centre")
    moment.require_role("physician")
    _oos(moment, expected="found", following="requested")


def oos_evaluated(moment: Moment) -> None:
    """The manufacturer supplies its evaluation of the risks."""
    moment.require_capacity("maker")
    moment.require_role("qa", "qp")
    _oos(moment, expected="requested", following="evaluated")
    # What the physician is told of is what may be supplied; a result that comes later needs another evaluation.
    done = moment.state["done"]
    moment.state["oos"]["covers"] = sorted(code for code in done if not done[code]["ok"])


def oos_accepted(moment: Moment) -> None:
    """The physician accepts; the exceptions stay open, but no longer hold the product."""
    moment.require_capacity("centre")
    moment.require_role("physician")
    _oos(moment, expected="evaluated", following="accepted")
    for identifier in oos_exceptions(moment.state):
        if identifier in moment.state["exceptions"]:
            moment.state["exceptions"][identifier]["blocking"] = False


def oos_informed(moment: Moment) -> None:
    """The authority is informed, which closes the exceptions."""
    moment.require_capacity("maker")
    moment.require_role("qa", "qp")
    _oos(moment, expected="accepted", following="informed")
    for identifier in oos_exceptions(moment.state):
        moment.state["exceptions"].pop(identifier, None)
