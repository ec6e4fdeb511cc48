"""Looking back: what the log shows of records that were checked long ago, against the copy that was kept then.

A follower reads each record once. Without this, somebody who changes an old record would be seen only by the next
witness that begins anew. A bundle at a time and round and round, from a place of its own, so that many witnesses
together are soon round.
"""

from __future__ import annotations

import random
import time

from ledger.crypto import tiles
from ledger.witness.shown import Shown
from ledger.witness.store import Store


class Lookback:
    """One log's round, a bundle of 256 entries every `every_seconds`."""

    def __init__(self, store: Store, origin: str, *, every_seconds: float) -> None:
        self._store = store
        self._origin = origin
        self._every_seconds = every_seconds
        self._at: int | None = None
        self._looked_at = time.monotonic()

    def turn(self, shown: Shown) -> None:
        """Look at one more bundle, when it is time to. Raises Breach; then the same bundle is looked at again."""
        if time.monotonic() - self._looked_at < self._every_seconds:
            return
        size = min(shown.checkpoint.size, self._store.log(self._origin).verified)
        bundles = (size + tiles.WIDTH - 1) // tiles.WIDTH
        if not bundles:
            return
        place = random.randrange(bundles) if self._at is None else self._at % bundles  # noqa: S311  no secret
        self._at = place
        first, end = place * tiles.WIDTH, min(size, (place + 1) * tiles.WIDTH)
        shown.compare(first, shown.entries(first, end), self._store.entries(self._origin, first, end - first))
        self._at, self._looked_at = place + 1, time.monotonic()
