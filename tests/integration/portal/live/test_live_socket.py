"""The live socket with channels' communicator: who gets which frame, replay, and leaving."""

import asyncio
import json
from hashlib import sha256
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from custody.therapies.models import TherapyParty
from ledger import clock
from ledger.ids import derived, uuid7
from ledger.log import sequencer
from ledger.log.models import Chain, PendingRecord, Record
from ledger.parties.models import Party
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES
from portal.asgi import application
from portal.live import feed
from portal.live import membership as membership_of_sockets
from portal.live.hub import hub
from portal.live.membership import Ticket
from tests.factories import people
from tests.factories.divergences import reported

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 5
"""Seconds; what comes at all comes within half of one, where nothing else keeps the machine busy."""


class Socket(ApplicationCommunicator):
    """A browser's end of the live socket (channels' own communicator needs daphne)."""

    def __init__(self, query, headers):
        scope = {"type": "websocket", "path": "/live/", "query_string": query.encode(), "headers": headers}
        super().__init__(application, scope | {"subprotocols": []})

    async def connect(self):
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(timeout=5))["type"] == "websocket.accept"

    async def receive_json_from(self, timeout):
        answer = await self.receive_output(timeout=timeout)
        assert answer["type"] == "websocket.send", answer
        return json.loads(answer["text"])

    async def disconnect(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=2)


@pytest.fixture(autouse=True)
async def fresh_hub():
    await hub.stop()
    yield
    await hub.stop()
    # The thread that these tests' queries run in keeps its connection else, and its database cannot be dropped.
    await sync_to_async(connections.close_all)()


def _party(code, kind):
    """An organisation without its enrolment's record: the leaf indexes of these tests begin at 0."""
    return Party.objects.get_or_create(
        id=derived("party", code),
        defaults={"code": code, "name": code, "kind": kind, "country": "GB", "city": "X", "time_zone": "UTC"},
    )[0]


@sync_to_async
def a_member(code, kind):
    """A signed-in person of an organisation: party, membership and session."""
    party = _party(code, kind)
    membership = people.member(next(role.code for role in ROLES.values() if kind in role.party_kinds), party)
    session = SessionStore()
    session[SESSION_KEY] = str(membership.user_id)
    session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = membership.user.get_session_auth_hash()
    session.save()
    return party, membership, session


def _record(subject, kind, author, type_):
    chain, _ = Chain.objects.get_or_create(id=derived("chain", kind, subject), kind=kind, subject=subject)
    chain.head_seq += 1
    chain.save()
    envelope = uuid4().bytes
    record = Record.objects.create(
        id=uuid7(),
        chain=chain,
        seq=chain.head_seq,
        type=type_,
        prev_hash="0" * 64,
        envelope=envelope,
        entry_hash=sha256(envelope).hexdigest(),
        leaf_hash=sha256(b"\x00" + envelope).hexdigest(),
        party=author,
        person=uuid4(),
        idempotency_key=uuid4().hex,
        occurred_at=clock.now(),
        recorded_at=clock.now(),
    )
    PendingRecord.objects.create(record=record)


@sync_to_async
def records(*, subject=None, parties=(), count=1, kind="therapy", author=None, sequence=True):
    """Write records of a therapy and let the real sequencer give them their places."""
    subject = subject or uuid4()
    author = author or _party("ZZ", "operator")
    for party in parties:
        TherapyParty.objects.get_or_create(id=derived(subject, party.pk), therapy_id=subject, party=party)
    for _ in range(count):
        _record(subject, kind, author, "custody.step/v1")
    if sequence:
        sequencer.drain()
    return subject


def socket(session, query="", origin="http://localhost"):
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if session is not None:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session.session_key}".encode()))
    return Socket(query.removeprefix("?"), headers)


async def connected(session, query=""):
    communicator = socket(session, query)
    assert await communicator.connect()
    return communicator


async def until_ready(communicator):
    frames = [await communicator.receive_json_from(timeout=5)]
    while frames[-1]["kind"] != "ready":
        frames.append(await communicator.receive_json_from(timeout=5))
    return frames


async def test_a_change_is_told_to_a_party_of_the_therapy():
    party, _, session = await a_member("C1", "treatment_centre")
    live = await connected(session)
    assert await until_ready(live) == [{"id": -1, "kind": "ready", "subject": None}]

    therapy = await records(parties=[party])
    assert await live.receive_json_from(timeout=PATIENCE) == {
        "id": 0,
        "kind": "custody.step/v1",
        "subject": str(therapy),
    }
    await live.disconnect()


