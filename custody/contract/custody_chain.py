"""Clauses of the chain of custody: who holds the cells, and how they change hands (21 CFR 1271.290)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from custody.contract.moment import OPEN_STATUSES, Moment, field_element
from custody.contract.steps import COMMITMENT
from custody.contract.worklist import HALTING
from custody.protocols.document import Protocol, Step
from ledger.log.contract import Refused

KEPT = "kept"
"""The reason of a courier that takes back what it offered to its own people."""


def collected(moment: Moment, step: Step) -> None:
    """The centre that collects is the first to hold the cells."""
    moment.state["custody"]["holder"] = moment.author


def packed(moment: Moment, step: Step) -> None:
    """The holder packs for a leg: container, seal and logger are named."""
    custody = moment.state["custody"]
    if custody["holder"] != moment.author:
        raise Refused("Only the organisation that holds the cells can pack them.")
    if custody["leg"] is not None:
        raise Refused("The cells are already packed.")
    leg = moment.protocol.leg(step.leg or "")
    if moment.state["parties"].get(leg.origin) != moment.author:
        raise Refused("This leg starts at another organisation.")
    custody.update(
        leg=leg.code,
        seal=moment.text("seal", longest=40),
        container=moment.text("container", longest=40),
        loggers={**custody["loggers"], leg.code: moment.uuid("logger")},
        offer=None,
    )


def step_offered(moment: Moment, step: Step) -> None:
    """The holder offers the packed cells to the next party of the protocol."""
    if moment.state["custody"]["leg"] != step.leg:
        raise Refused("The cells are not packed for this leg.")
    accept = _accepting(moment.protocol, step.code)
    _offer(moment, moment.state["parties"].get(accept.party) if accept else None, step.code)


def transfer_offered(moment: Moment) -> None:
    """A courier offers on the way: no step of the protocol, but custody all the same.

    To another courier, or to a colleague of the same one (a depot, a change of shift): then the organisation keeps
    custody, and the two records say which person gave and which took. Nobody takes over what they offered, here too.
    Who holds the shipper offers it; to a colleague also the courier's dispatcher, where that person cannot.
    """
    receiver = moment.world.party(UUID(moment.uuid("to")))
    if receiver.kind != "courier" or moment.world.party(moment.entry.party).kind != "courier":
        raise Refused("On the way, custody passes between couriers only.")
    moment.require_role("courier", "dispatcher")
    _halts_for_identity(moment)
    _offer(moment, str(receiver.id), None)


def _offer(moment: Moment, expected: str | None, step: str | None) -> None:
    custody = moment.state["custody"]
    if custody["leg"] is None:
        raise Refused("The cells are not packed for transport.")
    if custody["holder"] != moment.author:
        raise Refused("Only the organisation that holds the cells can hand them over.")
    if custody["offer"] is not None:
        raise Refused("A hand-over is already open; the receiver scans to accept it.")
    to = moment.uuid("to")
    if to != expected:
        raise Refused("The hand-over is meant for another organisation.")
    if to == moment.author and step is not None:
        raise Refused("Nobody hands the cells over to themselves.")
    if moment.text("seal", longest=40) != custody["seal"]:
        raise Refused("The seal is not the one that was set. Keep the shipper and call QA.")
    _by_who_holds(moment, "dispatcher" if step is None and to == moment.author else None)
    if moment.body.get("personal", False) is True:
        custody["personal"] = True
    elif "personal" in moment.body or moment.protocol.judges_all:
        raise Refused("A hand-over says that custody is personal from here on; only older protocols say nothing of it.")
    person = str(moment.entry.signer.person)
    custody["offer"] = {"id": moment.uuid("handoff"), "to": to, "person": person, "step": step}


def _by_who_holds(moment: Moment, *others: str | None) -> None:
    """On the road one person of the courier holds the shipper, and nobody else gives it on, save these roles.

    `personal` of an offer makes it so for the rest of the therapy: records from before it carried that name no person,
    and stay as they were admitted. The giver writes it, so no courier leaves it out for itself.
    """
    holder = moment.state["custody"].get("person")
    signer = moment.entry.signer
    if holder is not None and str(signer.person) != holder and signer.role not in others:
        raise Refused("Another person of your organisation holds this shipper. Take it over first.")


def step_accepted(moment: Moment, step: Step) -> None:
    """The receiver named by the offer scans and accepts; at the leg's end the transport is over."""
    custody = moment.state["custody"]
    offer = _open_offer(moment)
    if offer["step"] not in step.after:
        raise Refused("This hand-over was offered for another step.")
    _accept(moment, offer)
    leg = moment.protocol.leg(step.leg or "")
    if custody["leg"] != leg.code:
        raise Refused(f"The cells are not on the leg “{leg.title}”.")
    if step.party == leg.destination:
        custody.update(leg=None, seal=None, container=None)


def transfer_accepted(moment: Moment) -> None:
    """The courier named by the offer accepts on the way, and is from then on this leg's courier.

    A colleague of who offered it takes over for the same courier.
    """
    moment.require_role("courier", "dispatcher")
    _halts_for_identity(moment)
    offer = _open_offer(moment)
    if offer["step"] is not None:
        raise Refused("This hand-over is a step of the protocol. Accept it as that step.")
    giver = moment.state["custody"]["holder"]
    _accept(moment, offer)
    for capacity in _carriers(moment.protocol, moment.state["custody"]["leg"]):
        if moment.state["parties"].get(capacity) == giver:
            moment.state["parties"][capacity] = moment.author


