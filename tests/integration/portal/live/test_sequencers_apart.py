"""Whose processes give records their place: two servers at once, or `manage.py sequencer` alone, one after another."""

from __future__ import annotations

import signal

import pytest

SEQUENCER = ("manage.py", "sequencer")


def _all_placed(site, records):
    return lambda: site.ask("placed", records=records) == len(records)


@pytest.mark.postgres
def test_two_servers_on_one_database_give_each_record_one_index(install, free_port):
    site = install("postgresql", NEEDLEPOINT_WORKER="embedded")
    site.ask("write_records", count=1)
    servers = [
        site.start(*("-m", "uvicorn", "portal.asgi:application", "--port", str(port)), "--log-level", "warning")
        for port in (free_port, free_port + 1)
    ]
    site.until(lambda: site.ask("leaves") > 0, 60, "a server's sequencer is at work")

    records = [record for _ in range(6) for record in site.ask("write_records", count=60)]
    site.until(_all_placed(site, records), 30, "every record has its place")

    assert [server.poll() for server in servers] == [None, None]
    assert site.ask("log_problems") == []


@pytest.mark.postgres
def test_a_killed_sequencer_is_followed_by_the_next_one(install):
    site = install("postgresql", NEEDLEPOINT_SEQUENCER="apart")
    first, second = site.start(*SEQUENCER), site.start(*SEQUENCER)
    records = site.ask("write_records", count=20)
    site.until(_all_placed(site, records), 60, "they are at work")

    site.kill(first)
    more = site.ask("write_records", count=20)
    site.until(_all_placed(site, more), 5, "the other one goes on")

    assert second.poll() is None
    assert site.ask("log_problems") == []


def test_a_sequencer_told_to_stop_ends_its_batch_and_hands_over(install):
    site = install("sqlite")
    first = site.start(*SEQUENCER)
    site.until(_all_placed(site, site.ask("write_records", count=20)), 60, "it is at work")

    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=15) == 0
    waiting = site.ask("write_records", count=5)
    assert site.ask("placed", records=waiting) == 0
    site.start(*SEQUENCER)
    site.until(_all_placed(site, waiting), 60, "the next one goes on")

    assert site.ask("log_problems") == []


@pytest.mark.parametrize(("apart", "wanted"), [(True, False), (False, True)])
def test_a_worker_leaves_the_log_to_a_sequencer_that_stands_apart(install, apart, wanted):
    site = install("sqlite", NEEDLEPOINT_SEQUENCER="apart" if apart else "worker")
    site.start("manage.py", "worker", "--queues", "default")
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 0}])
    records = site.ask("write_records", count=3)
    site.until(lambda: site.marks("end"), 60, "the worker works")
    if wanted:
        site.until(_all_placed(site, records), 10, "it gives records their place")

    assert (site.ask("placed", records=records) == 3) is wanted
