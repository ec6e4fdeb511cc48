"""Telling other processes that the log has grown, over the Redis channel layer.

Without Redis there is nothing to do: a server process looks at the log twice a second by itself.
"""

from __future__ import annotations

import asyncio
import threading

import structlog
from channels.layers import InMemoryChannelLayer, get_channel_layer

from ledger.log import announcements

log = structlog.get_logger(__name__)
GROUP = "needlepoint.live"


class Announcer:
    """Passes this process's announcements on. The layer's connections live on a loop in a thread of their own."""

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._layer is None or isinstance(self._layer, InMemoryChannelLayer):
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="needlepoint-announcer", daemon=True)
        self._thread.start()
        announcements.subscribe(self._announce)

    def stop(self) -> None:
        announcements.unsubscribe(self._announce)
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()
        self._loop = self._thread = None

    def _announce(self, first: int, last: int) -> None:
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._send(last), self._loop)

    async def _send(self, last: int) -> None:
        try:
            await self._layer.group_send(GROUP, {"type": "log.grown", "last": last})
        except Exception as problem:
            log.warning("live.announcement_failed", error=type(problem).__name__)

    async def _close(self) -> None:
        close = getattr(self._layer, "close_pools", None)
        if close is not None:
            await close()