@pytest.mark.parametrize(
    ("kind", "takes_part", "told"),
    [
        ("treatment_centre", True, True),
        ("treatment_centre", False, False),
        ("manufacturer", False, False),
        ("courier", True, True),
        ("payer", False, False),
        ("regulator", False, True),
    ],
)
async def test_who_is_told(kind, takes_part, told):
    party, _, session = await a_member("X1", kind)
    live = await connected(session)
    await until_ready(live)

    await records(parties=[party] if takes_part else [])
    if told:
        assert (await live.receive_json_from(timeout=PATIENCE))["id"] == 0
    else:
        assert await live.receive_nothing(timeout=0.9)
    await live.disconnect()


@pytest.mark.parametrize("kind", ["treatment_centre", "courier", "payer", "regulator"])
async def test_a_divergence_is_told_to_everybody_with_an_open_page_and_to_who_comes_later(kind):
    _, _, session = await a_member("X1", kind)
    live = await connected(session)
    await until_ready(live)
    told = {"id": -1, "kind": "ledger.divergence", "subject": None}

    await sync_to_async(reported)(await sync_to_async(_party)("W1", "manufacturer"), at=clock.now())

    assert await live.receive_json_from(timeout=5) == told
    assert await live.receive_nothing(timeout=0.9), "it is told once"
    later = await connected(session, "?since=-1")
    assert await until_ready(later) == [told, {"id": -1, "kind": "ready", "subject": None}]
    await live.disconnect()
    await later.disconnect()


async def test_records_of_other_chains_are_told_to_their_author_only():
    author, _, first = await a_member("C1", "treatment_centre")
    _, _, second = await a_member("C2", "treatment_centre")
    mine, others = await connected(first), await connected(second)
    await until_ready(mine)
    await until_ready(others)

    await records(kind="device", author=author)
    assert (await mine.receive_json_from(timeout=PATIENCE))["id"] == 0
    assert await others.receive_nothing(timeout=0.6)
    await mine.disconnect()
    await others.disconnect()


async def test_a_party_that_joins_is_told_from_then_on():
    party, _, session = await a_member("K1", "courier")
    live = await connected(session)
    await until_ready(live)
    therapy = await records()
    assert await live.receive_nothing(timeout=0.6)

    await records(subject=therapy, parties=[party])
    assert (await live.receive_json_from(timeout=PATIENCE))["id"] == 1
    await live.disconnect()


@pytest.mark.parametrize("lost", ["announcement", "none"])
async def test_a_lost_announcement_costs_half_a_second(lost, monkeypatch):
    party, _, session = await a_member("C1", "treatment_centre")
    live = await connected(session)
    await until_ready(live)
    if lost == "announcement":
        monkeypatch.setattr("ledger.log.announcements.publish", lambda first, last: None)

    await records(parties=[party])
    assert (await live.receive_json_from(timeout=PATIENCE))["id"] == 0
    await live.disconnect()


async def test_a_client_that_comes_back_is_told_what_it_missed_and_may_know():
    party, _, session = await a_member("C1", "treatment_centre")
    await records(parties=[party], count=3)
    await records(count=2)
    therapy = await records(parties=[party], count=2)

    live = await connected(session, "?since=1")
    frames = await until_ready(live)
    assert [frame["id"] for frame in frames] == [2, 5, 6, 6]
    assert frames[1]["subject"] == str(therapy)
    await live.disconnect()


@pytest.mark.parametrize(("count", "kinds"), [(200, "custody.step/v1"), (201, "refetch-all")])
async def test_more_than_two_hundred_missed_changes_are_told_as_one(count, kinds):
    party, _, session = await a_member("C1", "treatment_centre")
    await records(parties=[party], count=count)

    live = await connected(session, "?since=-1")
    frames = await until_ready(live)
    assert {frame["kind"] for frame in frames[:-1]} == {kinds}
    assert len(frames) - 1 == (count if count == 200 else 1)
    assert frames[-1]["id"] == frames[-2]["id"] == count - 1
    await live.disconnect()


