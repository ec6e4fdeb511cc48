"""The live socket of a real server: a change is there within a second, and who comes back misses nothing."""

import asyncio
import json
import signal
import time
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

CENTRE = {"code": "C1", "kind": "treatment_centre", "role": "nurse"}


class Server:
    def __init__(self, site, port):
        self.site, self.port = site, port
        self.process = site.start(
            *("-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--log-level", "warning"),
        )

    def socket(self, cookie, since=None, origin="http://127.0.0.1"):
        query = "" if since is None else f"?since={since}"
        return connect(f"ws://127.0.0.1:{self.port}/live/{query}", additional_headers={"Cookie": cookie}, origin=origin)

    async def up(self, cookie):
        for _ in range(600):
            try:
                async with self.socket(cookie):
                    return
            except (OSError, InvalidStatus):
                await asyncio.sleep(0.1)
        raise AssertionError(self.site.output())


async def _frames(live, until=None, seconds=2.0):
    frames = []
    try:
        async with asyncio.timeout(seconds):
            async for text in live:
                frames.append(json.loads(text))
                if until is not None and until(frames[-1]):
                    break
    except TimeoutError:
        pass
    return frames


def _ask(site, name, **arguments):
    return asyncio.to_thread(site.ask, name, **arguments)


async def _delay(site, live, who, times=5):
    """The longest time from a commit in another process to its frame, in seconds.

    Not counted: a first change, for which processes that have only just been started may still be loading.
    """
    delays = []
    for seconds in (20, *[3] * times):
        await _ask(site, "record", subject=str(uuid4()), party=who["party"])
        committed = time.monotonic()
        frames = await _frames(live, until=lambda frame: frame["kind"] == "custody.step/v1", seconds=seconds)
        assert frames, site.output()
        delays.append(time.monotonic() - committed)
    return max(delays[1:])


@pytest.mark.timed
async def test_a_change_of_another_process_is_told_within_a_second(install, engine, free_port):
    site = install(engine, NEEDLEPOINT_WORKER="embedded")
    who = site.ask("member", **CENTRE)
    server = Server(site, free_port)
    await server.up(who["cookie"])
    async with server.socket(who["cookie"]) as live:
        await _frames(live, until=lambda frame: frame["kind"] == "ready")
        assert await _delay(site, live, who) < 1


async def test_a_client_that_drops_again_and_again_misses_nothing(install, engine, free_port):
    site = install(engine, NEEDLEPOINT_WORKER="embedded")
    who, therapy, total = site.ask("member", **CENTRE), str(uuid4()), 60
    server = Server(site, free_port)
    await server.up(who["cookie"])

    async def write():
        for _ in range(total):
            await _ask(site, "record", subject=therapy, party=who["party"])
            await asyncio.sleep(0.03)

    writing, last, seen = asyncio.create_task(write()), -1, []
    deadline = time.monotonic() + 120
    while not (writing.done() and last == total - 1):
        assert time.monotonic() < deadline, f"told {last + 1} of {total}: {site.output()}"
        async with server.socket(who["cookie"], since=last) as live:
            frames = await _frames(live, seconds=0.35)
        seen += [frame["id"] for frame in frames if frame["kind"] == "custody.step/v1"]
        last = max([last, *(frame["id"] for frame in frames)])
        assert len(seen) <= total
    await writing
    assert seen == list(range(total))


async def test_a_server_that_was_killed_goes_on_where_it_was(install, free_port):
    site = install("sqlite", NEEDLEPOINT_WORKER="embedded")
    who, therapy = site.ask("member", **CENTRE), str(uuid4())
    server = Server(site, free_port)
    await server.up(who["cookie"])
    async with server.socket(who["cookie"], since=-1) as live:
        await _ask(site, "record", subject=therapy, party=who["party"])
        await _frames(live, until=lambda frame: frame["id"] == 0)
        site.kill(server.process)
        with pytest.raises(ConnectionClosed):
            await live.recv()
    for _ in range(5):
        site.ask("record", subject=therapy, party=who["party"])

    server = Server(site, free_port)
    await server.up(who["cookie"])
    async with server.socket(who["cookie"], since=0) as live:
        frames = await _frames(live, until=lambda frame: frame["id"] == 5 and frame["kind"] != "ready", seconds=5)
    assert [frame["id"] for frame in frames if frame["kind"] == "custody.step/v1"] == [1, 2, 3, 4, 5]


async def test_a_server_does_the_outbox_and_stops_cleanly(install, free_port):
    site = install("sqlite", NEEDLEPOINT_WORKER="embedded")
    who = site.ask("member", **CENTRE)
    server = Server(site, free_port)
    await server.up(who["cookie"])
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 0}])
    await asyncio.to_thread(site.until, lambda: site.marks("end"), 5, "the server does the job")

    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 15) in (0, -signal.SIGTERM)
    assert "Traceback" not in site.output()


async def test_a_server_without_a_worker_does_none(install, free_port):
    site = install("sqlite", NEEDLEPOINT_WORKER="none")
    who = site.ask("member", **CENTRE)
    await Server(site, free_port).up(who["cookie"])
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 0}])
    site.ask("record", subject=str(uuid4()), party=who["party"])
    await asyncio.sleep(2.5)
    assert site.marks("begin") == []
    assert site.ask("leaves") == 0


@pytest.mark.timed
@pytest.mark.parametrize("with_redis", [False, pytest.param(True, marks=pytest.mark.redis)])
async def test_a_change_that_another_worker_sequenced_is_told_within_a_second(install, with_redis, request, free_port):
    environment = {"REDIS_URL": request.getfixturevalue("redis_url")} if with_redis else {}
    site = install("sqlite", NEEDLEPOINT_WORKER="none", **environment)
    who = site.ask("member", **CENTRE)
    server = Server(site, free_port)
    site.start("manage.py", "worker")
    await server.up(who["cookie"])
    async with server.socket(who["cookie"]) as live:
        await _frames(live, until=lambda frame: frame["kind"] == "ready")
        assert await _delay(site, live, who) < 1


async def test_foreign_pages_and_strangers_get_no_socket(install, free_port):
    site = install("sqlite", NEEDLEPOINT_WORKER="none")
    who = site.ask("member", **CENTRE)
    server = Server(site, free_port)
    await server.up(who["cookie"])
    for cookie, origin in ((who["cookie"], "https://evil.example"), ("", "http://127.0.0.1")):
        with pytest.raises(InvalidStatus) as refused:
            async with server.socket(cookie, origin=origin):
                pass
        assert refused.value.response.status_code == 403
