"""What each attack leaves in the tables: on either engine the triggers stand again afterwards, as if nothing were."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.clock import now
from ledger.divergence import queries, watch
from ledger.log import sequencer, tiles, triggers
from ledger.log.models import Checkpoint, Record
from portal.demonstration import tampering
from portal.demonstration.story import Story
from tests.factories.people import organisation
from tests.factories.therapies import small_consortium, told


@pytest.fixture
def log():
    for kind in ("treatment_centre", "payer", "courier", "regulator"):
        organisation(kind)
    sequencer.drain()


def attacked(kind):
    before = tiles.latest_checkpoint()
    envelopes = set(map(bytes, Record.objects.values_list("envelope", flat=True)))
    assert tampering.KINDS[kind](at=now())
    assert triggers.missing(connection, triggers.LEDGER_TABLES + triggers.DIVERGENCE_TABLES) == []
    after = tiles.latest_checkpoint()
    changed = envelopes - set(map(bytes, Record.objects.values_list("envelope", flat=True)))
    return before, after, len(changed)


@pytest.mark.django_db
def test_an_edited_record_leaves_all_else_as_it_was(log):
    before, after, changed = attacked("edit-record")
    assert (before.note, changed) == (after.note, 1)


@pytest.mark.django_db
def test_a_rewritten_log_is_consistent_in_itself(log):
    before, after, changed = attacked("rewrite-log")
    assert (after.size, changed) == (before.size + 1, 1)
    assert tiles.frontier_at(after.size).root().hex() == after.root


@pytest.mark.django_db
def test_an_edited_row_of_a_therapy_is_seen_by_the_portals_own_audit():
    one = told(small_consortium(), Story("one", stop_before="collect"))
    sequencer.drain(at=one.now)
    _, _, changed = attacked("edit-row")
    assert changed == 0

    assert watch.turn(at=now(), seconds=0.001) == 1

    [line] = queries.divergences(limit=5)
    assert (line.kind, "custody_therapy" in line.problem) == ("mismatch", True)


@pytest.mark.django_db
def test_a_second_view_has_the_same_size(log):
    before, after, changed = attacked("split-view")
    assert (after.size, changed) == (before.size, 0)
    assert after.root != before.root


@pytest.mark.django_db
def test_a_rollback_hides_the_newest_records(log):
    before, after, changed = attacked("rollback")
    assert (after.size, changed) == (before.size - 2, 0)
    assert not Checkpoint.objects.filter(size__gt=after.size).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(tampering.KINDS))
def test_an_empty_log_cannot_be_attacked(kind):
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("unsafe_tamper", kind)


@pytest.mark.django_db
@pytest.mark.postgres(orm=True)
@pytest.mark.parametrize("kind", sorted(tampering.KINDS))
def test_every_attack_works_on_postgresql_as_well(kind):
    one = told(small_consortium(), Story("one", stop_before="collect"))
    sequencer.drain(at=one.now)

    attacked(kind)
