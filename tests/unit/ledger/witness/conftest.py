"""A witness in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.crypto import mldsa
from ledger.crypto.ed25519 import InMemorySigner
from ledger.witness.cosigner import WatchedLog
from ledger.witness.follow import Follower
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Store
from tests.unit.ledger.witness.logs import LOG_KEY, ORIGIN, MemoryLog

NOW = 1_770_000_000


@pytest.fixture(scope="session")
def keys() -> WitnessKeys:
    return WitnessKeys("member.example/witness", InMemorySigner(b"\x21" * 32), mldsa.MldsaSigner(b"\x22" * 32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "witness.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def follow(store: Store, keys: WitnessKeys) -> Callable[..., Follower]:
    def make(log: MemoryLog, *, memory: Store = store, **more: float) -> Follower:
        watched = WatchedLog(ORIGIN, [LOG_KEY], replayed=True)
        return Follower(memory, keys, watched, log, clock=lambda: NOW, **more)  # type: ignore[arg-type]

    return make
