"""What starts and stops with a server process (ASGI lifespan protocol).

Only a real server sends these events, so no test and no command starts a thread by importing the application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from portal import celery
from portal.live.announcer import Announcer
from portal.live.background import Background
from portal.live.hub import hub

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Lifespan:
    """The ASGI application for the scope `lifespan`."""

    def __init__(self) -> None:
        self._background: Background | None = None
        self._announcer = Announcer()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        celery.connect()
        await hub.start()
        if settings.WORKER == "embedded":
            self._announcer.start()
            self._background = Background(sequence=not settings.SEQUENCER_APART)
            await asyncio.to_thread(self._background.start)

    async def _stop(self) -> None:
        if self._background is not None:
            await asyncio.to_thread(self._background.stop)
            await asyncio.to_thread(self._announcer.stop)
            self._background = None
        await hub.stop()
