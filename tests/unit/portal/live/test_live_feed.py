"""Who may know of a change; the mailbox of a slow reader; background loops."""

import asyncio
import threading
import time
from uuid import uuid4

import pytest

from ledger.parties.actor import Actor
from portal.live import feed
from portal.live.background import Loop
from portal.live.feed import Change
from portal.live.hub import Subscriber
from portal.live.membership import Ticket

CENTRE, MAKER, PAYER, REGULATOR = (uuid4() for _ in range(4))


def _actor(party, kind):
    return Actor(
        person=uuid4(),
        name="N",
        party=party,
        party_code="X",
        party_kind=kind,
        role="r",
        permissions=frozenset(),
        method="passkey",
    )


def _change(index=0, parties=(CENTRE, MAKER), author=CENTRE):
    return Change(index, "custody.step/v1", uuid4(), author, frozenset(parties))


@pytest.mark.parametrize(
    ("party", "kind", "parties", "sees"),
    [
        (CENTRE, "treatment_centre", (CENTRE, MAKER), True),
        (MAKER, "manufacturer", (CENTRE, MAKER), True),
        (PAYER, "payer", (CENTRE, MAKER), False),
        (PAYER, "payer", (CENTRE, PAYER), True),
        (CENTRE, "treatment_centre", (), True),  # its author, on a chain that is no therapy
        (MAKER, "manufacturer", (), False),
        (REGULATOR, "regulator", (), True),
    ],
)
def test_a_change_is_seen_by_its_parties_its_author_and_regulators(party, kind, parties, sees):
    change = _change(parties=parties)
    assert feed.frames_for(_actor(party, kind), [change]) == ([change.frame] if sees else [])


def test_a_frame_holds_identifiers_and_nothing_else():
    change = _change(7)
    assert change.frame == {"id": 7, "kind": "custody.step/v1", "subject": str(change.subject)}


def _mailbox():
    return Subscriber(Ticket("user", "session"))


async def test_a_slow_readers_frames_melt_into_one():
    mailbox = _mailbox()
    for index in range(300):
        mailbox.offer([{"id": index, "kind": "k", "subject": "s"}])

    frames = await mailbox.take()
    assert frames[0] == {"id": 200, "kind": "refetch-all", "subject": None}
    assert [frame["id"] for frame in frames] == list(range(200, 300))


async def test_an_expelled_reader_gets_nothing_more():
    mailbox = _mailbox()
    mailbox.offer([{"id": 1, "kind": "k", "subject": "s"}])
    mailbox.expel()
    assert await mailbox.take() is None


async def test_an_empty_mailbox_waits():
    mailbox = _mailbox()
    mailbox.offer([])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mailbox.take(), 0.05)


def test_a_ticket_does_not_show_its_session():
    assert "secret" not in repr(Ticket("u", "secret"))


@pytest.fixture
def loop_of():
    loops = []

    def make(turn, seconds):
        loop = Loop("test", turn, seconds=seconds)
        loops.append(loop)
        loop.start()
        return loop

    yield make
    for loop in loops:
        loop.stop()
        loop.join(2)
        assert not loop.is_alive()


@pytest.mark.timed
def test_a_woken_loop_turns_at_once(loop_of):
    turned = threading.Semaphore(0)
    loop = loop_of(turned.release, 30)
    assert turned.acquire(timeout=2)
    assert not turned.acquire(timeout=0.05)

    began = time.monotonic()
    loop.wake()
    assert turned.acquire(timeout=2)
    assert time.monotonic() - began < 1


def test_a_loop_outlives_a_turn_that_fails(loop_of):
    turned = threading.Semaphore(0)

    def turn():
        turned.release()
        raise RuntimeError("the database is away")

    loop_of(turn, 0.01)
    assert all(turned.acquire(timeout=2) for _ in range(3))


def test_a_wake_up_during_a_turn_is_not_lost(loop_of):
    started, go_on, turned = threading.Event(), threading.Event(), threading.Semaphore(0)

    def turn():
        started.set()
        go_on.wait(2)
        turned.release()

    loop = loop_of(turn, 30)
    started.wait(2)
    loop.wake()
    go_on.set()
    assert turned.acquire(timeout=2)
    assert turned.acquire(timeout=2)
