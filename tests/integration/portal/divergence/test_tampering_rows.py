"""What each attack leaves in the tables: on either engine the triggers stand again afterwards, as if nothing were."""

from __future__ import annotations

import time
from collections import Counter
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from custody.therapies.models import OpenStep, Therapy
from ledger.clock import now
from ledger.divergence import queries, watch
from ledger.divergence.glance import CHAINS, Glance
from ledger.divergence.models import AuditRound
from ledger.log import sequencer, tiles, triggers
from ledger.log.models import Chain, Checkpoint, Record
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
def test_an_edited_row_of_any_therapy_is_seen_within_a_glance_at_all(monkeypatch):
    """Six therapies, later records of other kinds, and none of it among the chains that every turn replays."""
    monkeypatch.setattr(watch, "_GLANCE", Glance())
    cast = small_consortium()
    therapies = [told(cast, Story(f"n{number}", stop_before="collect"), number=number).therapy for number in range(6)]
    for kind in ("treatment_centre", "payer", "courier", "regulator", "manufacturer"):
        organisation(kind)
    sequencer.drain()
    newest = Record.objects.order_by("-id").values_list("chain__subject", flat=True)[: watch.NEWEST]
    assert not set(newest) & set(therapies)
    AuditRound.objects.create(
        pk=1, started_at=now(), turned_at=now(), awake_since=now(), chain=Chain.objects.latest("pk").pk
    )
    groups = sum(-(-n // CHAINS) for n in Counter(Chain.objects.values_list("kind", flat=True)).values())
    for _ in range(groups):
        assert watch.turn(at=now(), seconds=1e-6) == 0
    Therapy.objects.filter(pk=therapies[0]).update(call_name="Somebody Else")

    found = [watch.turn(at=now(), seconds=1e-6) for _ in range(groups)]

    assert sum(found) == 1
    [line] = queries.divergences(limit=5)
    assert (line.kind, str(therapies[0]) in line.problem) == ("mismatch", True)


@pytest.mark.django_db
@pytest.mark.parametrize("edit", ["change", "delete", "add", "state"])
def test_a_glance_tells_what_changed_without_a_record_and_nothing_else(edit):
    cast = small_consortium()
    one = told(cast, Story("one", stop_before="collect"))
    glance, ever = Glance(), time.monotonic() + 3600
    assert list(glance.changed(ever)) == []
    other = told(cast, Story("two", stop_before="collect"), number=1)
    people = list(glance.changed(ever))
    assert [chain.kind for chain in people if chain.subject in (one.therapy, other.therapy)] == []

    step = OpenStep.objects.filter(therapy_id=one.therapy).first()
    if edit == "change":
        Therapy.objects.filter(pk=one.therapy).update(call_name="Somebody Else")
    elif edit == "delete":
        OpenStep.objects.filter(pk=step.pk).delete()
    elif edit == "add":
        step.pk = uuid4()
        step.save(force_insert=True)
    else:
        Chain.objects.filter(subject=one.therapy).update(state={})

    assert [chain.subject for chain in glance.changed(ever)] == [one.therapy]
    assert list(glance.changed(ever)) == []


@pytest.mark.django_db
def test_a_glance_costs_the_same_queries_however_many_therapies_there_are():
    cast = small_consortium()
    asked = []
    for number in range(3):
        told(cast, Story(f"n{number}", stop_before="collect"), number=number)
        with CaptureQueriesContext(connection) as queries_made:
            list(Glance().changed(time.monotonic() + 3600))
        asked.append(len(queries_made))

    assert len(set(asked)) == 1


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