def _halts_for_identity(moment: Moment) -> None:
    if any(exception["kind"] in HALTING for exception in moment.state["exceptions"].values()):
        raise Refused("The therapy is halted. Keep the shipper where it is, and call QA.")


def _open_offer(moment: Moment) -> dict[str, Any]:
    """The hand-over that is open, as the record names it."""
    offer: dict[str, Any] | None = moment.state["custody"]["offer"]
    if offer is None or offer["id"] != moment.uuid("handoff"):
        raise Refused("There is no such open hand-over. The holder offers it first.")
    return offer


def _accepting(protocol: Protocol, offer: str | None) -> Step | None:
    """The step that answers an offer."""
    return next((step for step in protocol.steps if step.kind == "accept" and offer in step.after), None)


def _carriers(protocol: Protocol, leg: str) -> set[str]:
    """The capacities that carry on a leg: who accepts it without being its destination."""
    destination = protocol.leg(leg).destination
    return {step.party for step in protocol.steps if step.kind == "accept" and step.leg == leg} - {destination}


def _accept(moment: Moment, offer: dict[str, Any]) -> None:
    custody = moment.state["custody"]
    if offer["to"] != moment.author:
        raise Refused("This hand-over is meant for another organisation.")
    person = str(moment.entry.signer.person)
    if offer["person"] == person:
        raise Refused("Nobody accepts a hand-over that they offered.")
    if custody["holder"] == moment.author and custody.get("person") == person:
        raise Refused("You have this shipper already. A colleague takes it over, or the offer is taken back.")
    if moment.text("seal", longest=40) != custody["seal"]:
        raise Refused("The seal is not the one that was set. Do not accept; call QA.")
    custody["holder"], custody["offer"] = moment.author, None
    custody.pop("person", None)
    if custody.get("personal") and moment.world.party(moment.entry.party).kind == "courier":
        custody["person"] = person


def handoff_refused(moment: Moment) -> None:
    """The receiver refuses; the giver still holds the cells, and offers again once the reason is mended.

    An offer to the courier's own people is also taken back so, as kept: nobody else is there to refuse it.
    """
    state = moment.state
    offer = _open_offer(moment)
    if offer["to"] != moment.author:
        raise Refused("This hand-over is meant for another organisation.")
    if moment.text("reason") == KEPT:
        if state["custody"]["holder"] != moment.author:
            raise Refused("Only who holds the cells can keep them. Give the reason for refusing.")
        _by_who_holds(moment, "dispatcher")
    accept = _accepting(moment.protocol, offer["step"])
    moment.require_role(*(accept.roles if accept else ("courier", "dispatcher")))
    state["custody"]["offer"] = None
    if offer["step"] is not None:
        # The step is open again; how often it was recorded is kept, since its rows are numbered.
        state["undone"][offer["step"]] = state["done"].pop(offer["step"])["n"]


def material_judged(moment: Moment, step: Step) -> None:
    """The receiver judges the material once the transport's readings are on record; what it refuses, it ends."""
    custody = moment.state["custody"]
    if custody["holder"] != moment.author or custody["leg"] is not None:
        raise Refused("Only the organisation that holds the cells can accept them.")
    if step.leg not in moment.state["readings"]:
        raise Refused("The transport's readings are not on record yet. Upload the logger's file first.")


def readings_committed(moment: Moment) -> None:
    """A leg's readings, committed as a Poseidon chain and signed by its logger, once it is over (DESIGN §7, §8)."""
    if not moment.takes_part() and not moment.runs_the_consortium():
        raise Refused("Only who takes part in this therapy, or the consortium's operator, commits its readings.")
    custody = moment.state["custody"]
    leg = moment.text("leg", longest=20)
    if leg not in {known.code for known in moment.protocol.legs}:
        raise Refused(f"The protocol has no leg “{leg}”.")
    if leg in moment.state["readings"]:
        raise Refused("The readings of this leg are already committed.")
    if leg not in custody["loggers"]:
        raise Refused("Nothing was packed for this leg yet.")
    if custody["leg"] == leg and moment.state["status"] in OPEN_STATUSES:
        raise Refused("The cells are still on the way. The readings are committed after their receipt.")
    root = field_element(moment.member("root"), "The root of the readings")
    count = moment.member("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise Refused("The number of readings must be a whole number.")
    if moment.uuid("device") != custody["loggers"][leg]:
        raise Refused("These readings come from another logger than the one that was packed.")
    if not COMMITMENT.fullmatch(moment.text("series", longest=64)):
        raise Refused("The commitment to the series of readings must be 64 hexadecimal digits.")
    for name in ("first_at", "last_at"):
        if moment.member(name) is not None:
            moment.moment(name)
    _check_signature(moment.member("signature"))
    moment.state["readings"][leg] = {"root": root, "count": count, "device": moment.body["device"]}


def _check_signature(signature: Any) -> None:
    """The logger's EdDSA signature on the root, as numbers; none where the readings cannot be proven."""
    if signature is None:
        return
    if not isinstance(signature, Mapping) or set(signature) != {"r8x", "r8y", "s"}:
        raise Refused("The logger's signature has the members r8x, r8y and s.")
    for value in signature.values():
        field_element(value, "A member of the logger's signature")
