"""The live socket at `/live/?since=N`.

Frames are JSON: `{"id": leaf index, "kind": record type, "subject": therapy id}`. A client remembers the last `id` and
gives it as `since` when it connects again; then it is told what it missed, or `{"kind": "refetch-all"}` when that is
too much, and `{"kind": "ready"}` in any case.
`{"kind": "ledger.divergence"}` goes to everybody. The client sends nothing; what it sends is not read.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from ledger import clock
from ledger.divergence import queries as divergences
from portal.live import feed, membership
from portal.live.feed import Frame
from portal.live.hub import Hub, Subscriber, hub
from portal.live.membership import Ticket

NO_LONGER_MEMBER = 4403


class LiveConsumer(AsyncWebsocketConsumer):
    """One open screen."""

    hub: Hub = hub
    _subscriber: Subscriber | None = None
    _writer: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        ticket = _ticket(self.scope)
        actor = None
        if ticket is not None:
            actor = (await database_sync_to_async(membership.actors_behind)({ticket}, at=clock.now())).get(ticket)
        if ticket is None or actor is None:
            # Before the socket is accepted this is a plain 403: a stranger learns nothing.
            await self.close()
            return
        await self.accept()
        self._subscriber = Subscriber(ticket)
        # First join, then look at what was missed: a change in between comes twice and is told once.
        await self.hub.join(self._subscriber)
        since = _since(self.scope)
        if since is None:
            told = [feed.ready(await database_sync_to_async(feed.newest_index)())]
        else:
            told = await database_sync_to_async(feed.missed)(actor, since=since)
        if await database_sync_to_async(divergences.mark)() != divergences.NOTHING:
            # A page that was away may show too much or too little of them.
            told.insert(0, feed.diverged(told[-1]["id"] if since is None else min(since, told[-1]["id"])))
        await self._send_all(told)
        self._writer = asyncio.create_task(self._write(self._subscriber, after=told[-1]["id"]))

    async def _write(self, subscriber: Subscriber, *, after: int) -> None:
        while True:
            frames = await subscriber.take()
            if frames is None:
                await self.close(code=NO_LONGER_MEMBER)
                return
            fresh = [frame for frame in frames if frame["id"] > after or frame["kind"] == feed.DIVERGENCE]
            await self._send_all(fresh)
            after = max([after, *(frame["id"] for frame in fresh)])

    async def _send_all(self, frames: list[Frame]) -> None:
        for frame in frames:
            await self.send(text_data=json.dumps(frame, separators=(",", ":")))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected from a client."""

    async def disconnect(self, code: int) -> None:
        if self._subscriber is not None:
            self.hub.leave(self._subscriber)
        if self._writer is not None and self._writer is not asyncio.current_task():
            self._writer.cancel()


def _ticket(scope: dict[str, Any]) -> Ticket | None:
    user, session = scope.get("user"), scope.get("session")
    if user is None or not user.is_authenticated or session is None or not session.session_key:
        return None
    return Ticket(user=str(user.pk), session=session.session_key)


def _since(scope: dict[str, Any]) -> int | None:
    """The client's last index; None when it has none yet. Nonsense counts as another log's index."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("since")
    if not given:
        return None
    text = given[-1]
    return int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 19 else -2
