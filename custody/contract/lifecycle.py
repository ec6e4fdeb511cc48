"""Clauses of a therapy's life: ordered, approved, booked, labelled, ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from custody.contract.items import ID, MOST, check_character, item_of
from custody.contract.moment import Moment, stamp_of, uuid_text
from custody.contract.places import began_at, parties_kept, places_begun
from custody.protocols.document import Protocol, SlotSpec, Step
from ledger.clock import stamp
from ledger.log.contract import Refused

COMMITMENT = re.compile(r"[0-9a-f]{64}")
CANCEL_REASONS = frozenset({"patient_withdrew", "patient_unfit", "patient_died", "payer_declined", "other_therapy"})
FAIL_REASONS = frozenset(
    {
        "collection_failed",
        "material_refused",
        "manufacturing_failed",
        "out_of_specification",
        "identity_lost",
        "excursion",
    }
)
REPRINT_REASONS = frozenset({"damaged", "lost", "unreadable", "second_bag"})
FILLED = "filled"
"""Why labels of product bags and cassettes are printed, where labels name their items: the product was filled."""


def reprint_reasons(protocol: Protocol) -> frozenset[str]:
    """Why labels of a therapy may be printed after the first time."""
    return REPRINT_REASONS | {FILLED} if protocol.names_items else REPRINT_REASONS


def ordered(moment: Moment) -> None:
    """The order opens the therapy: protocol, centre, payer, chain of identity, commitments of who the patient is."""
    entry, state = moment.entry, moment.state
    party = moment.world.party(entry.party)
    if party.kind != "treatment_centre":
        raise Refused("Only a treatment centre orders a therapy.")
    coi = moment.text("coi", longest=14)
    match = ID.fullmatch(coi)
    if match is None or check_character(coi[:-1]) != match[4]:
        raise Refused("The chain-of-identity id is not well formed, or its check character is wrong.")
    if match[1] != party.code:
        raise Refused("The chain-of-identity id was issued by another facility.")
    payer = moment.world.party(UUID(moment.uuid("payer")))
    if payer.kind != "payer":
        raise Refused("The organisation named as payer is not a payer.")
    if moment.body.get("consent") is not True or moment.body.get("eligible") is not True:
        raise Refused("An order needs the patient's consent and the physician's statement of eligibility.")
    for path, commitment in moment.members("identity").items():
        if not isinstance(commitment, str) or not COMMITMENT.fullmatch(commitment):
            raise Refused(f"“{path}” of the patient's identity must be a commitment.")
    state.update(
        status="active",
        protocol=moment.protocol.digest,
        coi=coi,
        call_name=moment.text("call_name", longest=40),
        patient=moment.uuid("patient"),
        parties={"centre": moment.author, "payer": str(payer.id)},
        ordered_at=stamp(entry.occurred_at),
        ended_at=None,
        ended_reason="",
        done={},
        undone={},
        unraised=[],
        slots={},
        custody={"holder": None, "leg": None, "seal": None, "container": None, "loggers": {}, "offer": None},
        exceptions={},
        oos=None,
        labels=0,
        readings={},
        proofs={},
    )


def payer_decided(moment: Moment, step: Step) -> None:
    """A payer approves, or declines and so ends the therapy."""
    approved = moment.member("approved")
    if not isinstance(approved, bool):
        raise Refused("The payer's decision is yes or no.")
    if not approved:
        moment.state.update(status="declined", ended_at=stamp(moment.entry.occurred_at), ended_reason="payer_declined")


def booked(moment: Moment, step: Step) -> None:
    """A whole chain of slots, each of the right kind of organisation, in order, all or none (DESIGN §9)."""
    _take_bookings(moment, begun=0)


def _take_bookings(moment: Moment, *, begun: int) -> None:
    """Every link of the chain, in order; the first `begun` of them stay as they were booked."""
    bookings = moment.member("bookings")
    specs = moment.protocol.slots
    if not isinstance(bookings, list) or not all(isinstance(booking, Mapping) for booking in bookings):
        raise Refused("A booking is a list of slots.")
    if [booking.get("code") for booking in bookings] != [spec.code for spec in specs]:
        raise Refused("A booking holds every slot of the protocol's chain, in order.")
    parties = dict(moment.state["parties"])
    kinds = {"centre": "treatment_centre", "maker": "manufacturer", "payer": "payer"}
    last_end = None
    slots = {}
    for number, (booking, spec) in enumerate(zip(bookings, specs, strict=True), start=1):
        if number <= begun:
            slots[spec.code] = _as_booked(moment, booking, spec)
            last_end = began_at(moment.state, moment.protocol, spec) + timedelta(minutes=spec.minutes)
            continue
        uuid_text(booking.get("id"), "booking")
        uuid_text(booking.get("slot"), "slot")
        party = moment.world.party(UUID(uuid_text(booking.get("party"), "party")))
        wanted = kinds.get(spec.party, "courier")
        if party.kind != wanted:
            raise Refused(f"“{spec.title}” must be a slot of a {wanted.replace('_', ' ')}.")
        known = parties.setdefault(spec.party, str(party.id))
        if known != str(party.id):
            raise Refused(f"“{spec.title}” belongs to another organisation than the rest of the chain.")
        start, end = stamp_of(booking.get("start"), "start"), stamp_of(booking.get("end"), "end")
        if end <= start:
            raise Refused(f"“{spec.title}” ends before it starts.")
        if last_end is not None:
            gap = (start - last_end).total_seconds() / 60
            if gap < spec.gap_min_minutes or (spec.gap_max_minutes and gap > spec.gap_max_minutes):
                raise Refused(
                    f"“{spec.title}” starts {gap:.0f} min after the slot before it; the protocol allows "
                    f"{spec.gap_min_minutes} to {spec.gap_max_minutes} min."
                )
        last_end = end
        slots[spec.code] = {
            "start": stamp(start),
            "end": stamp(end),
            "party": str(party.id),
            "slot": booking["slot"],
            "id": booking["id"],
            "kind": spec.kind,
        }
    moment.state["parties"], moment.state["slots"] = parties, slots


def _as_booked(moment: Moment, booking: Mapping[str, Any], spec: SlotSpec) -> dict[str, str]:
    """A place that has begun, as the state has it. Raises Refused where the record says another."""
    held: dict[str, str] = moment.state["slots"][spec.code]
    if any(booking.get(name) != held[name] for name in ("id", "slot", "party", "start", "end")):
        raise Refused(f"“{spec.title}” has begun, so it stays as it was booked.")
    return held


def moved(moment: Moment) -> None:
    """What has not begun of the chain is booked anew, by the centre: before the collection all of it, later the rest.

    How long the next place may lie after the last that has begun counts from when that one really was.
    """
    moment.require_capacity("centre")
    moment.require_role("coordinator", "physician", "nurse")
    if not moment.state["slots"]:
        raise Refused("Nothing is booked yet, so nothing can be moved.")
    begun = places_begun(moment.state, moment.protocol)
    if begun == len(moment.protocol.slots):
        raise Refused("Everything that is booked has begun, so nothing of it can be moved.")
    moment.state["parties"] = parties_kept(moment.state, moment.protocol, begun)
    _take_bookings(moment, begun=begun)


MOST_LABELS = MOST
"""Of one print: bags and papers of one collection are far fewer."""


def _count_labels(moment: Moment) -> None:
    """Which items' labels were printed together, and how many; records from before say one of it, or neither."""
    if moment.protocol.names_items:
        items = moment.member("items")
        read = [item_of(one) if isinstance(one, str) else None for one in items] if isinstance(items, list) else []
        if not read or None in read or len(set(read)) < len(read):
            raise Refused("Say which labels are printed: each item once, such as W01.")
        if moment.body.get("copies") != len(read):
            raise Refused("The number of labels is not that of the items that are named.")
    count = moment.body.get("copies")
    if count is not None and (type(count) is not int or not 1 <= count <= MOST_LABELS):
        raise Refused(f"Say how many labels are printed: 1 to {MOST_LABELS}.")


