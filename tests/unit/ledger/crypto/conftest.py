"""What the tests of the pure cryptography share: the known answers, and keys that are the same in every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.crypto.ed25519 import InMemorySigner

ASSETS = Path(__file__).resolve().parents[3] / "assets" / "ledger"


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    return json.loads((ASSETS / "vectors.json").read_text())


@pytest.fixture
def signer() -> InMemorySigner:
    return InMemorySigner(bytes(range(32)))


@pytest.fixture
def other_signer() -> InMemorySigner:
    return InMemorySigner(bytes(range(32, 64)))
