"""The ledger for members: its page in words, and the log's files as outside tools read them (C2SP)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from ledger.crypto import checkpoint, merkle, notes, tiles, tlog_proof
from ledger.log import evidence, sequencer
from ledger.log.models import Checkpoint, Leaf, PendingRecord, Record
from ledger.outbox.models import JobState, OutboxJob
from portal.demonstration.story import Story
from tests.append_only import lifted
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
EVERY_MEMBER = [
    ("X0042", "nurse"),
    ("M0311", "qa"),
    ("C0205", "courier"),
    ("P0501", "payer_analyst"),
    ("R0901", "inspector"),
    ("N0001", "operator_steward"),
]


@pytest.fixture
def cast():
    return small_consortium()


@pytest.fixture
def inspector(cast):
    sequencer.drain()
    return somebody(cast, "R0901", "inspector")


def words(response):
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(("code", "role"), EVERY_MEMBER)
def test_every_member_sees_the_ledgers_health(cast, code, role):
    sequencer.drain()

    page = somebody(cast, code, role).get(reverse("ledger"))

    assert page.status_code == 200
    assert f"{Checkpoint.objects.latest('size').size:,} records, each in its place" in words(page)
    assert "No witnesses yet" in words(page)


def test_records_that_nobody_places_are_said_to_wait(cast, inspector):
    told(cast, Story("ordered", stop_before="booking"))
    with lifted(connection):
        Record.objects.filter(pk__in=PendingRecord.objects.values("record")).update(recorded_at="2026-01-01T00:00Z")

    page = inspector.get(reverse("ledger"))

    assert "records wait for their place" in words(page)
    assert "No sequencer is at work" in words(page)


def test_jobs_that_were_set_aside_are_named(cast, inspector, at):
    told(cast, Story("collected", stop_before="pack-outbound"))
    OutboxJob.objects.update(state=JobState.QUARANTINED, last_error="the prover ended")
    sequencer.drain()

    page = inspector.get(reverse("ledger"))

    assert "one job set aside" in words(page)
    assert "the prover ended" in words(page)


def test_strangers_get_nothing_of_the_log(cast):
    sequencer.drain()

    for path in ("/log/checkpoint", "/log/tile/0/000.p/5", "/log/tile/entries/000.p/5", "/ledger/"):
        assert Client().get(path).status_code == 302
        assert Client().get(path, headers={"accept": "application/json"}).status_code == 401


def test_the_checkpoint_opens_with_the_logs_key(inspector, settings):
    answer = inspector.get("/log/checkpoint")

    key = notes.parse_vkey(evidence.log_key())
    signed = checkpoint.open_checkpoint(answer.content.decode(), origin=settings.LOG_ORIGIN, log=key)
    assert signed.checkpoint.size == Leaf.objects.count()
    assert answer["Cache-Control"] == "private, max-age=2"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_entries_and_tiles_rebuild_the_root_that_was_signed():
    cast = small_consortium(loggers=6)
    sequencer.drain()
    inspector = somebody(cast, "R0901", "inspector")
    for number in range(1, 7):
        told(cast, Story("infused"), number=number)
    sequencer.drain()
    said = checkpoint.parse(inspector.get("/log/checkpoint").content.decode().rpartition("\n\n")[0] + "\n")

    frontier = merkle.Frontier()
    for tile in tiles.tiles_of(said.size):
        answer = inspector.get(f"/log/{tile.path}")
        assert answer.status_code == 200, tile.path
        assert answer["Content-Type"] == "application/octet-stream"
        assert ("immutable" in answer["Cache-Control"]) is (tile.width == tiles.WIDTH)
        if tile.level is None:
            for entry in tiles.parse_bundle(answer.content, tile.width):
                frontier.append(merkle.leaf_hash(entry))
        elif tile.level == 0:
            first = tile.index * tiles.WIDTH
            leaves = Leaf.objects.filter(index__gte=first, index__lt=first + tile.width).order_by("index")
            hashes = [bytes.fromhex(leaf) for leaf in leaves.values_list("record__leaf_hash", flat=True)]
            assert tiles.parse_tile(answer.content, tile.width) == hashes

    assert said.size > tiles.WIDTH
    assert frontier.root() == said.root


@pytest.mark.parametrize(
    "path",
    [
        "0/000",
        "0/999",
        "0/000.p/256",
        "0/0",
        "9/000",
        "entries/000",
        "entries/000.p/0",
        "0/000.p/01",
        "x/000",
        "0/../0",
    ],
)
def test_tiles_that_are_not_there_are_404(inspector, path):
    assert Leaf.objects.count() < tiles.WIDTH
    assert inspector.get(f"/log/tile/{path}").status_code == 404


def test_a_proof_file_verifies_with_the_record_that_it_is_about(cast, inspector, settings):
    therapy = told(cast, Story("collected", stop_before="pack-outbound"))
    sequencer.drain()
    record = therapy.chain.records.order_by("seq").last()
    key = notes.parse_vkey(evidence.log_key())

    proof = inspector.get(reverse("record_proof", args=[record.pk])).content.decode()
    envelope = inspector.get(reverse("record_envelope", args=[record.pk])).content

    tlog_proof.verify(proof, leaf=merkle.leaf_hash(envelope), origin=settings.LOG_ORIGIN, log=key)
    with pytest.raises(Exception, match="root"):
        tlog_proof.verify(proof, leaf=merkle.leaf_hash(envelope + b" "), origin=settings.LOG_ORIGIN, log=key)


def test_a_record_that_waits_has_no_proof_file_yet(cast, inspector):
    therapy = told(cast, Story("ordered", stop_before="booking"))
    record = therapy.chain.records.order_by("seq").last()

    page = inspector.get(reverse("record_proof", args=[record.pk]))

    assert page.status_code == 404
    assert "waits for its place" in words(page)


def test_help_and_privacy_are_open_to_all():
    for name in ("help", "privacy"):
        assert Client().get(reverse(name)).status_code == 200
