"""A running witness: one thread for each log that it follows, one for its address, until it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ledger import clock
from ledger.crypto.notes import VerifierKey
from ledger.log.logs import code_of
from ledger.witness import configuration, keys
from ledger.witness.breaches import Breach
from ledger.witness.configuration import LogSettings, WitnessSettings
from ledger.witness.consortium import Consortium
from ledger.witness.cosigner import Cosigner, WatchedLog
from ledger.witness.delivery import Delivery
from ledger.witness.follow import Follower, Turn
from ledger.witness.keys import WitnessKeys
from ledger.witness.server import WitnessServer
from ledger.witness.source import LogSource, Unreachable
from ledger.witness.store import Store
from ledger.witness.world import StoredWorld

MAX_WAIT_SECONDS = 30.0
PROGRESS_SECONDS = 2.0
IDENTITY = "key"

Say = Callable[[str], None]


class MemoryLost(Exception):
    """The keys are there, but the database that belongs to them is not."""


def opened(settings: WitnessSettings) -> tuple[Store, WitnessKeys]:
    """The database and keys of a witness; made together, the first time.

    Raises MemoryLost for keys without their database: a witness that forgot what it co-signed could be made to co-sign
    something else.
    """
    kek = configuration.key_encryption_key(settings.folder)
    had_keys, had_database = keys.exist(settings.keys, kek), settings.database.exists()
    if had_keys and not had_database:
        raise MemoryLost(
            f"The keys in {settings.keys} are there, but the database {settings.database} is not. Without it this "
            "witness no longer knows what it co-signed, and could be made to co-sign another history. Restore the "
            "database. If it is lost for good, retire this witness: move the folder away, start anew under another "
            "name, and have the new keys enrolled."
        )
    store = Store(settings.database)
    found = keys.opened(settings.name, settings.keys, kek)
    known = store.about(IDENTITY)
    if known is None:
        store.set_about(IDENTITY, found.vkeys[0])
    elif known != found.vkeys[0]:
        store.close()
        raise MemoryLost(
            f"The database {settings.database} belongs to the key {known}, not to {found.vkeys[0]}. "
            "Put back the key and the name that belong to it."
        )
    return store, found


class Witness:
    """All threads of one witness. `say` gets one line for people at a time, `alert` one for each new breach."""

    def __init__(self, settings: WitnessSettings, *, say: Say, alert: Say) -> None:
        self._settings = settings
        self._say = say
        self._alert = alert
        self._stopping = threading.Event()
        self.store, self.keys = opened(settings)
        self._watched = {log.origin: WatchedLog(log.origin, log.keys, replayed=bool(log.url)) for log in settings.logs}
        self._addresses = {log.origin: log.report_to for log in settings.logs}
        self.delivery = Delivery(self.store, self.keys, self._addresses, say=say)
        self._threads: list[threading.Thread] = []
        self.server: WitnessServer | None = None

    def start(self) -> None:
        """Open the address, if there is one, and begin to follow."""
        if self._settings.listen:
            self.server = WitnessServer(
                self._settings.listen,
                cosigner=Cosigner(
                    self.store, self.keys, self._watched, clock=_seconds, report=lambda breach: self.report(breach)
                ),
                keys=self.keys,
                store=self.store,
                origins=self._watched,
            )
            self._begin(self.server.serve_forever, "address")
        self._begin(self.delivery.run, "delivery")
        for log in self._settings.logs:
            if log.url:
                self._begin(lambda log=log: self._follow(log), f"follow {log.origin}")  # type: ignore[misc]

    def stop(self) -> None:
        """End every thread; a batch that is being checked is dropped, and checked again the next time."""
        self._stopping.set()
        self.delivery.stop()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        for thread in self._threads:
            thread.join(MAX_WAIT_SECONDS)
        self.store.close()

    def once(self) -> bool:
        """One turn for each followed log, here and now. False when anything broke or could not be looked at."""
        good = True
        for log in self._settings.logs:
            if log.url:
                consortium = self._consortium(log)
                for origin, outcome in consortium.turn().items():
                    if isinstance(outcome, Turn):
                        self._say(f"{origin}: {outcome.verified:,} records checked, {_cosigned(outcome.cosigned)}")
                        continue
                    good = False
                    if isinstance(outcome, Breach):
                        self.report(outcome)
                    else:
                        self._say(f"{origin}: {outcome}")
                consortium.close()
        trouble = self.delivery.turn()
        if trouble:
            self._say(f"A report was not delivered: {trouble} It is kept, and sent the next time.")
        return good

    def report(self, breach: Breach) -> None:
        """Keep a breach with its evidence, and tell it the first time."""
        if self.store.report(breach, at=clock.now()):
            where = f" at record {breach.index}" if breach.index is not None else ""
            self._alert(f"ALERT {breach.kind} {breach.origin} size {breach.size}{where}: {breach}")
            self.delivery.wake()

    def _consortium(self, log: LogSettings) -> Consortium:
        """The operator's log of these settings, and with it every log of a member that it announces."""
        world = StoredWorld(self.store, log.origin)

        def make(name: str, key: VerifierKey) -> Follower:
            self._watched[name] = WatchedLog(name, [key], replayed=True)
            self._addresses[name] = log.report_to
            return self._follower(log, name, f"{log.url.rstrip('/')}/{code_of(log.origin, name)}", world)

        operators = self._follower(log, log.origin, log.url, world)
        return Consortium(self.store, operators, make, patience_seconds=self._settings.rollback_seconds)

    def _follower(self, log: LogSettings, origin: str, url: str, world: StoredWorld) -> Follower:
        told = [0.0]

        def progress(verified: int, size: int) -> None:
            if self._stopping.is_set():
                raise Unreachable("The witness is being stopped.")
            if verified < size and time.monotonic() - told[0] > PROGRESS_SECONDS:
                told[0] = time.monotonic()
                self._say(f"{origin}: {verified:,} of {size:,} records checked")

        return Follower(
            self.store,
            self.keys,
            self._watched[origin],
            LogSource(url, token=log.token),
            clock=_seconds,
            recosign_seconds=self._settings.recosign_seconds,
            rollback_seconds=self._settings.rollback_seconds,
            lookback_seconds=self._settings.lookback_seconds,
            progress=progress,
            world=world,
        )

    def _follow(self, log: LogSettings) -> None:
        consortium, wait, said = self._consortium(log), self._settings.poll_seconds, ""
        sizes: dict[str, int] = {}
        while not self._stopping.is_set():
            line, wait = "", self._settings.poll_seconds
            try:
                for origin, outcome in consortium.turn().items():
                    if isinstance(outcome, Breach):
                        self.report(outcome)
                    elif isinstance(outcome, Unreachable):
                        line, wait = f"{origin}: {outcome} Trying again.", min(MAX_WAIT_SECONDS, max(1.0, wait * 2))
                    elif outcome.cosigned not in (None, sizes.get(origin)):
                        sizes[origin] = outcome.cosigned or 0
                        self._say(f"{origin}: {outcome.verified:,} records checked, {_cosigned(outcome.cosigned)}")
            except Exception as problem:
                # A full disk, for one: a witness that cannot check does not co-sign, and goes on trying.
                line = f"{log.origin}: {type(problem).__name__}: {problem}. Trying again."
            if line and line != said and not self._stopping.is_set():
                self._say(line)
            said = line
            self._stopping.wait(wait)
        consortium.close()

    def _begin(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


def _cosigned(size: int | None) -> str:
    return "nothing to co-sign" if size is None else f"co-signed at {size:,}"


def _seconds() -> int:
    return int(clock.now().timestamp())
