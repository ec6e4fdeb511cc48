"""What each organisation sees of slots and bookings, and how many queries that takes."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from custody.scheduling import queries
from custody.scheduling.models import Booking
from custody.scheduling.operations import book_itinerary, hold_chain
from custody.scheduling.plan import Criteria, Sort
from custody.scheduling.publishing import declare_lane, declare_site
from custody.scheduling.weeks import weeks_ahead
from custody.therapies.models import Therapy
from ledger.errors import BadInput, NotPermitted
from tests.factories.people import organisation
from tests.integration.custody.scheduling.places import (
    AT,
    DAY0,
    approved_therapy,
    consortium,
    desk,
    offer_chain,
    offer_slot,
    someone,
)

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 30)


@pytest.fixture
def world():
    return consortium()


@pytest.fixture
def booked(world):
    therapy = approved_therapy(world)
    slots = offer_chain(world)
    book_itinerary(therapy_id=therapy, slot_ids=slots, by=world.coordinator, at=AT, key="book-0001")
    return therapy


def search(world, therapy, **criteria):
    return queries.offers(therapy=therapy, by=world.coordinator, criteria=Criteria(AT, **criteria), at=AT)


def test_the_search_offers_what_is_free_and_counts_what_lies_outside_the_window(world):
    therapy = approved_therapy(world)
    slots = offer_chain(world)
    offer_chain(world, day=9)

    found = search(world, therapy, fit_until=DAY0 + timedelta(days=3))

    assert [offer.slot_ids for offer in found.offers] == [tuple(slots)]
    assert (found.fitting, found.outside) == (1, 1)
    offer = found.offers[0]
    assert (offer.hold_max_hours, offer.hold_hours) == (72, 20)
    assert offer.infusion_at == offer.slots[-1].starts_at + timedelta(minutes=7320)
    assert [effect.kind for effect in offer.effects] == ["hold", "gate", "release"]
    assert offer.effects[1].more == "It stays locked until the product is accepted here."
    assert [told.name for told in offer.told][-1] == world.payer.name


def test_booked_and_held_places_are_not_offered_to_others(world, booked):
    rival, slots = approved_therapy(world), offer_chain(world, line="B")
    assert [offer.slot_ids for offer in search(world, rival).offers] == [tuple(slots)]
    hold_chain(therapy_id=rival, slots=slots, by=world.coordinator, at=AT)

    found = search(world, approved_therapy(world))

    assert not found.offers
    assert found.reason == "No free place for “Apheresis” from Tue 24 Nov; none later is published."


def test_only_makers_that_make_the_product_are_searched_once_one_has_said_so(world):
    therapy = approved_therapy(world)
    offer_chain(world)
    for kind, hours in (("manufacturing", 33), ("testing", 281), ("release_review", 625)):
        offer_slot(world, kind, hours, resource=f"{kind} X", party=world.other_maker)
    assert search(world, therapy).fitting == 2

    declare_site(protocol_code="cd19-fresh", by=desk(world.other_maker))
    assert {offer.maker.id for offer in search(world, therapy).offers} == {world.other_maker.id}
    assert "does not make this product" in search(world, therapy, maker=world.maker.id).reason

    other_centre = organisation("treatment_centre", 2).id
    declare_site(protocol_code="cd19-fresh", by=desk(world.maker), centre=other_centre)
    assert {offer.maker.id for offer in search(world, therapy).offers} == {world.other_maker.id}


def test_a_courier_drives_its_lanes_in_no_less_than_they_take(world):
    therapy = approved_therapy(world)
    offer_chain(world)
    by = desk(world.courier)
    declare_lane(centre=world.centre.id, maker=world.other_maker.id, transit_minutes=120, by=by)
    assert not search(world, therapy).offers
    assert "No courier serves your centre" in search(world, therapy, maker=world.maker.id).reason

    declare_lane(centre=world.centre.id, maker=world.maker.id, transit_minutes=18 * 60, by=by)
    assert search(world, therapy).fitting == 1
    declare_lane(centre=world.centre.id, maker=world.maker.id, transit_minutes=18 * 60 + 1, by=by)
    assert not search(world, therapy).offers


def test_the_search_takes_as_many_queries_for_many_slots_as_for_few(world):
    therapy = approved_therapy(world)
    offer_chain(world)
    with CaptureQueriesContext(connection) as few:
        search(world, therapy)
    for day in range(1, 12):
        offer_chain(world, day=day)
    with CaptureQueriesContext(connection) as many:
        found = search(world, therapy, sort=Sort.SLACK, limit=9)
    assert found.fitting == 12
    assert len(many) == len(few) <= 11


def test_room_this_week_counts_free_places_by_day(world, booked):
    offer_slot(world, "apheresis", 8, resource="chair 2", capacity=2)
    offer_slot(world, "apheresis", 32, resource="chair 2")
    offer_slot(world, "bed", 34, resource="ward 4, bed 7")
    offer_slot(world, "bed", 34, resource="ward 4, bed 8")
    offer_slot(world, "manufacturing", 34, resource="suite X", party=world.other_maker)

    room = queries.room_this_week(by=world.coordinator, at=DAY0 + timedelta(hours=7))

    assert (room.days[0], room.today, len(room.days)) == (MONDAY, MONDAY, 7)
    rows = {row.title: [(day.places, day.free) for day in row.days[:3]] for row in room.rows}
    assert rows == {
        "Apheresis": [(3, 2), (1, 1), (0, 0)],
        "Ward 4 beds": [(0, 0), (2, 2), (0, 0)],
        "Maker starts": [(0, 0), (2, 1), (0, 0)],
    }
    assert room.first_day == MONDAY + timedelta(days=1)
    assert room.rows[-1].title == "Maker starts"
    assert room.rows[0].days[2].is_shut


def test_a_bed_that_is_slept_in_has_no_room_on_later_days(world, booked):
    stay = Booking.objects.get(code="bed")
    offer_slot(world, "bed", 793 + 24, resource="bed A1")
    room = queries.room_this_week(by=world.coordinator, at=stay.starts_at)
    (beds,) = [row for row in room.rows if row.kind == "bed"]
    assert sum(day.free for day in beds.days) == 0
    assert sum(day.places for day in beds.days) == 2


def test_the_weeks_ahead_say_how_much_of_each_kind_can_still_be_booked(world, booked):
    offer_slot(world, "manufacturing", 57, resource="suite B", capacity=2)
    offer_slot(world, "manufacturing", 57 + 14 * 24, resource="suite B")
    rival, held = approved_therapy(world), offer_chain(world, line="B")
    hold_chain(therapy_id=rival, slots=held, by=world.coordinator, at=AT)

    found = weeks_ahead(by=someone("scheduler", world.maker), at=AT, count=4)

    assert found.kinds[0] == "manufacturing"
    starts = {monday: rooms[0] for monday, rooms in found.weeks}
    assert list(starts) == [MONDAY + timedelta(days=days) for days in (-7, 0, 7, 14)]
    assert [(room.capacity, room.booked, room.free) for room in starts.values()] == [
        (0, 0, 0),
        (4, 1, 2),
        (0, 0, 0),
        (1, 0, 1),
    ]


def test_what_is_over_cannot_be_booked_any_more(world):
    offer_slot(world, "manufacturing", 10, resource="suite B")
    found = weeks_ahead(by=someone("scheduler", world.maker), at=DAY0 + timedelta(hours=11), count=1)
    assert [(room.capacity, room.free) for _, rooms in found.weeks for room in rooms] == [(1, 0)]


def test_the_capacity_board_shows_who_has_each_start(world, booked):
    offer_slot(world, "manufacturing", 57, resource="suite B", capacity=2)
    rival, held = approved_therapy(world), offer_chain(world, line="B")
    hold_chain(therapy_id=rival, slots=held, by=world.coordinator, at=AT)

    board = queries.capacity_board(by=someone("scheduler", world.maker), week=date(2026, 12, 3), at=AT)

    assert board.days[0] == MONDAY
    cells = {row.resource: [slot for day in row.days for slot in day] for row in board.rows}
    (mine,), (theirs,), (empty,) = cells["manufacturing A1"], cells["manufacturing B1"], cells["suite B"]
    therapy = Therapy.objects.get(pk=booked)
    assert [(one.call_name, one.coi) for one in mine.booked] == [(therapy.call_name, therapy.coi)]
    assert [(slot.free, slot.held) for slot in (mine, theirs, empty)] == [(0, 0), (0, 1), (2, 0)]
    assert (board.capacity, board.booked, board.used_percent) == (4, 1, 25)


CALENDARS = [
    ("coordinator", "centre", 7, 2),
    ("scheduler", "maker", 7, 3),
    ("dispatcher", "courier", 2, 2),
    ("payer_analyst", "payer", 7, 0),
    ("scheduler", "other_maker", 0, 0),
]


@pytest.mark.parametrize(("role", "member", "seen", "own"), CALENDARS)
def test_the_calendar_shows_each_organisation_what_concerns_it(world, booked, role, member, seen, own):
    by = someone(role, getattr(world, member))
    entries = queries.calendar(by=by, start=DAY0, end=DAY0 + timedelta(days=60))
    assert len(entries) == seen
    assert sum(entry.is_own for entry in entries) == own
    assert all(entry.therapy.therapy == booked and entry.therapy.coi for entry in entries)


def test_an_inspector_sees_every_booking_and_a_steward_none(world, booked):
    inspector = someone("inspector", organisation("regulator"))
    assert len(queries.calendar(by=inspector, start=DAY0, end=DAY0 + timedelta(days=60))) == 7
    steward = someone("operator_steward", organisation("operator"))
    with pytest.raises(NotPermitted):
        queries.calendar(by=steward, start=DAY0, end=DAY0 + timedelta(days=60))


def test_a_calendar_takes_four_queries_and_a_bounded_time(world, booked):
    by = world.coordinator
    with CaptureQueriesContext(connection) as asked:
        queries.calendar(by=by, start=DAY0, end=DAY0 + timedelta(days=60))
    assert len(asked) <= 4
    with pytest.raises(BadInput, match="one day to one year"):
        queries.calendar(by=by, start=DAY0, end=DAY0 + timedelta(days=371))


def test_an_itinerary_shows_the_whole_chain_and_a_courier_its_part(world, booked):
    whole = queries.itinerary(therapy_id=booked, by=world.coordinator)
    assert [slot.code for slot in whole][:3] == ["apheresis", "pickup", "manufacturing"]
    assert whole[1].to_next_minutes == 18 * 60
    assert whole[2].party_name == world.maker.name
    part = queries.itinerary(therapy_id=booked, by=someone("courier", world.courier))
    assert [slot.code for slot in part] == ["pickup", "return"]
