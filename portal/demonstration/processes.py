"""Several processes as one: started together, their lines shown under their names, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

STOP_SECONDS = 10.0


class Processes:
    """`say` gets (name, line). Each process has a session of its own, so that Ctrl-C reaches this one only."""

    def __init__(self, *, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, command: Sequence[str], *, quiet: str = "", **environment: str) -> None:
        """Start a process; its lines are passed on from a thread, without those that hold `quiet`."""
        process = subprocess.Popen(
            list(command),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._running[name] = process
        threading.Thread(target=self._pass_on, args=(name, process, quiet), daemon=True).start()

    def ended(self) -> Mapping[str, int]:
        """Those that ended by themselves, with their exit codes; each is told once."""
        codes = {name: process.poll() for name, process in self._running.items()}
        found = {name: code for name, code in codes.items() if code is not None}
        for name in found:
            del self._running[name]
        return found

    def stop(self) -> None:
        """Ask all to end, wait, and end those that do not."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _pass_on(self, name: str, process: subprocess.Popen[str], quiet: str) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.strip() and not (quiet and quiet in line):
                    self._say(name, line.rstrip())
