"""One log a member: a witness of several logs finds the same in whatever order it reads them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.ids import derived
from ledger.log.entries import GENESIS
from ledger.witness.breaches import Breach
from ledger.witness.follow import Turn
from ledger.witness.store import Store
from tests.unit.ledger.witness.logs import ORIGIN, signer_of
from tests.unit.ledger.witness.members import THING, Members, consortium, judged


@pytest.fixture
def members():
    """Three members who write to one chain in turn."""
    made = Members(3)
    for number in (1, 2, 3, 1):
        made.tell(number)
    return made


def chain_of(store, subject=THING):
    return store.chain(ORIGIN, str(derived("chain", "tells", subject)))


def breaches(outcomes):
    return {(name, one.index): one for name, one in outcomes.items() if isinstance(one, Breach)}


def test_all_logs_are_found_checked_and_cosigned(members, store, keys):
    outcomes = consortium(store, keys, members.logs).turn()

    assert {name: one.cosigned for name, one in outcomes.items() if isinstance(one, Turn)} == {
        name: log.size for name, log in members.logs.items()
    }
    assert chain_of(store).state == {"codes": ["X0001", "X0002", "X0003", "X0001"]}


def test_a_copy_of_each_log_is_kept(members, store, keys):
    consortium(store, keys, members.logs).turn()

    for name, log in members.logs.items():
        assert store.entries(name, 0, log.size) == log.all


def test_a_record_waits_for_the_one_before_it_in_another_log(members, store, keys):
    first = members.logs[members.name(1)]
    first.size = 0
    witness = consortium(store, keys, members.logs)

    waiting = witness.turn()
    verified = store.log(members.name(2)).verified
    first.size = 2

    assert not breaches(waiting)
    assert verified == 0
    assert not breaches(witness.turn())
    assert store.log(members.name(2)).cosigned_size == 1


def test_a_record_waits_for_what_its_author_had_seen(members, store, keys):
    members.enrol(4)
    members.tell(1)
    members.logs[ORIGIN].size -= 1
    witness = consortium(store, keys, members.logs)

    witness.turn()
    before = store.log(members.name(1)).verified
    members.logs[ORIGIN].size += 1
    witness.turn()

    assert (before, store.log(members.name(1)).verified) == (2, 3)


def test_what_is_waited_for_and_never_comes_is_a_breach_at_its_place(members, store, keys):
    members.tell(2, after=(4, "ab" * 32, members.name(1)))

    found = breaches(consortium(store, keys, members.logs, patience=0).turn())

    assert set(found) == {(members.name(2), 1)}
    assert found[members.name(2), 1].kind == "broken_link"
    assert "entry-1" in found[members.name(2), 1].evidence
    assert store.log(members.name(2)).cosigned_size == 0


def test_claiming_to_have_seen_more_than_there_is_is_a_breach(members, store, keys):
    members.tell(3, seen={ORIGIN: 1_000})

    assert set(breaches(consortium(store, keys, members.logs, patience=0).turn())) == {(members.name(3), 1)}


def test_a_record_that_has_seen_less_than_the_one_before_it_is_a_breach(members, store, keys):
    members.tell(3, seen={ORIGIN: 1})

    [found] = breaches(consortium(store, keys, members.logs).turn()).values()

    assert (found.kind, found.index) == ("broken_link", 1)
    assert "had seen more of the log" in found.problem


def test_a_record_in_another_members_log_is_a_breach(members, store, keys):
    members.tell(2, log=members.name(3))

    [found] = breaches(consortium(store, keys, members.logs).turn()).values()

    assert (found.origin, found.index) == (members.name(3), 1)
    assert "which is not its author's" in found.problem


def test_a_record_that_hides_where_it_comes_from_is_a_breach(members, store, keys):
    seq, head, _ = members.heads[derived("chain", "tells", THING)]
    members.tell(2, after=(seq, head, members.name(2)))

    [found] = breaches(consortium(store, keys, members.logs).turn()).values()

    assert (found.kind, found.index) == ("broken_link", 1)
    assert "names no other log" in found.problem


@pytest.mark.parametrize("hidden", [2, 3])
def test_two_records_with_one_number_are_both_named_whichever_came_first(members, store, keys, hidden):
    end = members.heads[derived("chain", "tells", THING)]
    members.tell(2, after=end)
    members.tell(3, after=end)
    members.logs[members.name(hidden)].size = 1
    witness = consortium(store, keys, members.logs)
    witness.turn()
    members.logs[members.name(hidden)].size = 2

    found = breaches(witness.turn())

    assert set(found) == {(members.name(2), 1), (members.name(3), 1)}
    assert {one.problem for one in found.values()} == {
        f"Two records are number 4 of one chain: record 1 of {members.name(2)} and record 1 of {members.name(3)}."
    }


def test_after_two_rival_records_neither_log_is_cosigned(members, store, keys):
    end = members.heads[derived("chain", "tells", THING)]
    members.tell(2, after=end)
    members.tell(3, after=end)
    witness = consortium(store, keys, members.logs)
    witness.turn()
    cosigned = [store.log(members.name(number)).cosigned_size for number in (2, 3)]
    members.tell(1, subject=derived("elsewhere"))

    witness.turn()

    assert [store.log(members.name(number)).cosigned_size for number in (2, 3)] == cosigned
    assert store.log(members.name(1)).cosigned_size == 3


def test_a_members_own_key_counts_from_its_own_record_on(members, store, keys):
    members.tell(2, subject=derived("early"), signer=signer_of(41))
    members.add_key(2, 41)

    [found] = breaches(consortium(store, keys, members.logs, patience=0).turn()).values()

    assert (found.origin, found.index) == (members.name(2), 1)


def test_a_key_that_was_added_signs_what_follows(members, store, keys):
    members.add_key(2, 41)
    members.tell(2, signer=signer_of(41))

    assert not breaches(consortium(store, keys, members.logs, patience=0).turn())


def test_a_revocation_by_the_operator_counts_for_who_has_seen_it(members, store, keys):
    members.revoke(2)
    members.tell(2)

    [found] = breaches(consortium(store, keys, members.logs).turn()).values()

    assert (found.kind, found.origin, found.index) == ("unknown_key", members.name(2), 1)
    assert "revoked" in found.problem


def test_a_revocation_that_was_not_seen_does_not_count(members, store, keys):
    seen = {ORIGIN: members.logs[ORIGIN].size}
    members.revoke(2)
    members.tell(2, subject=derived("meanwhile"), seen=seen)

    assert not breaches(consortium(store, keys, members.logs).turn())


def test_a_forged_signature_in_a_members_log_is_a_breach_at_once(members, store, keys):
    data = members.tell(2)
    members.logs[members.name(2)].all[-1] = data.replace(b'"sig":"', b'"sig":"AAAA', 1)

    assert set(breaches(consortium(store, keys, members.logs).turn())) == {(members.name(2), 1)}


def test_a_broken_log_does_not_stop_the_others(members, store, keys):
    members.tell(2, subject=derived("a"), seen={ORIGIN: 1_000})
    members.tell(3, subject=derived("b"))

    outcomes = consortium(store, keys, members.logs, patience=0).turn()

    assert set(breaches(outcomes)) == {(members.name(2), 1)}
    assert store.log(members.name(3)).cosigned_size == 2


def test_a_witness_that_begins_anew_knows_its_logs(members, store, keys):
    consortium(store, keys, members.logs).turn()
    members.tell(3)

    consortium(store, keys, members.logs).turn()

    assert store.log(members.name(3)).cosigned_size == 2


ACTS = st.lists(
    st.tuples(st.sampled_from(["tell", "tell", "tell", "key", "enrol"]), st.integers(1, 3), st.integers(0, 2)),
    min_size=4,
    max_size=14,
)


@settings(max_examples=20)
@given(acts=ACTS, data=st.data())
def test_every_order_of_reading_gives_the_same(keys, acts, data):
    members, fresh = Members(3), 40
    for what, number, subject in acts:
        fresh += 1
        if what == "tell":
            members.tell(number, subject=derived("thing", subject))
        elif what == "key":
            members.add_key(number, fresh)
        else:
            members.enrol(fresh)
    sizes = {name: len(log.all) for name, log in members.logs.items()}
    steps = [name for name, size in sizes.items() for _ in range(size)]

    with tempfile.TemporaryDirectory() as folder:
        found = []
        for reading in range(2):
            order = data.draw(st.permutations(steps))
            store = Store(Path(folder) / f"{reading}.sqlite3")
            for log in members.logs.values():
                log.size = 0
            witness = consortium(store, keys, members.logs)
            for place, name in enumerate(order):
                members.logs[name].size += 1
                if place % 3 == reading:
                    assert not breaches(witness.turn())
            assert not breaches(witness.turn())
            found.append(judged(store, members))
            store.close()

    assert found[0] == found[1]
    assert found[0]["sizes"] == sizes


def test_the_first_record_of_a_chain_names_no_other_log(members, store, keys):
    members.tell(2, subject=derived("new"), after=(0, GENESIS, ""))

    assert not breaches(consortium(store, keys, members.logs).turn())
