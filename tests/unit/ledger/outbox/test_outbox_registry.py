"""The registry of handlers, the table of states, and what is kept of an exception."""

import pytest

from ledger.errors import BadInput
from ledger.outbox import handlers
from ledger.outbox.errors import Quarantine, UnknownJobKind, describe
from ledger.outbox.models import TRANSITIONS, JobState


def _raised(problem: BaseException) -> BaseException:
    try:
        raise problem
    except BaseException as caught:
        return caught


def test_two_functions_cannot_handle_one_kind():
    @handlers.handles("test.registry", queue="notify")
    def first(payload, run): ...

    def second(payload, run): ...

    try:
        with pytest.raises(ValueError, match="handled by"):
            handlers.handles("test.registry")(second)
        assert handlers.handler_for("test.registry").function is first
        assert "notify" in handlers.known_queues()
    finally:
        handlers.unregister("test.registry")


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownJobKind, match=r"test\.nobody"):
        handlers.handler_for("test.nobody")


def test_every_state_stands_in_the_transition_table():
    assert set(TRANSITIONS) == set(JobState)
    assert all(target in TRANSITIONS for targets in TRANSITIONS.values() for target in targets)
    assert {state for state, targets in TRANSITIONS.items() if not targets} == {JobState.DONE, JobState.CANCELLED}


def test_our_own_words_are_kept():
    assert describe(_raised(BadInput("Weigh the patient again."))) == "BadInput: Weigh the patient again."
    assert describe(_raised(Quarantine("no such proof key"))) == "Quarantine: no such proof key"


def test_a_foreign_exceptions_words_are_not_kept():
    text = describe(_raised(ValueError("could not read 'Florence Nightingale'")))

    assert "Nightingale" not in text
    assert text.startswith("ValueError at test_outbox_registry.py:")


def test_the_operating_systems_words_are_kept_without_the_file():
    text = describe(_raised(FileNotFoundError(2, "No such file or directory", "florence.csv")))

    assert "No such file" in text
    assert "florence" not in text


def test_a_description_fits_its_column():
    assert len(describe(_raised(BadInput("x" * 2000)))) == 500
