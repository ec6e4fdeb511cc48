"""The background threads of a process: the log's sequencer, housekeeping, and the outbox's dispatchers and sweep.

A server with the embedded worker, `manage.py worker` and a Celery worker's main process all run this same thing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import structlog
from django.conf import settings
from django.db import close_old_connections, connection

from custody.compliance.tasks import close_provers
from ledger import clock
from ledger.divergence import watch
from ledger.log import sequencer
from ledger.outbox import dispatcher, handlers, wakeups
from ledger.outbox.errors import describe
from portal.hooks import operations as hooks
from portal.live import housekeeping

log = structlog.get_logger(__name__)

# A record is to be in a checkpoint within a quarter of a second (tests/bench/test_eight_writers.py).
SEQUENCER_SECONDS = 0.1
SEQUENCER_BUSY_SECONDS = 0.03
SWEEP_SECONDS = 1.0
STOP_SECONDS = 5.0
PROOFS = frozenset({"proofs"})
# Each of these has a thread of its own: long work, so that it holds up nothing, and word to people, so that nothing
# holds it up. A fork that puts many therapies on hold has to be told within five seconds all the same (DESIGN §3).
OWN_THREADS = PROOFS | {"holds", "notify"}
HOOK_THREADS = 4


class Loop(threading.Thread):
    """Calls `turn` again and again: after `seconds`, or as soon as it is woken; sooner, after `busy_seconds`, when the
    turn says that it found something to do.

    A turn that fails (the database is away) is logged and tried again; the thread ends only when it is told to.
    """

    def __init__(
        self, name: str, turn: Callable[[], object], *, seconds: float, busy_seconds: float | None = None
    ) -> None:
        super().__init__(name=f"needlepoint-{name}", daemon=True)
        self._turn = turn
        self._seconds = seconds
        self._busy_seconds = seconds if busy_seconds is None else busy_seconds
        self._woken = threading.Event()
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        while not self.stopping:
            self._woken.clear()
            found: object = None
            try:
                close_old_connections()
                found = self._turn()
            except Exception as problem:
                log.error("background.turn_failed", thread=self.name, error=describe(problem))
            finally:
                close_old_connections()
            if not self.stopping:
                self._woken.wait(self._busy_seconds if found else self._seconds)
        connection.close()


def sequencing(turn: Callable[[], int]) -> Loop:
    """The sequencer's loop, with the patience that it has in production."""
    return Loop("sequencer", turn, seconds=SEQUENCER_SECONDS, busy_seconds=SEQUENCER_BUSY_SECONDS)


def usual_queues() -> frozenset[str]:
    """The queues of a worker that was told none: all, less the proofs where a worker of their own makes them."""
    return handlers.known_queues() - (PROOFS if settings.PROVER_APART else frozenset())


def _audit() -> None:
    watch.turn(at=clock.now())


class Background:
    """The threads of one process, for the given queues or the usual ones.

    `sequence` says whether it runs the log's sequencer, and the housekeeping, too.
    """

    def __init__(self, *, queues: Collection[str] | None = None, sequence: bool = True) -> None:
        chosen = usual_queues() if queues is None else frozenset(queues)
        self._hooks: list[Loop] = []
        self._dispatchers: dict[frozenset[str], Loop] = {}
        for group in (
            chosen - OWN_THREADS - {hooks.QUEUE},
            *(frozenset({queue}) for queue in sorted(chosen & OWN_THREADS)),
        ):
            if group:
                self._dispatchers[group] = self._dispatcher(group)
        self._loops = [*self._dispatchers.values()]
        if hooks.QUEUE in chosen:
            # Receivers that hang until they are given up hang in threads of their own.
            self._hooks = [self._dispatcher(frozenset({hooks.QUEUE})) for _ in range(HOOK_THREADS)]
            self._loops += self._hooks
        if sequence:
            self._loops.append(sequencing(sequencer.run_once))
            if settings.CHAIN_RPC and settings.ANCHOR_CONTRACT:
                # Here and not above: web3 takes long to load, and most installations anchor nothing.
                from portal.live import anchoring

                self._loops.append(Loop("anchors", anchoring.turn, seconds=anchoring.SECONDS))
            self._loops.append(Loop("audit", _audit, seconds=watch.TURN_SECONDS))
            self._loops.append(Loop("housekeeping", housekeeping.run_once, seconds=housekeeping.SECONDS))

    @staticmethod
    def _dispatcher(group: frozenset[str]) -> Loop:
        def turn() -> None:
            dispatcher.drain(queues=group, stopping=lambda: loop.stopping)

        loop = Loop(f"outbox-{'+'.join(sorted(group))}", turn, seconds=SWEEP_SECONDS)
        return loop

    def start(self) -> None:
        """Start every thread; the outbox is swept each second and on every wake-up of this process."""
        wakeups.subscribe(self._wake)
        for loop in self._loops:
            loop.start()
        log.info("background.started", threads=[loop.name for loop in self._loops])

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Stop every thread. A job that does not end within `seconds` is handed over to another worker."""
        wakeups.unsubscribe(self._wake)
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join(seconds)
        if any(loop.is_alive() for loop in self._loops):
            log.warning("background.handed_over", jobs=dispatcher.hand_over())
            connection.close()
        close_provers()
        log.info("background.stopped")

    def _wake(self, queue: str) -> None:
        for group, loop in self._dispatchers.items():
            if queue in group:
                loop.wake()
        if queue == hooks.QUEUE:
            for loop in self._hooks:
                loop.wake()
