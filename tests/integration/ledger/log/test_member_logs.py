"""One log a member: where records go, how chains cross, in which order they are placed, and that verify holds them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from ledger.crypto import checkpoint, notes
from ledger.log import log_rules, member_logs, sequencer
from ledger.log.models import Chain, Checkpoint, Leaf, MemberLog, PendingRecord, Record, Tile
from ledger.log.queries import entry_in
from ledger.log.verification import findings
from ledger.parties.actor import service_actor
from ledger.parties.key_operations import add_key, rotate_key
from portal.demonstration.story import Story
from tests import append_only
from tests.factories import plain
from tests.factories.member_logs import one_log_a_member
from tests.factories.people import organisation
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
ORIGIN = settings.LOG_ORIGIN


@pytest.fixture
def own_logs(db):
    with one_log_a_member():
        yield


def by(party):
    return service_actor(
        party=party.id,
        party_code=party.code,
        party_kind=party.kind,
        service="test",
        permissions=frozenset({"keys.manage"}),
    )


def note_by(party, chain):
    return plain.note(subject=chain.subject, body={"text": "noted"}, by=by(party), at=plain.AT, key=str(uuid4()))


@pytest.fixture
def makers(own_logs):
    return [organisation("manufacturer", number) for number in (1, 2)]


def test_a_members_record_goes_to_its_own_log(makers):
    record = note_by(makers[0], plain.plain_chain())

    entry = entry_in(record)
    assert entry.log == f"{ORIGIN}/{makers[0].code.lower()}"
    assert entry.prev_log == ""
    assert entry.seen == {ORIGIN: 0}


def test_members_and_their_logs_are_announced_in_the_operators_log(makers):
    note_by(makers[0], plain.plain_chain())

    announced = Record.objects.get(type=log_rules.OPENED)
    assert {entry_in(row).log for row in Record.objects.filter(chain__kind__in=("register", "log"))} == {ORIGIN}
    assert announced.chain.subject == makers[0].id
    assert MemberLog.objects.get().code == makers[0].code.lower()


def test_a_log_is_announced_once_however_much_is_written(makers):
    chain = plain.plain_chain()

    for _ in range(3):
        note_by(makers[0], chain)

    assert Record.objects.filter(type=log_rules.OPENED).count() == 1


def test_a_chain_that_crosses_names_the_log_it_comes_from(makers):
    chain = plain.plain_chain()
    first, second, third = (note_by(maker, chain) for maker in (makers[0], makers[1], makers[1]))

    crossed, stayed = entry_in(second), entry_in(third)
    assert (crossed.prev_log, crossed.prev_hash) == (entry_in(first).log, first.entry_hash)
    assert (stayed.prev_log, stayed.prev_hash) == ("", second.entry_hash)


def test_each_log_has_a_tree_and_a_key_of_its_own(makers):
    for maker in makers:
        note_by(maker, plain.plain_chain())
    sequencer.drain()

    for code in member_logs.every_log():
        newest = Checkpoint.objects.filter(log=code).latest("size")
        key = notes.parse_vkey(member_logs.verifier_key(code))
        said = checkpoint.open_checkpoint(newest.note, origin=key.name, log=key).checkpoint
        assert said.size == Leaf.objects.filter(log=code).count() > 0
    keys = {notes.parse_vkey(member_logs.verifier_key(code)).public_key for code in member_logs.every_log()}
    assert len(keys) == 3


def test_a_record_is_never_placed_before_the_one_it_links_to(makers):
    chain = plain.plain_chain()
    for turn in range(6):
        note_by(makers[turn % 2], chain)

    while sequencer.run_once():
        waiting = set(PendingRecord.objects.values_list("record__seq", flat=True).filter(record__chain=chain))
        placed = set(Leaf.objects.values_list("record__seq", flat=True).filter(record__chain=chain))
        assert not waiting or max(placed, default=-1) < min(waiting)

    positions = list(
        Leaf.objects.filter(record__chain=chain).order_by("record__seq").values_list("position", flat=True)
    )
    assert positions == sorted(positions)
    assert len(positions) == 6


def test_positions_count_the_leaves_of_all_logs(makers):
    for maker in makers:
        note_by(maker, plain.plain_chain())
    sequencer.drain()

    assert list(Leaf.objects.order_by("position").values_list("position", flat=True)) == list(
        range(Leaf.objects.count())
    )


def test_verify_holds_all_logs(makers):
    chain = plain.plain_chain()
    for maker in (*makers, *makers):
        note_by(maker, chain)
    sequencer.drain()
    note_by(makers[0], chain)

    assert list(findings()) == []


def test_a_members_own_key_counts_from_its_place_in_its_own_log(makers):
    other = organisation("manufacturer", 3)
    rotate_key(by=by(other), at=plain.AT, key=str(uuid4()))
    add_key(by=by(other), at=plain.AT, key=str(uuid4()))
    note_by(other, plain.plain_chain())
    sequencer.drain()

    changes = Record.objects.filter(chain__kind="register", chain__subject=other.id, seq__gt=0)
    assert list(changes.values_list("log", flat=True)) == [other.code.lower()] * 2
    assert list(findings()) == []


def test_an_installation_with_data_goes_on_in_members_logs_and_back():
    maker, chain = organisation("manufacturer"), plain.plain_chain()
    old = note_by(maker, chain)
    sequencer.drain()

    with one_log_a_member():
        new = note_by(maker, chain)
        sequencer.drain()
    back = note_by(maker, chain)
    sequencer.drain()

    assert [entry_in(row).prev_log for row in (old, new, back)] == ["", ORIGIN, f"{ORIGIN}/{maker.code.lower()}"]
    assert entry_in(back).seen == {f"{ORIGIN}/{maker.code.lower()}": 1}
    assert list(findings()) == []


def test_a_therapy_lives_across_its_members_logs_and_verify_holds(own_logs):
    one = told(small_consortium(days=60), Story("home", stop_before="infuse"))
    sequencer.drain()

    spread = set(Record.objects.filter(chain__kind="therapy", chain__subject=one.therapy).values_list("log", flat=True))
    assert len(spread) >= 3
    assert list(findings()) == []


@pytest.mark.parametrize("change", ["envelope", "tile", "checkpoint", "leaf"])
def test_a_changed_row_of_a_members_log_is_named(makers, change):
    record = note_by(makers[0], plain.plain_chain())
    sequencer.drain()
    code = makers[0].code.lower()

    with append_only.lifted(connection):
        if change == "envelope":
            Record.objects.filter(pk=record.pk).update(envelope=bytes(record.envelope).replace(b"payload", b"paylord"))
        elif change == "tile":
            Tile.objects.filter(log=code).update(hashes=b"\x00" * 32)
        elif change == "checkpoint":
            Checkpoint.objects.filter(log=code).update(root="00" * 32)
        else:
            Leaf.objects.filter(log=code).update(index=7)
        found = [str(one) for one in findings()]

    expected = {"envelope": str(record.pk), "tile": f"ledger_tile {code}", "checkpoint": f"ledger_checkpoint {code} 1",
                "leaf": f"ledger_leaf {code} 7"}  # fmt: skip
    assert any(expected[change] in one for one in found), found


def test_a_record_moved_to_another_log_is_named(makers):
    chain = plain.plain_chain()
    note_by(makers[0], chain)
    record = note_by(makers[1], chain)
    sequencer.drain()

    with append_only.lifted(connection):
        Record.objects.filter(pk=record.pk).update(log=makers[0].code.lower())
        found = [str(one) for one in findings()]

    assert f"ledger_record {record.pk}: its column log is not what was signed" in found


def test_a_log_that_nobody_announced_is_named(makers):
    Checkpoint.objects.create(log="nobody", size=1, root="00" * 32, note="", signed_at=plain.AT)

    found = [str(one) for one in findings()]

    assert found == ["ledger_checkpoint checkpoint 1: no record opens a log 'nobody'"]


def test_one_log_is_the_default_and_its_records_say_nothing_of_others():
    record = note_by(organisation("manufacturer"), plain.plain_chain())

    assert b"seen" not in bytes(record.envelope)
    assert not {"prev_log", "seen"} & entry_in(record).as_json().keys()
    assert Chain.objects.get(pk=record.chain_id).head_log == ""
    assert not MemberLog.objects.exists()
