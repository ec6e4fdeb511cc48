"""The log as an outsider gets it: fetched file by file from the portal's own addresses into a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.test import Client

from ledger.crypto import checkpoint, tiles
from ledger.log import evidence, sequencer
from ledger.log.logs import name_of
from ledger.log.models import Leaf
from ledger.parties.models import PartyKey
from portal.demonstration.story import Story
from tests.factories.member_logs import one_log_a_member
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


@pytest.fixture(scope="module", params=["the one log", "a member's log"])
def published(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """A consortium's log of more than one full tile, with therapies told by the real operations; or a member's own."""
    folder, own = tmp_path_factory.mktemp("published"), request.param == "a member's log"
    with django_db_blocker.unblock(), transaction.atomic(), one_log_a_member() if own else nullcontext():
        cast = small_consortium(loggers=6)
        for number in range(1, 4):
            told(cast, Story("infused"), number=number)
        sequencer.drain()
        inspector = somebody(cast, "R0901", "inspector")
        busiest = Leaf.objects.exclude(log="").values("log").annotate(count=Count("pk")).order_by("-count").first()
        code = busiest["log"] if busiest else ""
        _save(inspector, f"{_address(code)}/checkpoint", folder / "older")
        for number in range(4, 7):
            told(cast, Story("infused"), number=number)
        sequencer.drain()
        yield _fetched(inspector, folder, code)
        transaction.set_rollback(True)


def _address(code: str) -> str:
    return f"/log/{code}" if code else "/log"


def _fetched(inspector: Client, folder: Path, code: str) -> Published:
    _save(inspector, f"{_address(code)}/checkpoint", folder / "checkpoint")
    text = (folder / "checkpoint").read_text().rpartition("\n\n")[0] + "\n"
    said = checkpoint.parse(text)
    assert code or said.size > tiles.WIDTH
    for tile in tiles.tiles_of(said.size):
        _save(inspector, f"{_address(code)}/{tile.path}", folder / tile.path)
    placed = Leaf.objects.filter(log=code, record__chain__kind="therapy").select_related("record")
    leaf = placed.order_by("index")[20]
    _save(inspector, f"/records/{leaf.record_id}.dsse.json", folder / "record.dsse")
    _save(inspector, f"/records/{leaf.record_id}.tlog-proof", folder / "record.tlog-proof")
    key = PartyKey.objects.get(party_id=leaf.record.party_id)
    return Published(
        folder=folder,
        key=evidence.log_key(log=code),
        origin=name_of(settings.LOG_ORIGIN, code),
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
