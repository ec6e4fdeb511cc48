"""Publishing slots: in bulk, again without harm, by the organisation that has the place."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from custody.scheduling.models import Slot
from custody.scheduling.operations import (
    NewSlot,
    SlotInUse,
    book_itinerary,
    declare_lane,
    declare_site,
    publish_slots,
    withdraw_slots,
)
from custody.scheduling.publishing import SlotsNotFound
from ledger.errors import BadInput, NotPermitted
from tests.integration.custody.scheduling.places import (
    AT,
    DAY0,
    LONG,
    approved_therapy,
    consortium,
    desk,
    offer_chain,
    someone,
)

pytestmark = pytest.mark.django_db
ONE = NewSlot("manufacturing", "suite B", DAY0, DAY0 + timedelta(days=14), 2)


@pytest.fixture
def world():
    return consortium()


def publish(world, *slots, by=None):
    return publish_slots(slots=slots, by=by or desk(world.maker), at=AT)


def test_publishing_again_changes_nothing_and_finds_the_same_slots(world):
    many = [replace(ONE, starts_at=DAY0 + timedelta(hours=n), ends_at=DAY0 + timedelta(days=99)) for n in range(1200)]
    first = publish(world, *many)
    again = publish(world, *many)
    assert (first.created, first.changed, first.unchanged) == (1200, 0, 0)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 1200)
    assert first.ids == again.ids
    assert Slot.objects.count() == 1200


def test_publishing_with_other_numbers_changes_the_slot(world):
    publish(world, ONE)
    assert publish(world, replace(ONE, capacity=3)).changed == 1
    assert Slot.objects.get().capacity == 3


def test_a_withdrawn_slot_comes_back_when_it_is_published_again(world):
    (slot,) = publish(world, ONE).ids
    assert withdraw_slots(slot_ids=[slot], by=desk(world.maker), at=AT) == 1
    assert not Slot.objects.get().published
    assert publish(world, ONE).changed == 1
    assert Slot.objects.get().published


def test_a_change_never_takes_a_booked_place_away(world):
    slots = offer_chain(world, capacity=2)
    for number in range(2):
        book_itinerary(
            therapy_id=approved_therapy(world), slot_ids=[*slots], by=world.coordinator, at=AT, key=f"book-000{number}"
        )
    row = Slot.objects.get(pk=slots[2])
    same = NewSlot(row.kind, row.resource, row.starts_at, row.ends_at, 2)

    for worse in (replace(same, capacity=1), replace(same, ends_at=row.starts_at + timedelta(days=9))):
        with pytest.raises(SlotInUse, match="has 2 booked"):
            publish(world, worse)
    assert (
        publish(world, replace(same, ends_at=row.starts_at + timedelta(hours=LONG["manufacturing"] + 9))).changed == 1
    )
    assert Slot.objects.get(pk=slots[2]).capacity == 2


WRONG = [
    (replace(ONE, ends_at=DAY0), BadInput, "ends before it starts"),
    (replace(ONE, capacity=0), BadInput, "capacity is 1 to 1,000"),
    (replace(ONE, resource=" "), BadInput, "at most 60 characters"),
    (replace(ONE, resource="x" * 61), BadInput, "at most 60 characters"),
    (replace(ONE, starts_at=datetime(2026, 11, 30)), BadInput, "need a zone"),
    (replace(ONE, kind="bed"), NotPermitted, "offers no slots of the kind: bed"),
    (replace(ONE, kind="spaceship"), NotPermitted, "offers no slots of the kind: spaceship"),
]


@pytest.mark.parametrize(("slot", "error", "said"), WRONG)
def test_slots_that_are_not_right_are_refused_with_all_that_came_with_them(world, slot, error, said):
    with pytest.raises(error, match=said):
        publish(world, replace(ONE, resource="suite A"), slot)
    assert not Slot.objects.exists()


def test_the_same_place_twice_is_refused(world):
    with pytest.raises(BadInput, match="same place at the same time"):
        publish(world, ONE, replace(ONE, capacity=9))


def test_only_those_who_may_publish_do_and_only_their_own(world):
    with pytest.raises(NotPermitted):
        publish(world, ONE, by=someone("operator", world.maker))
    (slot,) = publish(world, ONE).ids
    with pytest.raises(SlotsNotFound):
        withdraw_slots(slot_ids=[slot], by=desk(world.other_maker), at=AT)
    with pytest.raises(NotPermitted):
        declare_site(protocol_code="cd19-fresh", by=desk(world.centre))
    with pytest.raises(NotPermitted):
        declare_lane(centre=world.centre.id, maker=world.maker.id, transit_minutes=60, by=desk(world.maker))
