"""The log as an outsider gets it: fetched file by file from the portal's own addresses into a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from ledger.crypto import checkpoint, tiles
from ledger.log import evidence, sequencer
from ledger.log.models import Leaf
from ledger.parties.models import PartyKey
from portal.demonstration.story import Story
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium, told


@dataclass(frozen=True)
class Published:
    """A folder with `checkpoint`, `older` (an earlier checkpoint) and `tile/…`; and one record with its own files."""

    folder: Path
    key: str
    origin: str
    size: int
    index: int
    record: UUID
    party_key: bytes

    @property
    def note(self) -> str:
        return (self.folder / "checkpoint").read_text()

    @property
    def entry(self) -> bytes:
        return (self.folder / "record.dsse").read_bytes()


@pytest.fixture(scope="module")
def published(
    django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """A consortium's log of more than one full tile, with therapies told by the real operations."""
    folder = tmp_path_factory.mktemp("published")
    with django_db_blocker.unblock(), transaction.atomic():
        cast = small_consortium(loggers=6)
        for number in range(1, 4):
            told(cast, Story("infused"), number=number)
        sequencer.drain()
        inspector = somebody(cast, "R0901", "inspector")
        _save(inspector, "/log/checkpoint", folder / "older")
        for number in range(4, 7):
            told(cast, Story("infused"), number=number)
        sequencer.drain()
        yield _fetched(inspector, folder)
        transaction.set_rollback(True)


def _fetched(inspector: Client, folder: Path) -> Published:
    _save(inspector, "/log/checkpoint", folder / "checkpoint")
    text = (folder / "checkpoint").read_text().rpartition("\n\n")[0] + "\n"
    said = checkpoint.parse(text)
    assert said.size > tiles.WIDTH
    for tile in tiles.tiles_of(said.size):
        _save(inspector, f"/log/{tile.path}", folder / tile.path)
    leaf = Leaf.objects.filter(record__chain__kind="therapy").select_related("record").order_by("index")[20]
    _save(inspector, f"/records/{leaf.record_id}.dsse.json", folder / "record.dsse")
    _save(inspector, f"/records/{leaf.record_id}.tlog-proof", folder / "record.tlog-proof")
    key = PartyKey.objects.get(party_id=leaf.record.party_id)
    return Published(
        folder=folder,
        key=evidence.log_key(),
        origin=settings.LOG_ORIGIN,
        size=said.size,
        index=leaf.index,
        record=leaf.record_id,
        party_key=bytes.fromhex(key.public_key),
    )


def _save(browser: Client, address: str, path: Path) -> None:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(answer.content)
