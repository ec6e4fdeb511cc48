"""Taking a witness's reports to the portal of the log that broke, again and again until they are taken.

By an address of the portal's own and not by the log: a log that cannot be trusted must not carry the news of it.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from ledger import clock
from ledger.divergence import report as reports
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Report, Store

SECONDS = 10.0
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
MAX_ANSWER_BYTES = 100_000


class NotTaken(Exception):
    """The portal did not answer, or refused the report; the text says why."""


class TooMany(NotTaken):
    """The portal takes no more from this witness for now."""


class Delivery:
    """`addresses` are where reports go, by the log's origin. One thread runs it; any thread may wake it."""

    def __init__(
        self, store: Store, keys: WitnessKeys, addresses: Mapping[str, str], *, say: Callable[[str], None]
    ) -> None:
        self._store = store
        self._keys = keys
        self._addresses = addresses
        self._say = say
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """There is a new report."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        """Deliver until stopped. What is refused is tried again too: its key may yet be enrolled."""
        wait, said = FIRST_WAIT_SECONDS, ""
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                line = self.turn()
            except Exception as problem:
                line = f"{type(problem).__name__}: {problem}"
            if line and line != said:
                self._say(f"A report was not delivered: {line} Trying again.")
            said, wait = line, min(LONGEST_WAIT_SECONDS, wait * 2) if line else FIRST_WAIT_SECONDS
            self._woken.wait(wait if line else LONGEST_WAIT_SECONDS)

    def turn(self) -> str:
        """Send every report that waits. Why one was not taken; empty when none is left."""
        trouble = ""
        for report in self._store.undelivered():
            address = self._addresses.get(report.origin)
            if not address:
                continue
            try:
                send(address, self.document(report))
            except TooMany as problem:
                # Everything waits: what comes after would be refused as well.
                return str(problem)
            except NotTaken as problem:
                trouble = str(problem)
            else:
                self._store.delivered(report.id, at=clock.now())
        return trouble

    def document(self, report: Report) -> bytes:
        """A report as it travels, signed by this witness."""
        return reports.compose(
            witness=self._keys.name,
            signer=self._keys.ed25519,
            log=report.origin,
            kind=report.kind,
            size=report.size,
            index=report.index,
            problem=report.problem,
            # What was settled before it was seen again is open again: the portal goes by this time.
            detected_at=report.first_at if report.delivered_at is None else report.last_at,
            evidence=self._store.evidence(report.id),
        )


def send(address: str, document: bytes) -> None:
    """Hand a report in. Raises NotTaken."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        headers = {"Content-Type": "application/json", "User-Agent": "needlepoint-witness"}
        connection.request("POST", parts.path or "/", body=document, headers=headers)
        answer = connection.getresponse()
        said = answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as problem:
        raise NotTaken(f"{address} cannot be reached: {problem or type(problem).__name__}.") from problem
    finally:
        connection.close()
    if answer.status == 429:
        raise TooMany(f"{address} takes no more for now: {said.strip()[:300]}")
    if answer.status not in (200, 201):
        raise NotTaken(f"{address} answered {answer.status}: {said.strip()[:300]}")
