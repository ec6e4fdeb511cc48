"""How records become bookings, and how many places overlapping stays take."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.scheduling.places import most_at_once
from custody.scheduling.projection import project
from ledger.clock import stamp
from ledger.ids import derived

T0 = datetime(2026, 12, 1, 8, tzinfo=UTC)
THERAPY = uuid4()
HOURS = {"apheresis": 0, "manufacturing": 25, "bed": 700}


def state(status, ended_after=None):
    slots = {
        code: {"id": str(derived("booking", code)), "start": stamp(T0 + timedelta(hours=hours))}
        for code, hours in HOURS.items()
    }
    ended_at = stamp(T0 + timedelta(hours=ended_after)) if ended_after is not None else None
    return {"status": status, "slots": slots, "ended_at": ended_at}


def changes(kind, after):
    entry = SimpleNamespace(type=kind, subject=THERAPY, occurred_at=T0, body={})
    return list(project(entry, uuid4(), after, None))


ENDINGS = [
    ("custody.therapy.ended/v1", "cancelled"),
    ("custody.payer.decided/v1", "declined"),
    ("custody.material.accepted/v1", "failed"),
    ("manufacturing.batch.released/v1", "failed"),
]


@pytest.mark.parametrize(("kind", "status"), ENDINGS)
@pytest.mark.parametrize(("ended_after", "freed"), [(-1, set(HOURS)), (10, {"manufacturing", "bed"}), (800, set())])
def test_whatever_ends_a_therapy_frees_the_places_that_lie_ahead(kind, status, ended_after, freed):
    found = changes(kind, state(status, ended_after))
    assert {change.key for change in found} == {derived("booking", code) for code in freed}
    assert all(change.values == {"released_at": T0 + timedelta(hours=ended_after)} for change in found)


def test_a_record_after_the_end_writes_the_same_again():
    ended = state("cancelled", 10)
    assert changes("custody.exception.opened/v1", ended) == changes("custody.therapy.ended/v1", ended)


@pytest.mark.parametrize("status", ["active", "completed"])
def test_a_therapy_that_goes_on_or_is_infused_keeps_its_places(status):
    assert changes("custody.infusion.performed/v1", state(status, 10 if status == "completed" else None)) == []


def test_a_therapy_declined_before_it_was_booked_has_nothing_to_free():
    assert changes("custody.payer.decided/v1", state("declined", 0) | {"slots": {}}) == []


def test_a_move_writes_every_booking_anew():
    booking = {
        "id": str(uuid4()), "code": "bed", "slot": str(uuid4()), "party": str(uuid4()), "start": stamp(T0),
        "end": stamp(T0 + timedelta(days=14)),
    }  # fmt: skip
    entry = SimpleNamespace(
        type="custody.itinerary.moved/v1", subject=THERAPY, occurred_at=T0, body={"bookings": [booking]}
    )
    (change,) = project(entry, uuid4(), state("active"), None)
    assert change.scope == {"therapy_id": THERAPY}
    (row,) = change.rows
    assert (row.key, row.values["slot_id"]) == (UUID(booking["id"]), UUID(booking["slot"]))
    assert (row.values["ends_at"], row.values["released_at"]) == (T0 + timedelta(days=14), None)


STAYS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 15)).map(lambda pair: (pair[0], sum(pair))), max_size=9)


@given(STAYS, st.integers(0, 30), st.integers(1, 20))
def test_the_most_stays_at_once_is_what_counting_each_hour_gives(stays, start, length):
    def hour(number):
        return T0 + timedelta(hours=number)

    counted = [sum(begins <= now < ends for begins, ends in stays) for now in range(start, start + length)]
    assert most_at_once([(hour(b), hour(e)) for b, e in stays], hour(start), hour(start + length)) == max(counted)
