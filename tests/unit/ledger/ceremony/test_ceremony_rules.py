"""The shared rules of a ceremony, as every witness replays them: each act on the one before, by whom it may be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from ledger.ceremony import rules
from ledger.ceremony.rules import BEGUN, CONTRIBUTED, FINISHED, SEALED, CeremonyContract
from ledger.log.contract import Refused

CIRCUIT = "segment-600/v2"
OPERATOR, MAKER, CENTRE = (UUID(int=number) for number in (1, 2, 3))
START, ONE, TWO, SEAL = (f"{number:x}" * 128 for number in (1, 2, 3, 4))
BEACON, KEY, FILE = "b" * 64, "c" * 64, "d" * 64
RULES = CeremonyContract()


class World:
    """The parties by what they are, and the documents that are on the ledger."""

    def party(self, party: UUID) -> Any:
        return SimpleNamespace(id=party, kind="operator" if party == OPERATOR else "manufacturer")

    def document(self, digest: str) -> Any:
        if digest != KEY:
            raise Refused("There is no such document.")
        return {"protocol": "groth16"}


def admit(state: Any, type: str, by: UUID, **body: Any) -> Any:
    entry = SimpleNamespace(type=type, subject=rules.subject(), party=by, body={"circuit": CIRCUIT, **body})
    return RULES.admit(state, entry, World())  # type: ignore[arg-type]


def begun(state: Any = None, by: UUID = OPERATOR, **changed: Any) -> Any:
    body = dict.fromkeys(("circuit_digest", "constraints", "phase1", "file"), FILE)
    said = {"start": START, "beacon_source": "a block still to come", **body, **changed}
    return admit(RULES.initial() if state is None else state, BEGUN, by, **said)


def contributed(state: Any, by: UUID, before: str, made: str, number: int) -> Any:
    return admit(state, CONTRIBUTED, by, before=before, contribution=made, number=number, file=FILE)


def twice(state: Any = None) -> Any:
    first = contributed(begun(state), MAKER, START, ONE, 1)
    return contributed(first, CENTRE, ONE, TWO, 2)


def sealed(state: Any, **changed: Any) -> Any:
    said = {"before": TWO, "contribution": SEAL, "beacon": BEACON, "exponent": 10, "file": FILE, **changed}
    return admit(state, SEALED, OPERATOR, **said)


def finished(state: Any, **changed: Any) -> Any:
    return admit(state, FINISHED, OPERATOR, **{"key": KEY, "file": FILE, **changed})


def test_a_ceremony_goes_from_its_beginning_to_a_key() -> None:
    state = finished(sealed(twice()))

    run = state["circuits"][CIRCUIT]
    assert (run["status"], run["key"], len(run["contributions"])) == ("finished", KEY, 2)
    assert (state["keys"], state["beacons"]) == ([KEY], [BEACON])


def test_admitting_changes_no_state_that_was_given() -> None:
    before = begun()
    contributed(before, MAKER, START, ONE, 1)

    assert before == begun()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: contributed(begun(), MAKER, ONE, TWO, 1), "does not follow the newest accepted"),
        (lambda: contributed(twice(), OPERATOR, START, SEAL, 3), "does not follow the newest accepted"),
        (lambda: contributed(begun(), MAKER, START, ONE, 2), "next contribution is number 1"),
        (lambda: contributed(twice(), MAKER, TWO, SEAL, 3), "has contributed"),
        (lambda: contributed(sealed(twice()), OPERATOR, SEAL, ONE, 3), "sealed this ceremony"),
        (lambda: contributed(RULES.initial(), MAKER, START, ONE, 1), "No ceremony"),
        (lambda: contributed(begun(), MAKER, START, ONE[:-1], 1), "not well formed"),
        (lambda: sealed(contributed(begun(), MAKER, START, ONE, 1), before=ONE), "At least 2 organisations"),
        (lambda: sealed(twice(), beacon="xyz"), "not well formed"),
        (lambda: sealed(twice(), exponent=True), "exponent"),
        (lambda: sealed(twice(), before=ONE), "does not follow"),
        (lambda: sealed(sealed(twice())), "sealed this ceremony"),
        (lambda: sealed(twice(finished(sealed(twice())))), "beacon has been used"),
        (lambda: finished(twice()), "finished after its beacon"),
        (lambda: finished(sealed(twice()), file="e" * 64), "not of the file that the beacon sealed"),
        (lambda: finished(sealed(twice()), key="e" * 64), "no such document"),
        (lambda: begun(begun()), "is under way"),
        (lambda: begun(by=MAKER), "operator begins"),
        (lambda: begun(beacon_source=""), "public random beacon"),
        (lambda: begun(circuit="another"), "not well formed"),
        (lambda: admit(begun(), "ledger.ceremony.undone/v1", OPERATOR), "know no record"),
    ],
)
def test_what_a_ceremony_does_not_allow_is_refused_with_words(act: Any, words: str) -> None:
    with pytest.raises(Refused, match=words):
        act()


def test_ceremonies_have_one_chain() -> None:
    entry = SimpleNamespace(type=BEGUN, subject=UUID(int=9), party=OPERATOR, body={"circuit": CIRCUIT})

    with pytest.raises(Refused, match="one chain"):
        RULES.admit(RULES.initial(), entry, World())  # type: ignore[arg-type]
