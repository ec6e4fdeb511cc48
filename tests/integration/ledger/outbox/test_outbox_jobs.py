"""The outbox in one process: enqueue, run, fail, back off, set aside, cancel."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from ledger.errors import BadInput
from ledger.outbox import dispatcher, handlers, leases, operations, queries, wakeups
from ledger.outbox.errors import JobAlreadyEnded, JobNotFound, JobNotQuarantined, LeaseLost, Quarantine
from ledger.outbox.models import JobState, OutboxJob

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
QUEUES = {"default"}


@pytest.fixture
def handled():
    """Register a function for the kind `test.job`; gives the list of payloads that it saw."""
    kinds = []

    def register(function=None, kind="test.job", **options):
        seen = []

        def run(payload, run):
            seen.append(payload)
            if function:
                function(payload, run)

        handlers.handles(kind, **options)(run)
        kinds.append(kind)
        return seen

    yield register
    for kind in kinds:
        handlers.unregister(kind)


def _enqueue(**changes):
    return operations.enqueue(**{"kind": "test.job", "payload": {"n": 1}, "at": T0} | changes)


def _fail(problem):
    def function(payload, run):
        raise problem

    return function


def test_a_job_is_run_once_and_stays_as_a_trace(handled):
    seen = handled()
    job = _enqueue(payload={"n": 7})

    assert dispatcher.run_pending() == 1
    assert dispatcher.run_pending() == 0
    assert seen == [{"n": 7}]
    status = queries.status(job=job.id)
    assert (status.state, status.attempts, status.progress, status.last_error) == ("done", 1, 100, "")


def test_a_rolled_back_transaction_leaves_no_job_and_no_wake_up(handled, django_capture_on_commit_callbacks):
    handled()
    with django_capture_on_commit_callbacks() as callbacks, suppress(RuntimeError), transaction.atomic():
        _enqueue()
        raise RuntimeError

    assert callbacks == []
    assert OutboxJob.objects.count() == 0


def test_the_wake_up_names_the_handlers_queue_after_the_commit(handled, django_capture_on_commit_callbacks):
    handled(queue="proofs")
    woken = []
    wakeups.subscribe(woken.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            _enqueue()
            assert woken == []
    finally:
        wakeups.unsubscribe(woken.append)
    assert woken == ["proofs"]


def test_a_wake_up_that_fails_does_not_disturb_the_caller(handled, django_capture_on_commit_callbacks):
    def broken(queue):
        raise ConnectionError

    handled()
    wakeups.subscribe(broken)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            job = _enqueue()
    finally:
        wakeups.unsubscribe(broken)
    assert queries.status(job=job.id).state == JobState.PENDING


def test_the_same_key_gives_the_same_job(handled):
    seen = handled()
    first = _enqueue(key="proof:1")
    second = _enqueue(key="proof:1", payload={"n": 2})

    assert first.id == second.id
    dispatcher.run_pending()
    assert _enqueue(key="proof:1").state == JobState.DONE
    assert dispatcher.run_pending() == 0
    assert seen == [{"n": 1}]


def test_jobs_are_run_by_due_time_and_only_on_their_queue(handled):
    seen = handled()
    _enqueue(payload={"n": "late"}, run_after=T0 + timedelta(minutes=1))
    _enqueue(payload={"n": "early"})
    _enqueue(payload={"n": "other"}, queue="notify")

    dispatcher.run_pending(queue="default")
    assert [payload["n"] for payload in seen] == ["early", "late"]


def test_a_job_waits_for_its_time(handled):
    handled()
    _enqueue(run_after=T0 + timedelta(seconds=5))

    assert leases.take(queues=QUEUES, at=T0 + timedelta(seconds=4)) is None
    assert leases.take(queues=QUEUES, at=T0 + timedelta(seconds=5)) is not None


def test_a_kind_that_nobody_handles_waits_and_is_named():
    _enqueue(kind="test.stranger")

    assert dispatcher.run_pending() == 0
    health = queries.health(at=T0)
    assert health.unhandled_kinds == ("test.stranger",)
    assert (health.counts["pending"], health.oldest_due_at) == (1, T0)


def test_a_failed_job_backs_off_twice_as_long_each_time(handled):
    handled(_fail(ValueError("x")), max_attempts=4)
    job, at, waits = _enqueue(), T0, []
    for _ in range(3):
        lease = leases.take(queues=QUEUES, at=at)
        leases.give_back(lease, at=at, error="e")
        job.refresh_from_db()
        waits.append((job.run_after - at).total_seconds())
        at = job.run_after

    assert waits[1] == pytest.approx(2 * waits[0])
    assert waits[2] == pytest.approx(4 * waits[0])
    assert 2 <= waits[0] <= 2.4


def test_a_poison_job_is_set_aside_with_its_reason_and_can_be_released(handled):
    seen = handled(_fail(BadInput("The proof key is missing.")), max_attempts=1)
    job = _enqueue()
    dispatcher.run_pending()

    (aside,) = queries.quarantined()
    assert (aside.id, aside.last_error) == (job.id, "BadInput: The proof key is missing.")
    assert dispatcher.run_pending() == 0
    operations.release(job=job.id, at=T0)
    assert dispatcher.run_pending() == 1
    assert len(seen) == 2


def test_a_handler_can_set_its_job_aside_at_once(handled):
    handled(_fail(Quarantine("the circuit is not registered")), max_attempts=9)
    job = _enqueue()
    dispatcher.run_pending()

    assert queries.status(job=job.id).state == JobState.QUARANTINED
    assert queries.status(job=job.id).attempts == 1


def test_a_job_that_kills_its_worker_again_and_again_is_set_aside(handled):
    handled(lease_seconds=10, max_attempts=2)
    job = _enqueue()
    later = [T0 + timedelta(seconds=11 * n) for n in range(3)]

    assert leases.take(queues=QUEUES, at=later[0]).attempt == 1
    assert leases.take(queues=QUEUES, at=later[1]).attempt == 2
    assert leases.take(queues=QUEUES, at=later[2]) is None
    assert "stopped without a word 2 times" in queries.status(job=job.id).last_error
    assert queries.status(job=job.id).state == JobState.QUARANTINED


def test_a_leased_job_is_handed_over_only_after_its_lease(handled):
    handled(lease_seconds=10)
    _enqueue()
    first = leases.take(queues=QUEUES, at=T0)

    assert leases.take(queues=QUEUES, at=T0 + timedelta(seconds=10)) is None
    leases.extend(first, at=T0 + timedelta(seconds=9))
    assert leases.take(queues=QUEUES, at=T0 + timedelta(seconds=18)) is None
    second = leases.take(queues=QUEUES, at=T0 + timedelta(seconds=20))
    assert second.job_id == first.job_id
    with pytest.raises(LeaseLost):
        leases.complete(first, at=T0)
    with pytest.raises(LeaseLost):
        leases.extend(first, at=T0)
    leases.complete(second, at=T0)


def test_the_late_failure_of_a_lost_lease_changes_nothing(handled):
    handled(lease_seconds=10)
    job = _enqueue()
    first = leases.take(queues=QUEUES, at=T0)
    leases.take(queues=QUEUES, at=T0 + timedelta(seconds=11))
    before = OutboxJob.objects.values().get(pk=job.id)

    leases.give_back(first, at=T0, error="late")
    leases.quarantine(first, error="late")
    leases.abandon(first, at=T0)
    assert OutboxJob.objects.values().get(pk=job.id) == before


def test_progress_is_seen_while_the_job_runs(handled):
    seen = []

    def work(payload, run):
        run.report(40, "compiling")
        status = queries.status(job=run.job_id)
        seen.append((status.state, status.progress, status.progress_note))

    handled(work)
    _enqueue()
    dispatcher.run_pending()
    assert seen == [("leased", 40, "compiling")]


def test_a_running_job_stops_at_its_next_report_when_cancelled(handled):
    steps = []

    def work(payload, run):
        operations.cancel(job=run.job_id, at=T0)
        steps.append("asked")
        run.report(50)
        steps.append("went on")

    handled(work)
    job = _enqueue()
    dispatcher.run_pending()
    assert steps == ["asked"]
    assert queries.status(job=job.id).state == JobState.CANCELLED


def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_is_not(handled):
    seen = handled()
    job = _enqueue()
    operations.cancel(job=job.id, at=T0)

    assert dispatcher.run_pending() == 0
    assert seen == []
    with pytest.raises(JobAlreadyEnded):
        operations.cancel(job=job.id, at=T0)
    with pytest.raises(JobNotQuarantined):
        operations.release(job=job.id, at=T0)
    with pytest.raises(JobNotFound):
        operations.cancel(job=uuid4(), at=T0)


def test_an_atomic_handler_that_fails_leaves_nothing_of_its_work(handled):
    def work(payload, run):
        _enqueue(kind="test.follow-up")
        raise ValueError

    handled(work, atomic=True)
    _enqueue()
    dispatcher.run_pending()
    assert not OutboxJob.objects.filter(kind="test.follow-up").exists()


def test_a_stopping_worker_gives_its_job_back_uncounted(handled):
    handled(_fail(SystemExit()))
    job = _enqueue()
    with pytest.raises(SystemExit):
        dispatcher.run_pending()

    status = queries.status(job=job.id)
    assert (status.state, status.attempts) == (JobState.PENDING, 0)


@pytest.mark.parametrize("values", [{"state": "leased"}, {"state": "done"}, {"progress": 101}])
def test_the_database_refuses_half_states(values):
    job = _enqueue()
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxJob.objects.filter(pk=job.id).update(**values)
