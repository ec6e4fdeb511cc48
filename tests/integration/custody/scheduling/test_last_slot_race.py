"""Many clients on the last slot at once, on PostgreSQL: SQLite, with its single writer, would hide a double booking."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier, local

import pytest
from django.db import connections

from custody.scheduling.models import Booking, SlotHold
from custody.scheduling.operations import SlotTaken, book_itinerary, hold_chain
from ledger.log.models import Chain, Record, RefusedAction
from ledger.privacy.models import SealedPayload
from tests.integration.custody.scheduling.places import (
    AT,
    HOURS,
    approved_therapy,
    consortium,
    offer_chain,
    offer_slot,
)

pytestmark = pytest.mark.postgres
CLIENTS = 50
BOOKED = "custody.itinerary.booked/v1"


@pytest.fixture(scope="module")
def world(on_postgres):
    return consortium()


def race(attempts, act):
    """Run `act(attempt)` for all attempts on fifty threads with a connection each, starting together."""
    together, mine = Barrier(min(CLIENTS, len(attempts))), local()

    def run(attempt):
        if not hasattr(mine, "started"):
            mine.started = True
            connections["default"].ensure_connection()
            together.wait(timeout=60)
        try:
            return act(attempt)
        except SlotTaken as lost:
            return lost

    def close():
        connections.close_all()

    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        outcomes = list(pool.map(run, attempts))
        # Each thread closes its own connection; the barrier sees to it that every one of them takes part.
        gate = Barrier(min(CLIENTS, len(attempts)))
        list(pool.map(lambda _: (gate.wait(timeout=60), close()), range(gate.parties)))
    return outcomes


def booker(world):
    by = world.coordinator

    def act(attempt):
        therapy, slots = attempt
        return book_itinerary(therapy_id=therapy, slot_ids=slots, by=by, at=AT, key=f"book-{therapy}")

    return act


def check_nothing_half_done(therapies, winners, sealed_before):
    """Winners have a whole chain and one record each; losers nothing but an entry in the audit trail."""
    subjects = [str(therapy) for therapy in therapies]
    heads = dict(Chain.objects.filter(kind="therapy").values_list("subject", "head_seq"))
    booked = Counter(Booking.objects.filter(released_at=None).values_list("therapy_id", flat=True))
    records = Counter(Record.objects.filter(type=BOOKED).values_list("chain__subject", flat=True))
    for therapy in therapies:
        won = therapy in winners
        assert (booked[therapy], records[therapy], heads[therapy]) == ((7, 1, 2) if won else (0, 0, 1))
    assert SealedPayload.objects.count() - sealed_before == len(winners)
    assert RefusedAction.objects.filter(code="SlotTaken", subject__in=subjects).count() == len(therapies) - len(winners)


def winners_of(therapies, outcomes):
    assert all(isinstance(outcome, Record | SlotTaken) for outcome in outcomes)
    return {therapy for therapy, outcome in zip(therapies, outcomes, strict=True) if isinstance(outcome, Record)}


def test_fifty_clients_on_the_last_slot_at_once_and_one_wins(world):
    slots = offer_chain(world, line="last", capacity=CLIENTS, scarce="manufacturing", places=1)
    offer_chain(world, line="last", day=1, capacity=CLIENTS)
    therapies = [approved_therapy(world) for _ in range(CLIENTS)]
    sealed = SealedPayload.objects.count()

    outcomes = race([(therapy, slots) for therapy in therapies], booker(world))

    winners = winners_of(therapies, outcomes)
    assert len(winners) == 1
    check_nothing_half_done(therapies, winners, sealed)
    lost = [outcome for outcome in outcomes if isinstance(outcome, SlotTaken)]
    assert all(slots[2] not in offer.slot_ids for one in lost for offer in one.alternatives)
    assert all(one.alternatives and one.slot == slots[2] for one in lost)


def test_154_contenders_for_twenty_places_and_twenty_win(world):
    slots = offer_chain(world, line="twenty", capacity=200, scarce="apheresis", places=20)
    therapies = [approved_therapy(world) for _ in range(154)]
    sealed = SealedPayload.objects.count()

    outcomes = race([(therapy, slots) for therapy in therapies], booker(world))

    winners = winners_of(therapies, outcomes)
    assert len(winners) == 20
    assert Booking.objects.filter(slot_id=slots[0], released_at=None).count() == 20
    check_nothing_half_done(therapies, winners, sealed)


def test_one_bed_with_a_start_on_each_day_takes_one_patient(world):
    """The contenders share no slot at all, only the bed: a lock on the wanted slots alone would let several in."""
    lines = [offer_chain(world, line=f"bed {number} ")[:-1] for number in range(12)]
    beds = [offer_slot(world, "bed", HOURS["bed"] + 24 * day, resource="ward 4, bed 7") for day in range(len(lines))]
    therapies = [approved_therapy(world) for _ in lines]
    sealed = SealedPayload.objects.count()

    wanted = [(therapy, [*line, bed]) for therapy, line, bed in zip(therapies, lines, beds, strict=True)]
    outcomes = race(wanted, booker(world))

    winners = winners_of(therapies, outcomes)
    assert len(winners) == 1
    check_nothing_half_done(therapies, winners, sealed)


def test_chains_that_cross_one_another_neither_deadlock_nor_overbook(world):
    lines = [offer_chain(world, line=line, capacity=4) for line in "ABC"]
    therapies = [approved_therapy(world) for _ in range(CLIENTS)]
    sealed = SealedPayload.objects.count()
    rng = Random(7)
    wanted = [(therapy, [rng.choice(links) for links in zip(*lines, strict=True)]) for therapy in therapies]

    outcomes = race(wanted, booker(world))

    winners = winners_of(therapies, outcomes)
    crossed = [slot for line in lines for slot in line]
    used = Counter(Booking.objects.filter(slot_id__in=crossed, released_at=None).values_list("slot_id", flat=True))
    assert max(used.values()) <= 4
    assert 4 <= len(winners) <= 12
    check_nothing_half_done(therapies, winners, sealed)
    # Whoever lost met a link that was full: nobody was turned away from a chain with room.
    for therapy, slots in wanted:
        assert therapy in winners or max(used[slot] for slot in slots) == 4


def test_fifty_clients_hold_the_last_chain_and_one_has_it(world):
    slots = offer_chain(world, line="held")
    therapies = [approved_therapy(world) for _ in range(CLIENTS)]
    by = world.coordinator

    outcomes = race(therapies, lambda therapy: hold_chain(therapy_id=therapy, slots=slots, by=by, at=AT))

    assert sum(not isinstance(outcome, SlotTaken) for outcome in outcomes) == 1
    holds = SlotHold.objects.filter(slot_id__in=slots)
    assert holds.count() == 7
    assert holds.values("therapy_id").distinct().count() == 1
