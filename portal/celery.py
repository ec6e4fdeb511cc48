"""Celery carries wake-ups and nothing else: the work stands in the outbox (DESIGN §11).

A lost, doubled or late message changes nothing. There is no beat: the worker's main process sweeps the outbox every
second and runs the log's sequencer. Run it as
`celery -A portal.celery worker -Q default,notify,holds,hooks,telemetry,proofs`.
"""

from __future__ import annotations

import os
from typing import Any

import structlog
from celery import Celery, signals
from django.conf import settings
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

log = structlog.get_logger(__name__)
WAKE_UP_LIFETIME_SECONDS = 10
JOBS_A_TURN = 50

app = Celery("needlepoint")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    # A request that wakes a worker must not hang on a broker that is away; the sweep finds the job.
    broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 5},
    task_ignore_result=True,
    task_default_queue="default",
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    timezone="UTC",
)


@app.task(name="needlepoint.drain")
def drain(queue: str) -> int:
    """Run what is due on a queue; the number of jobs. After some it lets others in, so that a worker can stop."""
    from ledger.outbox import dispatcher

    count = dispatcher.run_pending(queue=queue, limit=JOBS_A_TURN)
    if count == JOBS_A_TURN:
        send_wake_up(queue)
    return count


def send_wake_up(queue: str) -> None:
    """Ask a Celery worker to look at a queue. Raises when the broker is away."""
    drain.apply_async((queue,), queue=queue, expires=WAKE_UP_LIFETIME_SECONDS, retry=False)


def connect() -> None:
    """Send this process's wake-ups by Celery, when the settings say so."""
    from ledger.outbox import wakeups

    if settings.WORKER == "celery":
        wakeups.subscribe(send_wake_up)


class Companion:
    """What a Celery worker's main process does: sweep the outbox, run the sequencer, pass announcements on."""

    def __init__(self, queues: frozenset[str]) -> None:
        from portal.live.announcer import Announcer
        from portal.live.background import SWEEP_SECONDS, Background, Loop

        self._queues = queues
        self._announcer = Announcer()
        self._background = Background(queues=(), sequence=not settings.SEQUENCER_APART)
        self._sweeper = Loop("sweeper", self._sweep, seconds=SWEEP_SECONDS)

    def _sweep(self) -> None:
        from ledger import clock
        from ledger.outbox import queries

        for queue in queries.due_queues(queues=self._queues, at=clock.now()):
            send_wake_up(queue)

    def start(self) -> None:
        self._announcer.start()
        self._background.start()
        self._sweeper.start()

    def stop(self) -> None:
        self._sweeper.stop()
        self._background.stop()
        self._sweeper.join(timeout=5)
        self._announcer.stop()


_companion: Companion | None = None


@signals.worker_init.connect
def _without_pool(**_: Any) -> None:
    # Children are forked, and a pool's connections and threads do not survive that.
    for connection in connections.all():
        connection.settings_dict["OPTIONS"].pop("pool", None)


@signals.worker_ready.connect
def _start_companion(sender: Any = None, **_: Any) -> None:
    global _companion
    _companion = Companion(frozenset(sender.app.amqp.queues.consume_from))
    _companion.start()


@signals.worker_shutdown.connect
def _stop_companion(**_: Any) -> None:
    if _companion is not None:
        _companion.stop()
