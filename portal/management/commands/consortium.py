"""`manage.py consortium`: the portal and five members' witnesses, each a process with a database of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.cosigning import queries as cosigning
from ledger.log import evidence, sequencer
from portal.demonstration import witnesses
from portal.demonstration.processes import Processes

PORTAL = "Portal"
LOOK_SECONDS = 1.0
START_SECONDS = 60.0


class Command(BaseCommand):
    help = "Run the portal and a witness for each kind of member, until Ctrl-C. For the demonstration."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the portal's; witnesses take the five after it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("In production each member runs its own witness: see docs/how-to/run-a-witness.md.")
        port, folder = options["port"], settings.DATA_DIR / "witnesses"
        _check_free(range(port, port + len(witnesses.KINDS) + 1))
        sequencer.drain()
        self._line("Consortium", "keys, tokens and settings of five witnesses")
        try:
            members = witnesses.prepare(
                folder=folder, log_url=f"http://127.0.0.1:{port}/log", first_port=port + 1, at=now()
            )
        except witnesses.NoMembers as problem:
            raise CommandError(str(problem)) from problem
        policy = folder / "policy"
        count = witnesses.write_policy(policy, members, log_key=evidence.log_key())
        self._line("Consortium", f"a checkpoint is published when {count} of {len(members)} members have co-signed it")
        settings.WITNESS_POLICY = policy
        self._run(port, policy, members, count)

    def _run(self, port: int, policy: Path, members: list[witnesses.MembersWitness], count: int) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        processes, url = Processes(say=self._line), f"http://127.0.0.1:{port}"
        server = ["uvicorn", "portal.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
        quiet = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
        environment = {
            "NEEDLEPOINT_WITNESS_POLICY": str(policy),
            "NEEDLEPOINT_PUBLIC_URL": url,
            "NEEDLEPOINT_LOG_LEVEL": "ERROR",
        }
        commands = {one.party: [*_manage(), "witness", "--settings", str(one.settings_file)] for one in members}
        try:
            processes.start(PORTAL, [sys.executable, "-m", *server, *quiet], quiet="[info ", **environment)
            _until_it_answers(port, stopping)
            for party, command in commands.items():
                processes.start(party, command)
            self._line(PORTAL, f"open {url}/ledger/ (Ctrl-C stops all)")
            said = ""
            while not stopping.wait(LOOK_SECONDS):
                for name, code in processes.ended().items():
                    if name == PORTAL:
                        raise CommandError(f"The portal ended with {code}.")
                    self._line(name, f"its witness ended with {code}; starting it again")
                    processes.start(name, commands[name])
                said = self._progress(said, count)
        finally:
            self._line("Consortium", "stopping the portal and its witnesses")
            processes.stop()

    def _progress(self, said: str, count: int) -> str:
        """One line whenever what is published, or who watches, has changed."""
        watch = cosigning.watch(at=now())
        published = f"{watch.published.size:,} records published" if watch.published else "nothing published yet"
        line = f"{published}; {watch.current} of {len(watch.witnesses)} witnesses watch, {count} are needed"
        if line != said:
            self._line("Ledger", line)
        return line

    def _line(self, name: str, line: str) -> None:
        self.stdout.write(f"{name:<28.28} │ {line}")
        self.stdout.flush()


def _manage() -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py")]


def _until_it_answers(port: int, stopping: threading.Event) -> None:
    """Wait for the portal, so that no witness begins with a line about its absence."""
    deadline = time.monotonic() + START_SECONDS
    while not stopping.wait(0.2) and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return


def _check_free(ports: range) -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as problem:
                raise CommandError(
                    f"Port {port} of 127.0.0.1 cannot be used ({problem.strerror}). "
                    f"Six in a row are needed: try make consortium PORT={port + 1}"
                ) from problem
