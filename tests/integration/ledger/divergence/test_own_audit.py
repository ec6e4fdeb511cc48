"""The portal's own audit: what was edited past the application is found by itself, and silence is heard."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from custody.therapies.models import OpenStep, Therapy
from ledger.clock import now
from ledger.cosigning.models import Cosignature, Witness
from ledger.divergence import queries, watch
from ledger.divergence.models import AuditRound, Divergence
from ledger.divergence.operations import settle
from ledger.log import sequencer, triggers
from ledger.log.models import Chain, Record
from ledger.log.tiles import latest_checkpoint
from ledger.parties.models import Party
from portal.demonstration.story import Story
from portal.demonstration.tampering import _behind_the_triggers
from tests.factories import divergences, people
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def one():
    found = told(small_consortium(), Story("one", stop_before="collect"))
    sequencer.drain(at=found.now)
    return found


def whole_round(at):
    """Turns until the round has ended."""
    before = AuditRound.objects.filter(pk=1).values_list("finished_at", flat=True).first()
    for number in range(2_000):
        watch.turn(at=at + timedelta(seconds=number / 1000), seconds=5)
        if AuditRound.objects.get(pk=1).finished_at != before:
            return
    raise AssertionError("the round never ended")


def found():
    return {(row.kind, row.problem) for row in Divergence.objects.all()}


def test_an_untouched_ledger_gives_no_finding(one):
    whole_round(now())
    assert found() == set()


def test_a_row_that_was_edited_is_found_and_its_value_is_not_told(one):
    Therapy.objects.filter(pk=one.therapy).update(call_name="Somebody Else")

    watch.turn(at=now(), seconds=0.001)

    [(kind, problem)] = found()
    assert (kind, problem) == (
        "mismatch",
        f"custody_therapy {one.therapy}: column call_name is not what the records say",
    )
    [(_, report)] = queries.reports_of(Divergence.objects.get().pk)
    assert b"Somebody Else" not in b"".join(report.evidence.values()) + report.envelope


def test_a_row_of_an_old_chain_is_found_within_a_round(one):
    party = Party.objects.filter(kind="payer").first()
    Party.objects.filter(pk=party.pk).update(name="Another name")

    whole_round(now())

    assert any("ledger_party" in problem and "column name" in problem for _, problem in found())


def test_a_row_that_was_deleted_and_one_that_no_record_makes_are_found(one):
    row = OpenStep.objects.filter(therapy_id=one.therapy).first()
    OpenStep.objects.filter(pk=row.pk).delete()
    row.pk = uuid4()
    row.save(force_insert=True)

    watch.turn(at=now(), seconds=0.001)

    problems = {problem.split(": ")[1] for _, problem in found()}
    assert problems == {"no record makes this row", "a record makes this row, but it is missing"}


def test_a_record_that_was_edited_is_found(one):
    record = Record.objects.order_by("id").first()
    changed = bytes(record.envelope).replace(b'"payload":"e', b'"payload":"f', 1)
    with _behind_the_triggers():
        Record.objects.filter(pk=record.pk).update(envelope=changed)

    whole_round(now())

    assert any(problem.startswith("ledger_record") for _, problem in found())


def test_a_trigger_that_was_dropped_is_found(one):
    with _behind_the_triggers():
        pass
    table = triggers.LEDGER_TABLES[0]
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(f"{table}_no_update")
        on = f" ON {connection.ops.quote_name(table)}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER {name}{on}")

    whole_round(now())

    assert any("trigger" in problem for _, problem in found())


def test_what_is_found_again_is_one_divergence_until_it_is_settled_and_then_open_again(one):
    Chain.objects.filter(subject=one.therapy).update(state={})
    at = now()
    watch.turn(at=at, seconds=0.001)
    watch.turn(at=at + MINUTE, seconds=0.001)
    [first] = queries.divergences(limit=9)
    steward = people.actor("operator_steward", Party.objects.get(kind="operator"))
    settle(divergence=first.id, reason="The row was put right.", by=steward, at=at + 2 * MINUTE)

    watch.turn(at=at + 3 * MINUTE, seconds=0.001)

    again, settled = queries.divergences(limit=9)
    assert (again.open, settled.open, again.reopens) == (True, False, first.id)


def test_the_audit_signs_with_the_operators_key(one):
    Chain.objects.filter(subject=one.therapy).update(state={})
    watch.turn(at=now(), seconds=0.001)

    [line] = queries.divergences(limit=9)
    operator = Party.objects.get(kind="operator")
    assert [by.party for by in line.reporters] == [operator.pk]
    assert line.reporters[0].vkey == watch.reporter(operator).vkey


def listening(at, *, until):
    """Turns each minute, so that the audit knows that it was awake."""
    while at <= until:
        watch.turn(at=at, seconds=0.001)
        at += MINUTE


def silent_witness(at):
    divergences.enrolled(Party.objects.filter(kind="payer").first(), at=at)
    witness, size = Witness.objects.get(), latest_checkpoint().size
    Cosignature.objects.create(witness=witness, size=size, line="x", signed_at=at, first_signed_at=at)
    return witness


def test_a_witness_that_is_silent_for_five_minutes_is_reported_and_settled_when_it_speaks(one):
    at = now()
    witness = silent_witness(at)
    listening(at, until=at + 4 * MINUTE)
    assert found() == set()

    listening(at + 5 * MINUTE, until=at + 7 * MINUTE)
    [(kind, problem)] = found()
    assert kind == "stale"
    assert witness.name in problem

    Cosignature.objects.update(signed_at=at + 8 * MINUTE)
    listening(at + 8 * MINUTE, until=at + 8 * MINUTE)
    [line] = queries.divergences(limit=9)
    assert not line.open
    assert "spoken again" in line.settled.reason


def test_nobody_is_called_silent_by_an_audit_that_slept_itself(one):
    at = now()
    silent_witness(at)
    watch.turn(at=at, seconds=0.001)
    watch.turn(at=at + timedelta(hours=3), seconds=0.001)
    assert found() == set()


def test_a_sequencer_that_stands_still_is_reported(one):
    one.on_to("hand-over-outbound")
    at = now()
    listening(at, until=at + 6 * MINUTE)
    assert any("sequencer stands still" in problem for _, problem in found())
