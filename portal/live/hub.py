"""The hub of a server process: reads each batch of the log once and hands every open socket its frames.

It is woken by this process's sequencer, by other processes over the Redis channel layer, and looks by itself twice a
second while anybody is connected, so that no lost announcement keeps a screen out of date. Everything here runs on the
server's loop; threads reach it by `grown`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import structlog
from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer

from ledger import clock
from ledger.divergence import queries as divergences
from ledger.log import announcements
from ledger.parties.actor import Actor
from portal.live import feed, membership
from portal.live.announcer import GROUP
from portal.live.feed import REPLAY_LIMIT, Change, Frame
from portal.live.membership import Ticket

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
RECHECK_SECONDS = 3.0
"""A socket whose ticket no longer holds is closed at the latest after this and one poll: within five seconds."""
BATCH = 500


class Subscriber:
    """One open socket's mailbox. A slow reader's frames melt into one refetch-all and never fill the memory."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self._frames: list[Frame] = []
        self._ready = asyncio.Event()
        self._expelled = False

    def offer(self, frames: list[Frame]) -> None:
        if not frames:
            return
        self._frames.extend(frames)
        if len(self._frames) > REPLAY_LIMIT:
            self._frames = [feed.refetch_all(self._frames[-1]["id"])]
        self._ready.set()

    def expel(self) -> None:
        self._expelled = True
        self._ready.set()

    async def take(self) -> list[Frame] | None:
        """The frames that wait, as soon as there are any; None when the socket has to be closed."""
        await self._ready.wait()
        self._ready.clear()
        frames, self._frames = self._frames, []
        return None if self._expelled else frames


class Hub:
    """All subscribers of this process, and the task that serves them."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._known = -1
        self._mark = divergences.NOTHING
        self._woken: asyncio.Event
        self._checked_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to serve, on the running loop; again is no harm."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop, self._woken = loop, asyncio.Event()
        self._tasks = [asyncio.create_task(self._serve(), name="needlepoint-live")]
        layer = get_channel_layer()
        if layer is not None and not isinstance(layer, InMemoryChannelLayer):
            self._tasks.append(asyncio.create_task(self._hear(), name="needlepoint-live-redis"))
        announcements.subscribe(self.grown)

    async def stop(self) -> None:
        announcements.unsubscribe(self.grown)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._loop = [], None
        # Who was still listening is not served any more, and must not decide where the next one begins.
        self._subscribers.clear()

    def grown(self, first: int, last: int) -> None:
        """The log has grown; called from any thread, never waits."""
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._wake(), self._loop)

    async def _wake(self) -> None:
        self._woken.set()

    async def join(self, subscriber: Subscriber) -> None:
        """From here on the subscriber gets every change that is not in the log yet, and maybe some that are."""
        # A server without lifespan events (runserver) begins with its first socket.
        await self.start()
        newest, mark = await _in_thread(feed.newest_index), await _in_thread(divergences.mark)
        if not self._subscribers:
            # Not when somebody joined meanwhile: that one has yet to be told what lies before `newest`.
            self._known, self._mark = newest, mark
        self._subscribers.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    async def _serve(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
            self._woken.clear()
            if not self._subscribers:
                continue
            try:
                await self._look_for_divergences()
                await self._catch_up()
                if time.monotonic() - self._checked_at >= RECHECK_SECONDS:
                    await self._present()
            except Exception as problem:
                log.error("live.turn_failed", error=type(problem).__name__)

    async def _look_for_divergences(self) -> None:
        """Tell everybody when one was reported, seen or settled: before the log is looked at, which may be broken."""
        mark = await _in_thread(divergences.mark)
        if mark == self._mark:
            return
        actors = await self._present()
        for subscriber in self._subscribers:
            if subscriber.ticket in actors:
                subscriber.offer([feed.diverged(self._known)])
        self._mark = mark

    async def _catch_up(self) -> None:
        newest = await _in_thread(feed.newest_index)
        while self._known < newest:
            last = min(newest, self._known + BATCH)
            changes = await _in_thread(feed.changes_between, self._known + 1, last)
            # Asked after the changes were read: nobody who left before them hears of them.
            self._tell(changes, await self._present())
            self._known = last

    def _tell(self, changes: list[Change], actors: Mapping[Ticket, Actor]) -> None:
        for subscriber in self._subscribers:
            actor = actors.get(subscriber.ticket)
            if actor is not None:
                subscriber.offer(feed.frames_for(actor, changes))

    async def _present(self) -> Mapping[Ticket, Actor]:
        """The actors behind the sockets now; sockets without one are closed."""
        asked = list(self._subscribers)
        actors = await _in_thread(
            membership.actors_behind, frozenset(subscriber.ticket for subscriber in asked), at=clock.now()
        )
        self._checked_at = time.monotonic()
        for subscriber in asked:
            if subscriber.ticket not in actors:
                subscriber.expel()
        return actors

    async def _hear(self) -> None:
        """Other processes' announcements, over the channel layer."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel("needlepoint.live")
                await layer.group_add(GROUP, channel)
                joined = time.monotonic()
                while time.monotonic() - joined < layer.group_expiry / 2:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(layer.receive(channel), 60)
                        self._woken.set()
                await layer.group_discard(GROUP, channel)
            except Exception as problem:
                log.warning("live.channel_layer_away", error=type(problem).__name__)
                await asyncio.sleep(2)


async def _in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    result: R = await database_sync_to_async(function)(*args, **kwargs)
    return result


hub = Hub()
