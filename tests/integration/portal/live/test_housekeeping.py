"""Holds that ran out go by themselves, in every kind of process that does background work; no chore stops another."""

from __future__ import annotations

import pytest

from portal.live import housekeeping
from portal.live.background import Background


def test_a_worker_lets_a_hold_go_that_ran_out_with_nobody_looking(install, engine):
    site = install(engine)
    gone, kept = site.ask("hold", minutes=-1), site.ask("hold", minutes=50)
    assert set(site.ask("held_slots")) == {gone, kept}

    site.start("manage.py", "worker")

    site.until(lambda: gone not in site.ask("held_slots"), 30, "the hold that ran out is gone")
    assert site.ask("held_slots") == [kept]


@pytest.mark.parametrize(("arguments", "wanted"), [({}, True), ({"queues": ()}, True), ({"sequence": False}, False)])
def test_who_runs_the_sequencer_tidies_up(arguments, wanted):
    """The server's own threads, the worker, and Celery's main process, which has no queues of its own."""
    names = {loop.name for loop in Background(**arguments)._loops}

    assert ("needlepoint-housekeeping" in names) is wanted


@pytest.mark.parametrize(
    ("apart", "queues", "proves"),
    [(False, None, True), (True, None, False), (True, {"proofs"}, True)],
)
def test_proofs_are_left_to_a_worker_of_their_own_where_the_settings_say_so(settings, apart, queues, proves):
    settings.PROVER_APART = apart

    names = {loop.name for loop in Background(queues=queues, sequence=False)._loops}

    assert ("needlepoint-outbox-proofs" in names) is proves
    assert ("needlepoint-outbox-default" in names) is (queues is None)


def test_a_chore_that_fails_stops_no_other(monkeypatch):
    def broken(*, at):
        raise RuntimeError("the database is away")

    monkeypatch.setattr(housekeeping, "CHORES", {"one": broken, "two": lambda *, at: 3})

    assert housekeeping.run_once() == {"two": 3}
