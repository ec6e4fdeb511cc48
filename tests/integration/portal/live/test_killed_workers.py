"""Workers that are killed: nothing is lost, every job is done at least once (DESIGN §11)."""

import signal
import time

import pytest

WORKER = ("manage.py", "worker", "--queues", "default")


def _all_done(site, count):
    jobs = site.ask("jobs")
    return len(jobs) == count and all(job["state"] == "done" for job in jobs)


def test_a_worker_killed_in_the_middle_of_a_job_loses_nothing(install, engine):
    site = install(engine)
    site.ask(
        "enqueue", kind="probe.work", payloads=[{"n": n, "first_seconds": 600 if n == 5 else 0} for n in range(20)]
    )
    first = site.start(*WORKER)
    site.until(lambda: 5 in {n for n, _, _ in site.marks("begin")}, 60, "job 5 begins")

    site.kill(first)
    before = site.ask("jobs")
    assert [job["n"] for job in before if job["state"] == "leased"] == [5]
    second = site.start(*WORKER)
    site.until(lambda: _all_done(site, 20), 60, "the second worker does the rest")

    assert {n for n, _, _ in site.marks("end")} == set(range(20))
    assert [(n, attempt) for n, attempt, pid in site.marks("end") if attempt > 1] == [(5, 2)]
    assert {pid for n, _, pid in site.marks("end") if n == 5} == {second.pid}
    assert len(site.marks("begin")) == 21


def test_workers_killed_again_and_again_lose_nothing(install, engine):
    site = install(engine)
    site.ask("enqueue", kind="probe.work", payloads=[{"n": n, "seconds": 0.05} for n in range(60)])
    for round_ in range(2):
        worker = site.start(*WORKER)
        wanted = 15 * (round_ + 1)
        site.until(lambda: len(site.marks("begin")) >= wanted, 60, f"{wanted} jobs begin")  # noqa: B023
        site.kill(worker)

    site.start(*WORKER)
    site.until(lambda: _all_done(site, 60), 60, "all are done")
    assert {n for n, _, _ in site.marks("end")} == set(range(60))
    assert len({pid for _, _, pid in site.marks("begin")}) == 3


def test_two_workers_share_the_work_and_do_nothing_twice(install, engine):
    site = install(engine)
    workers = [site.start(*WORKER) for _ in range(2)]
    site.ask("enqueue", kind="probe.work", payloads=[{"n": n, "seconds": 0.05} for n in range(80)])
    site.until(lambda: _all_done(site, 80), 60, "all are done")

    assert sorted(n for n, _, _ in site.marks("begin")) == list(range(80))
    assert {pid for _, _, pid in site.marks("begin")} == {worker.pid for worker in workers}


def test_a_job_that_kills_its_worker_each_time_is_set_aside(install):
    site = install("sqlite")
    site.ask("enqueue", kind="probe.fatal", payloads=[{"n": 0, "seconds": 600}])
    for attempt in range(1, 3):
        worker = site.start(*WORKER)
        site.until(lambda: len(site.marks("begin")) == attempt, 60, f"attempt {attempt}")  # noqa: B023
        site.kill(worker)

    site.start(*WORKER)
    site.until(lambda: site.ask("jobs")[0]["state"] == "quarantined", 60, "it is set aside")
    assert "stopped without a word 2 times" in site.ask("jobs")[0]["error"]


def test_a_long_job_keeps_its_lease_by_heartbeats(install, engine):
    site = install(engine)
    site.ask("enqueue", kind="probe.long", payloads=[{"n": 0, "seconds": 4}])
    for _ in range(2):
        site.start("manage.py", "worker", "--queues", "proofs")
    site.until(lambda: _all_done(site, 1), 60, "it is done")
    time.sleep(1.2)

    assert [(n, attempt) for n, attempt, _ in site.marks("begin")] == [(0, 1)]


def test_long_work_does_not_hold_up_the_rest(install):
    site = install("sqlite")
    site.ask("enqueue", kind="probe.long", payloads=[{"n": 0, "seconds": 600}])
    site.start("manage.py", "worker")
    site.until(lambda: site.marks("begin"), 60, "the long job begins")
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 1}])
    site.until(lambda: 1 in {n for n, _, _ in site.marks("end")}, 5, "the short job is done meanwhile")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_hands_its_job_over_at_once(install, number):
    site = install("sqlite")
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 0, "first_seconds": 600}])
    worker = site.start(*WORKER)
    site.until(lambda: site.marks("begin"), 60, "it begins")

    worker.send_signal(number)
    assert worker.wait(timeout=12) == 0
    (job,) = site.ask("jobs")
    assert (job["state"], job["attempts"]) == ("pending", 0)


@pytest.mark.redis
def test_a_celery_worker_killed_in_the_middle_of_a_job_loses_nothing(install, engine, redis_url):
    site = install(engine, REDIS_URL=redis_url, NEEDLEPOINT_WORKER="celery")
    command = ("-m", "celery", "-A", "portal", "worker", "-Q", "default,proofs", "-c", "2", "-l", "WARNING")
    first = site.start(*command)
    site.ask(
        "enqueue", kind="probe.work", payloads=[{"n": n, "first_seconds": 600 if n == 5 else 0} for n in range(20)]
    )
    site.until(lambda: 5 in {n for n, _, _ in site.marks("begin")}, 60, "job 5 begins")

    site.kill(first)
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 20}])
    site.start(*command)
    site.until(lambda: _all_done(site, 21), 60, "the second worker does the rest")
    assert {n for n, _, _ in site.marks("end")} == set(range(21))
    # The other child of the killed worker may have been in the middle of a job too, and nothing else ran twice.
    again = {n: attempt for n, attempt, _ in site.marks("end") if attempt > 1}
    assert again[5] == 2
    assert len(again) <= 2


@pytest.mark.redis
def test_celery_without_its_broker_still_does_the_work(install, redis_url):
    site = install("sqlite", REDIS_URL=redis_url, NEEDLEPOINT_WORKER="celery")
    site.ask("enqueue", kind="probe.work", payloads=[{"n": 0}])
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()  # every wake-up that was sent is gone
    site.start("-m", "celery", "-A", "portal", "worker", "-Q", "default", "-c", "1", "-l", "WARNING")
    site.until(lambda: _all_done(site, 1), 60, "the sweep finds it")
