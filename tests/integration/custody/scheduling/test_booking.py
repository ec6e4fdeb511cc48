"""Booking, holding and moving whole slot chains: all or none, by the right people, once."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from custody.scheduling import queries
from custody.scheduling.fitting import ChainDoesNotFit
from custody.scheduling.itineraries import SlotGone, SlotsWrong
from custody.scheduling.models import Booking, Slot, SlotHold
from custody.scheduling.operations import (
    NothingMoves,
    SlotTaken,
    book_itinerary,
    hold_chain,
    move_itinerary,
    release_hold,
    sweep_holds,
    withdraw_slots,
)
from custody.scheduling.plan import Criteria
from custody.scheduling.publishing import SlotInUse
from custody.therapies.operations import end_therapy
from custody.therapies.steps import TherapyNotFound
from ledger.errors import BadInput, NotPermitted
from ledger.log import projections, storing, verification
from ledger.log.contract import Refused
from ledger.log.models import Chain, Record, RefusedAction
from ledger.log.queries import entry_in
from ledger.privacy.models import SealedPayload
from tests.integration.custody.scheduling.places import (
    AT,
    CODES,
    DAY0,
    approved_therapy,
    consortium,
    desk,
    offer_chain,
    offer_slot,
    someone,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return consortium()


@pytest.fixture
def therapy(world):
    return approved_therapy(world)


def book(world, therapy, slots, *, key="", at=AT, by=None):
    return book_itinerary(
        therapy_id=therapy, slot_ids=slots, by=by or world.coordinator, at=at, key=key or f"book-{therapy}"
    )


def everything():
    """All that a refused booking must leave as it was."""
    return (
        list(Booking.objects.order_by("pk").values_list("pk", "released_at")),
        list(Record.objects.order_by("pk").values_list("pk", flat=True)),
        list(Chain.objects.order_by("pk").values_list("pk", "head_seq", "head_hash")),
        SealedPayload.objects.count(),
        SlotHold.objects.count(),
    )


def test_a_whole_chain_is_booked_in_one_record(world, therapy):
    slots = offer_chain(world)

    record = book(world, therapy, slots)

    rows = list(Booking.objects.filter(therapy_id=therapy).order_by("starts_at"))
    assert [row.code for row in rows] == list(CODES)
    assert [row.slot_id for row in rows] == slots
    assert all(row.released_at is None and row.booked_at == AT for row in rows)
    assert record.type == "custody.itinerary.booked/v1"
    state = Chain.objects.get(subject=therapy).state
    assert state["parties"]["maker"] == str(world.maker.id)
    assert state["slots"]["bed"]["slot"] == str(slots[-1])


def test_bookings_say_what_the_record_says(world, therapy):
    """The projection, replayed from the signed bytes, gives the rows that are there."""
    record = book(world, therapy, offer_chain(world))
    chain = Chain.objects.get(subject=therapy)
    from custody.scheduling.projection import PROJECTION

    (replace_,) = PROJECTION.project(entry_in(record), record.id, chain.state, None)
    rows = {row.id: row for row in Booking.objects.filter(therapy_id=therapy)}
    assert {row.key for row in replace_.rows} == set(rows)
    for row in replace_.rows:
        assert {name: getattr(rows[row.key], name) for name in row.values} == dict(row.values)
    assert PROJECTION in projections.projections_for("therapy")


@pytest.mark.parametrize("link", range(7))
def test_when_one_slot_is_taken_nothing_is_booked_and_fresh_chains_are_offered(world, therapy, link):
    slots, other = offer_chain(world), offer_chain(world, line="B")
    book(world, approved_therapy(world), [*other[:link], slots[link], *other[link + 1 :]])
    before = everything()

    with pytest.raises(SlotTaken) as lost:
        book(world, therapy, slots)

    assert everything() == before
    assert lost.value.field == "slots"
    assert "was taken a moment ago" in lost.value.message
    taken = set(Booking.objects.values_list("slot_id", flat=True))
    assert lost.value.slot == slots[link]
    assert lost.value.alternatives
    assert all(not taken & set(offer.slot_ids) for offer in lost.value.alternatives)
    assert RefusedAction.objects.get().code == "SlotTaken"


def test_the_alternatives_of_a_lost_race_can_be_booked(world, therapy):
    slots = offer_chain(world)
    offer_chain(world, day=1)
    book(world, approved_therapy(world), slots)

    with pytest.raises(SlotTaken) as lost:
        book(world, therapy, slots)
    book(world, therapy, lost.value.alternatives[0].slot_ids, key="book-0002")

    assert Booking.objects.filter(therapy_id=therapy).count() == 7


def test_the_same_request_again_gives_the_same_record(world, therapy):
    slots, by = offer_chain(world), world.coordinator
    first = book(world, therapy, slots, by=by)
    assert book(world, therapy, slots, by=by) == first
    assert Booking.objects.count() == 7


def test_a_second_booking_is_refused_by_the_shared_rules(world, therapy):
    book(world, therapy, offer_chain(world))
    with pytest.raises(Refused, match="already on record"):
        book(world, therapy, offer_chain(world, day=1), key="book-0002")
    assert Booking.objects.count() == 7


def test_a_fault_while_the_record_is_written_leaves_nothing(world, therapy, monkeypatch):
    """Each operation has its test that breaks the record write and finds nothing changed (STYLE 10)."""
    slots = offer_chain(world)
    hold_chain(therapy_id=therapy, slots=slots, by=world.coordinator, at=AT)
    before = everything()

    write = storing.write

    def broken(statements):
        write(list(statements)[:-1])
        raise OSError("the disk is full")

    monkeypatch.setattr(storing, "write", broken)
    with pytest.raises(OSError, match="disk is full"):
        book(world, therapy, slots)

    assert everything() == before


def _wrong(world, slots):
    """Requests that are no whole chain, with what is said of them."""
    early = offer_slot(world, "manufacturing", 15, resource="suite B")
    stranger = offer_slot(world, "manufacturing", 33, resource="suite X", party=world.other_maker)
    return [
        (slots[:-1], SlotsWrong, "one slot for each of the 7"),
        ([*slots[:-1], slots[0]], SlotsWrong, "one slot for each of the 7"),
        ([*slots[:-1], uuid4()], SlotGone, "no longer offered"),
        ([slots[1], slots[0], *slots[2:]], SlotGone, "too short"),
        (
            [*slots[:2], early, *slots[3:]],
            ChainDoesNotFit,
            "would start 0 min after “Pickup at the centre” ends; 6 h to 63 h",
        ),
        ([*slots[:2], stranger, *slots[3:]], Refused, "another organisation than the rest"),
    ]


@pytest.mark.parametrize("case", range(6))
def test_slots_that_are_no_whole_chain_are_refused(world, therapy, case):
    slots, error, said = _wrong(world, offer_chain(world))[case]
    before = everything()
    with pytest.raises(error, match=said):
        book(world, therapy, slots)
    assert everything() == before


def test_a_chain_that_has_begun_cannot_be_booked(world, therapy):
    with pytest.raises(SlotGone, match="begun already"):
        book(world, therapy, offer_chain(world), at=DAY0 + timedelta(hours=9))


def test_a_withdrawn_slot_cannot_be_booked(world, therapy):
    slots = offer_chain(world)
    assert withdraw_slots(slot_ids=[slots[2]], by=desk(world.maker), at=AT) == 1
    with pytest.raises(SlotGone, match="no longer offered"):
        book(world, therapy, slots)


WHO = [
    ("coordinator", "centre", None),
    ("physician", "centre", None),
    ("nurse", "centre", Refused),
    ("cell_lab", "centre", NotPermitted),
    ("scheduler", "maker", NotPermitted),
    ("dispatcher", "courier", NotPermitted),
    ("payer_analyst", "payer", NotPermitted),
]


@pytest.mark.parametrize(("role", "member", "error"), WHO)
def test_who_may_book(world, therapy, role, member, error):
    slots, by = offer_chain(world), someone(role, getattr(world, member))
    if error is None:
        assert book(world, therapy, slots, by=by)
        return
    with pytest.raises(error):
        book(world, therapy, slots, by=by)
    assert not Booking.objects.exists()


def test_a_coordinator_of_another_centre_does_not_find_the_therapy(world, therapy):
    from tests.factories.people import organisation

    stranger = someone("coordinator", organisation("treatment_centre", 2))
    slots = offer_chain(world)
    for act in (
        lambda: book(world, therapy, slots, by=stranger),
        lambda: hold_chain(therapy_id=therapy, slots=slots, by=stranger, at=AT),
        lambda: release_hold(therapy_id=therapy, by=stranger, at=AT),
        lambda: queries.offers(therapy=therapy, by=stranger, criteria=Criteria(AT), at=AT),
        lambda: queries.held_chain(therapy=therapy, by=stranger, at=AT),
        lambda: queries.itinerary(therapy_id=therapy, by=stranger),
    ):
        with pytest.raises(TherapyNotFound):
            act()


def test_a_hold_keeps_others_out_until_it_ends(world, therapy):
    slots, rival = offer_chain(world), approved_therapy(world)
    held = hold_chain(therapy_id=therapy, slots=slots, by=world.coordinator, at=AT, minutes=12)
    assert held.expires_at == AT + timedelta(minutes=12)
    assert held.offer.slot_ids == tuple(slots)

    with pytest.raises(SlotTaken):
        book(world, rival, slots, at=AT + timedelta(minutes=11))
    with pytest.raises(SlotTaken):
        hold_chain(therapy_id=rival, slots=slots, by=world.coordinator, at=AT + timedelta(minutes=11))
    assert book(world, rival, slots, key="book-0002", at=AT + timedelta(minutes=12))


def test_a_hold_does_not_stand_in_its_own_way_and_goes_with_the_booking(world, therapy):
    slots = offer_chain(world)
    hold_chain(therapy_id=therapy, slots=slots, by=world.coordinator, at=AT)
    assert queries.held_chain(therapy=therapy, by=world.coordinator, at=AT).offer.slot_ids == tuple(slots)
    assert queries.offers(therapy=therapy, by=world.coordinator, criteria=Criteria(AT), at=AT).fitting == 1

    book(world, therapy, slots)

    assert not SlotHold.objects.exists()
    assert queries.held_chain(therapy=therapy, by=world.coordinator, at=AT) is None


def test_holding_another_chain_lets_the_first_go(world, therapy):
    first, second = offer_chain(world), offer_chain(world, day=1)
    hold_chain(therapy_id=therapy, slots=first, by=world.coordinator, at=AT)
    hold_chain(therapy_id=therapy, slots=second, by=world.coordinator, at=AT)
    assert set(SlotHold.objects.values_list("slot_id", flat=True)) == set(second)
    assert release_hold(therapy_id=therapy, by=world.coordinator, at=AT) == 7
    assert not SlotHold.objects.exists()


def test_expired_holds_are_swept_and_live_ones_are_kept(world, therapy):
    hold_chain(therapy_id=therapy, slots=offer_chain(world), by=world.coordinator, at=AT, minutes=10)
    assert sweep_holds(at=AT + timedelta(minutes=9)) == 0
    assert sweep_holds(at=AT + timedelta(minutes=10)) == 7


def test_a_hold_lasts_an_hour_at_most(world, therapy):
    with pytest.raises(BadInput, match="1 to 60 minutes"):
        hold_chain(therapy_id=therapy, slots=offer_chain(world), by=world.coordinator, at=AT, minutes=61)


def test_two_starts_of_one_bed_that_overlap_share_it(world, therapy):
    """A bed is taken for the whole stay: a start on the next day is no second place."""
    slots = offer_chain(world)
    next_day = offer_slot(world, "bed", 793 + 24, resource="bed A1")
    book(world, therapy, slots)
    other = offer_chain(world, day=1)

    with pytest.raises(SlotTaken, match="bed A1"):
        book(world, approved_therapy(world), [*other[:-1], next_day], key="book-0002")
    later = offer_slot(world, "bed", 793 + 14 * 24, resource="bed A1")
    assert book(world, approved_therapy(world), [*other[:-1], later], key="book-0003")


def move(world, therapy, slots, *, key="move-0001", by=None, reason="patient", at=AT):
    return move_itinerary(therapy_id=therapy, slot_ids=slots, reason=reason, by=by or world.coordinator, at=at, key=key)


def test_a_moved_chain_frees_its_old_places_and_says_every_knock_on(world, therapy):
    old, new = offer_chain(world), offer_chain(world, day=2)
    book(world, therapy, old)

    moved = move(world, therapy, new)

    assert set(Booking.objects.values_list("slot_id", flat=True)) == set(new)
    assert [change.days for change in moved.knock_on.changes] == [2] * 7
    assert moved.knock_on.infusion_days == 2
    assert "Infusion 2 days later." in [effect.finding for effect in moved.knock_on.effects]
    assert {told.party for told in moved.knock_on.told} == {
        world.centre.id, world.courier.id, world.maker.id, world.payer.id,
    }  # fmt: skip
    assert book(world, approved_therapy(world), old, key="book-0002")


def test_moving_one_link_tells_only_those_it_concerns(world, therapy):
    slots = offer_chain(world)
    book(world, therapy, slots)
    bed = offer_slot(world, "bed", 793 + 48, resource="bed 9")
    wanted = [*slots[:-1], bed]

    effects = queries.knock_on(therapy_id=therapy, slot_ids=wanted, by=world.coordinator, at=AT)

    assert [change.code for change in effects.changes if change.is_changed] == ["bed"]
    assert [told.name for told in effects.told] == [world.centre.name, world.payer.name]
    assert set(Booking.objects.values_list("slot_id", flat=True)) == set(slots), "a preview changes nothing"
    move(world, therapy, wanted)
    assert set(Booking.objects.values_list("slot_id", flat=True)) == set(wanted)


def test_a_move_may_change_the_maker_and_tells_the_one_who_loses_it(world, therapy):
    slots = offer_chain(world)
    book(world, therapy, slots)
    other = [
        offer_slot(world, kind, hours, resource=f"{kind} X", party=world.other_maker)
        for kind, hours in (("manufacturing", 33), ("testing", 281), ("release_review", 625))
    ]

    moved = move(world, therapy, [*slots[:2], *other, *slots[5:]])

    told = {heard.party for heard in moved.knock_on.told}
    assert {world.maker.id, world.other_maker.id} <= told
    assert Chain.objects.get(subject=therapy).state["parties"]["maker"] == str(world.other_maker.id)


def test_moves_that_are_refused_leave_the_booking(world, therapy):
    slots, new = offer_chain(world), offer_chain(world, day=2)
    book(world, therapy, slots)
    book(world, approved_therapy(world), new, key="book-0002")
    before = everything()

    with pytest.raises(SlotTaken):
        move(world, therapy, new)
    with pytest.raises(NothingMoves):
        move(world, therapy, slots, key="move-0002")
    with pytest.raises(BadInput, match="whose plans"):
        move(world, therapy, new, key="move-0003", reason="a long story about Mrs X")
    with pytest.raises(NotPermitted):
        move(world, therapy, new, key="move-0004", by=someone("scheduler", world.maker))

    assert everything() == before


def test_nothing_moves_before_anything_is_booked(world, therapy):
    with pytest.raises(Refused, match="Nothing is booked yet"):
        move(world, therapy, offer_chain(world))


def test_a_cancelled_therapy_gives_back_what_lies_ahead(world, therapy):
    slots = offer_chain(world)
    book(world, therapy, slots)
    ends = DAY0 + timedelta(hours=20)  # after the collection and the pickup

    end_therapy(
        therapy=therapy, how="cancelled", reason="patient_unfit", by=someone("physician", world.centre), at=ends,
        key="cancel-0001",
    )  # fmt: skip

    rows = {row.code: row.released_at for row in Booking.objects.filter(therapy_id=therapy)}
    assert rows == {code: None if code in {"apheresis", "pickup"} else ends for code in CODES}
    free = queries.room_this_week(by=someone("scheduler", world.maker), at=DAY0 + timedelta(hours=21))
    assert sum(day.free for row in free.rows for day in row.days) == 1


def test_verification_replays_booking_move_and_end_and_names_a_row_that_was_changed(world, therapy):
    book(world, therapy, offer_chain(world))
    move(world, therapy, offer_chain(world, day=2))
    end_therapy(
        therapy=therapy, how="cancelled", reason="patient_unfit", by=someone("physician", world.centre), at=AT,
        key="cancel-0001",
    )  # fmt: skip
    assert list(verification.check_chains(lambda what, count: None)) == []

    Booking.objects.filter(code="bed").update(released_at=None)

    found = list(verification.check_chains(lambda what, count: None))
    assert [finding.table for finding in found] == ["custody_booking"]


def test_slots_with_bookings_can_be_neither_withdrawn_nor_cut(world, therapy):
    slots = offer_chain(world)
    book(world, therapy, slots)
    with pytest.raises(SlotInUse, match="ask the centre to move"):
        withdraw_slots(slot_ids=[slots[2]], by=desk(world.maker), at=AT)
    assert Slot.objects.get(pk=slots[2]).published


def test_an_actor_of_two_rooms_cannot_slip_in_by_permissions_alone(world, therapy):
    """The permission without the organisation is not enough."""
    slots = offer_chain(world)
    forged = replace(someone("scheduler", world.maker), permissions=frozenset({"itinerary.book"}))
    with pytest.raises(TherapyNotFound):
        book(world, therapy, slots, by=forged)
