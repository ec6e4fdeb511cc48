"""A disclosure's chain: who begins it, who may settle it, and that it goes no way that the table of states lacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody import states
from custody.contract import disclosing
from custody.contract.disclosing import DisclosureContract
from ledger.clock import stamp
from ledger.ids import derived
from ledger.log.contract import Refused, State
from ledger.log.entries import Entry
from tests.unit.custody.contract.paper import COMMITMENT, MEMBERS, ORDERED_AT, PaperWorld, Person, party

INSPECTOR, ANALYST = Person("regulator", "inspector"), Person("payer", "payer_analyst")
OFFICER, QA = Person("centre", "data_protection_officer"), Person("maker", "qa")
FIELDS = ["identity/birth_date", "identity/family_name"]
SUBJECT = derived("paper disclosure", "one")
BEGINS = {
    "therapy": str(derived("paper therapy", "one")),
    "fields": FIELDS,
    "purpose": "inspection",
    "until": stamp(ORDERED_AT + timedelta(days=30)),
}
SHOWN = {"shown": {FIELDS[0]: COMMITMENT}, "package": COMMITMENT}
BODIES: dict[str, dict[str, Any]] = {
    disclosing.ASKED: BEGINS | {"holder": str(party("centre"))},
    disclosing.GIVEN: BEGINS | {"receiver": str(party("maker"))} | SHOWN,
    disclosing.ANSWERED: SHOWN,
    disclosing.REFUSED: {"reason": "no_basis"},
    disclosing.WITHDRAWN: {},
    disclosing.TAKEN_BACK: {"reason": "not_needed"},
}


def after(state: State, type: str, by: Person, *, minutes: int = 1, **changes: Any) -> State:
    """The state after one more record. Raises Refused."""
    at = ORDERED_AT + timedelta(minutes=minutes)
    entry = Entry(
        log="paper.example/log",
        chain=derived("chain", disclosing.KIND, SUBJECT),
        chain_kind=disclosing.KIND,
        subject=SUBJECT,
        seq=0,
        prev_hash="0" * 64,
        type=type,
        key="key-1",
        signer=by.signature,
        second=None,
        occurred_at=at,
        recorded_at=at,
        body=BODIES[type] | changes,
    )
    return DisclosureContract().admit(state, entry, PaperWorld())


def asked(by: Person = INSPECTOR) -> State:
    return after(DisclosureContract().initial(), disclosing.ASKED, by)


@pytest.mark.parametrize("by", [INSPECTOR, ANALYST])
def test_who_asked_takes_the_request_back_while_it_is_open(by: Person) -> None:
    state = after(asked(by), disclosing.TAKEN_BACK, by)
    assert state["status"] == "taken_back"
    for type in (disclosing.ANSWERED, disclosing.REFUSED):
        with pytest.raises(Refused, match="not open any more"):
            after(state, type, OFFICER)


@pytest.mark.parametrize("by", [OFFICER, QA, ANALYST, Person("regulator", "administrator"), Person("centre", "nurse")])
def test_nobody_else_takes_it_back(by: Person) -> None:
    with pytest.raises(Refused, match="Only who asked"):
        after(asked(), disclosing.TAKEN_BACK, by)


@pytest.mark.parametrize("settled", [disclosing.ANSWERED, disclosing.REFUSED])
def test_what_was_answered_is_not_taken_back(settled: str) -> None:
    with pytest.raises(Refused, match="not open any more"):
        after(after(asked(), settled, OFFICER), disclosing.TAKEN_BACK, INSPECTOR)


def test_a_receiver_takes_back_nothing_that_it_did_not_ask_for() -> None:
    given_to_the_maker = after(DisclosureContract().initial(), disclosing.GIVEN, OFFICER)
    with pytest.raises(Refused, match="not open any more"):
        after(given_to_the_maker, disclosing.TAKEN_BACK, QA)


@pytest.mark.parametrize("reason", [None, "", "because", 7, "no_basis"])
def test_a_reason_of_the_list_is_needed(reason: object) -> None:
    with pytest.raises(Refused, match="known reasons"):
        after(asked(), disclosing.TAKEN_BACK, INSPECTOR, reason=reason)


def test_a_request_whose_time_is_over_is_not_taken_back() -> None:
    with pytest.raises(Refused, match="is over"):
        after(asked(), disclosing.TAKEN_BACK, INSPECTOR, minutes=31 * 24 * 60)


ROLES = ["inspector", "payer_analyst", "data_protection_officer", "qa", "nurse"]
SENT = st.tuples(
    st.sampled_from(sorted(BODIES)), st.builds(Person, st.sampled_from(sorted(MEMBERS)), st.sampled_from(ROLES))
)
LIKELY = st.sampled_from(
    [
        *((disclosing.ASKED, by) for by in (INSPECTOR, ANALYST)),
        *((disclosing.TAKEN_BACK, by) for by in (INSPECTOR, ANALYST)),
        *((type, OFFICER) for type in BODIES),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(LIKELY, SENT), max_size=12))
def test_no_sequence_leaves_the_table_of_states_and_only_the_two_members_move_it(
    sent: list[tuple[str, Person]],
) -> None:
    state = DisclosureContract().initial()
    for type, by in sent:
        before = state
        try:
            state = after(before, type, by)
        except Refused:
            continue
        assert state["status"] in states.DISCLOSURE[before["status"]]
        assert str(party(by.member)) == (
            state["receiver"] if state["status"] in ("asked", "taken_back") else state["holder"]
        )


def test_every_arrow_of_the_table_can_be_gone() -> None:
    found = set()
    waiting = [DisclosureContract().initial()]
    while waiting:
        before = waiting.pop()
        for type in BODIES:
            for by in (INSPECTOR, OFFICER):
                try:
                    state = after(before, type, by)
                except Refused:
                    continue
                found.add((before["status"], state["status"]))
                waiting.append(state)
    assert found == {(one, to) for one, following in states.DISCLOSURE.items() for to in following}
