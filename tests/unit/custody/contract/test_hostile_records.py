"""Whatever a record says, the contract admits it or gives a reason; it never breaks and never changes its input."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.contract.therapy import _KIND_OF_TYPE, _record_clauses
from custody.protocols.document import RECORD_TYPES
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import COMMITMENT, MEMBERS, Paper, Person, party

TYPES = sorted({*_KIND_OF_TYPE, *_record_clauses, "custody.miracle.worked/v1"})
SOMEBODY = st.builds(
    Person,
    st.sampled_from(sorted(MEMBERS)),
    st.sampled_from(["nurse", "coordinator", "physician", "cell_lab", "operator", "qa", "qp", "courier", "qc_analyst"]),
    st.sampled_from(["A", "B"]),
)
KNOWN_WORDS = ["", "collect", "order", "outbound", "yes", "1", "2026-03-02T09:00:00.000000Z", COMMITMENT]
WORDS = st.one_of(st.sampled_from([*KNOWN_WORDS, str(party("maker"))]), st.text(max_size=30))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)
MEMBERS_OF_BODIES = [
    *("step", "started_at", "in_limits", "values", "sealed", "scans", "leaf", "test_leaf", "approved", "bookings"),
    *("seal", "container", "logger", "handoff", "to", "reason", "id", "kind", "finding", "resolution", "cause"),
    *("scanned", "how", "leg", "root", "series", "count", "first_at", "last_at", "device", "signature", "segment"),
    *("inputs", "proof", "circuit", "key", "reasons", "protocol", "coi", "call_name", "patient", "payer", "consent"),
    *("eligible", "identity", "why", "copies"),
]
BODIES = st.dictionaries(st.sampled_from(MEMBERS_OF_BODIES), JSON, max_size=12)


def stations() -> dict[str, Paper]:
    """The therapy as it stands at several points of its way."""
    places = (
        "booking",
        "collect",
        "pickup-outbound",
        "accept-starting-material",
        "test-sterility",
        "release",
        "infuse",
    )
    found = {"none": Paper(), "ended": Paper().walk(after="infuse")}
    return found | {place: Paper().walk(before=place) for place in places}


STATIONS = stations()


def attempt(paper: Paper, type: str, body: dict[str, Any], by: Person, second: Person | None) -> None:
    before = copy.deepcopy(paper.state)
    entry = paper.entry(type, body, by, second=second)
    try:
        after = paper.contract.admit(paper.state, entry, paper.world)
    except Refused:
        pass
    else:
        assert paper.contract.admit(paper.state, entry, paper.world) == after
        assert json.loads(json.dumps(after)) == after
    assert paper.state == before


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(STATIONS)), st.sampled_from(TYPES), BODIES, SOMEBODY, st.none() | SOMEBODY)
def test_no_body_breaks_the_contract(station: str, type: str, body: dict[str, Any], by: Person, second: Any) -> None:
    attempt(STATIONS[station], type, body, by, second)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_change_to_a_good_record_breaks_the_contract(data: st.DataObject) -> None:
    """A good record with one member, or one inside it, replaced by anything at all."""
    paper = STATIONS[data.draw(st.sampled_from(sorted(set(STATIONS) - {"none", "ended"})))]
    step = data.draw(st.sampled_from([s for s in paper.protocol.steps if s.code not in paper.state["done"]]))
    good = paper.step_entry(step.code)
    body = copy.deepcopy(dict(good.body))
    place: Any = body
    while True:
        name = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(JSON)
    attempt(paper, good.type, body, paper.by(step), paper.second(step))


@pytest.mark.parametrize("type", sorted(RECORD_TYPES.values()))
@pytest.mark.parametrize("body", [{}, {"step": None}, {"step": []}, {"step": "x" * 1000}])
def test_a_record_without_a_step_is_refused(type: str, body: dict[str, Any]) -> None:
    paper = STATIONS["release"]
    with pytest.raises(Refused):
        paper.contract.admit(paper.state, paper.entry(type, body, Person("maker", "qp")), paper.world)


@pytest.mark.parametrize("body", [None, [], "order", 7])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    for paper in (STATIONS["none"], STATIONS["release"]):
        for type in TYPES:
            with pytest.raises(Refused):
                paper.contract.admit(paper.state, paper.entry(type, body, Person("centre", "physician")), paper.world)