@pytest.mark.parametrize("since", ["99", "-7", "soon", "", "9" * 40, "1;drop"])
async def test_an_index_of_another_log_means_fetch_everything(since):
    party, _, session = await a_member("C1", "treatment_centre")
    await records(parties=[party])

    live = await connected(session, f"?since={since}")
    frames = await until_ready(live)
    expected = ["ready"] if since == "" else ["refetch-all", "ready"]
    assert [frame["kind"] for frame in frames] == expected
    assert frames[-1]["id"] == 0
    await live.disconnect()


async def test_a_client_that_was_away_for_long_fetches_everything(monkeypatch):
    monkeypatch.setattr(feed, "SCAN_LIMIT", 5)
    _, _, session = await a_member("C1", "treatment_centre")
    await records(count=7)

    live = await connected(session, "?since=0")
    assert [frame["kind"] for frame in await until_ready(live)] == ["refetch-all", "ready"]
    await live.disconnect()


async def test_changes_while_a_client_connects_are_told_once(monkeypatch):
    party, _, session = await a_member("C1", "treatment_centre")
    await records(parties=[party])
    replay, gate = feed.missed, asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(actor, *, since):
        frames = replay(actor, since=since)
        asyncio.run_coroutine_threadsafe(_set(gate), loop)
        return frames

    async def _set(event):
        event.set()

    monkeypatch.setattr(feed, "missed", slow)
    live = await connected(session, "?since=-1")
    await gate.wait()
    await records(parties=[party], count=2)
    frames = [
        *await until_ready(live),
        await live.receive_json_from(timeout=PATIENCE),
        await live.receive_json_from(timeout=PATIENCE),
    ]
    assert [frame["id"] for frame in frames if frame["kind"] != "ready"] == [0, 1, 2]
    assert await live.receive_nothing(timeout=0.6)
    await live.disconnect()


async def test_strangers_and_foreign_pages_are_turned_away():
    _, membership, session = await a_member("C1", "treatment_centre")
    for communicator in (
        socket(None),
        socket(session, origin="https://evil.example"),
        socket(SessionStore("x" * 32)),
    ):
        assert not await communicator.connect()
    await Membership.objects.filter(pk=membership.pk).aupdate(until=clock.now())
    assert not await socket(session).connect()


@sync_to_async
def _end_membership(membership, session):
    Membership.objects.filter(pk=membership.pk).update(until=clock.now())


@sync_to_async
def _sign_out(membership, session):
    SessionStore(session.session_key).delete()


@sync_to_async
def _change_password(membership, session):
    membership.user.set_password("another horse battery")
    membership.user.save()


@sync_to_async
def _deactivate(membership, session):
    User.objects.filter(pk=membership.user_id).update(is_active=False)


@sync_to_async
def _fall_idle(membership, session):
    session["last_act"] = int(clock.now().timestamp()) - settings.SESSION_IDLE_SECONDS - 1
    session.save()


@pytest.mark.parametrize("leave", [_end_membership, _sign_out, _change_password, _deactivate, _fall_idle])
async def test_who_leaves_is_closed_within_five_seconds(leave):
    _, membership, session = await a_member("C1", "treatment_centre")
    live = await connected(session)
    await until_ready(live)

    await leave(membership, session)
    closed = await live.receive_output(timeout=5)
    assert (closed["type"], closed["code"]) == ("websocket.close", 4403)


async def test_who_left_hears_of_nothing_that_happens_after():
    party, membership, session = await a_member("C1", "treatment_centre")
    live = await connected(session)
    await until_ready(live)

    await _end_membership(membership, session)
    await records(parties=[party])
    assert (await live.receive_output(timeout=PATIENCE))["type"] == "websocket.close"


@sync_to_async
def _queries_of(tickets, last):
    with CaptureQueriesContext(connection) as captured:
        changes = feed.changes_between(0, last)
        actors = membership_of_sockets.actors_behind(tickets, at=clock.now())
    return len(captured), changes, actors


@pytest.mark.parametrize("many", [1, 12])
async def test_a_batch_costs_five_queries_however_many_watch(many):
    tickets = set()
    for number in range(many):
        party, membership, session = await a_member(f"C{number}", "treatment_centre")
        tickets.add(Ticket(str(membership.user_id), session.session_key))
        await records(parties=[party], count=3)

    count, changes, actors = await _queries_of(tickets, 3 * many - 1)
    assert (count, len(changes), len(actors)) == (5, 3 * many, many)