def label_printed(moment: Moment, step: Step) -> None:
    _count_labels(moment)
    moment.state["labels"] = moment.state["labels"] + 1


def label_reprinted(moment: Moment) -> None:
    """A reprint has a reason (EU GMP Annex 11; DOMAIN, labels)."""
    moment.require_capacity("centre", "maker")
    if moment.state["labels"] == 0:
        raise Refused("No label was printed yet. Print the first one.")
    if moment.text("reason") not in reprint_reasons(moment.protocol):
        raise Refused("Give the reason of the reprint: damaged, lost, unreadable or second bag.")
    _count_labels(moment)
    moment.state["labels"] = moment.state["labels"] + 1


def outcome_recorded(moment: Moment, step: Step) -> None:
    if moment.state["status"] != "completed":
        raise Refused("An outcome is recorded after the infusion.")


def ended(moment: Moment) -> None:
    """The therapy is cancelled by its centre, or has failed as its centre or maker says."""
    if moment.state["status"] != "active":
        raise Refused("This therapy has already ended.")
    how, reason = moment.text("how"), moment.text("reason")
    if how == "cancelled" and reason in CANCEL_REASONS:
        moment.require_capacity("centre")
        moment.require_role("physician", "coordinator")
    elif how == "failed" and reason in FAIL_REASONS:
        moment.require_capacity("centre", "maker")
        moment.require_role("physician", "qa", "qp")
    else:
        raise Refused("Say whether the therapy is cancelled or has failed, with one of the known reasons.")
    moment.state.update(status=how, ended_at=stamp(moment.entry.occurred_at), ended_reason=reason)
