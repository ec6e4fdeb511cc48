"""A Needlepoint of its own for one test: a database, settings, and processes that the test may kill."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[3]


class Installation:
    """`close` ends every process that was started."""

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        self._driver: subprocess.Popen[str] | None = None
        self.marks_file = folder / "marks"
        self.marks_file.touch()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NEEDLEPOINT_")},
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "probe_settings",
            "DATABASE_URL": database_url,
            "REDIS_URL": "",
            "NEEDLEPOINT_DATA_DIR": str(folder),
            "NEEDLEPOINT_WORKER": "none",
            "PROBE_MARKS": str(self.marks_file),
            **environment,
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start Python with these arguments, in a session of its own, so that its children can be killed with it."""
        output = open(self._folder / "output", "a")  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment | environment,
            stdin=subprocess.PIPE,
            stdout=output if arguments[-1] != "probe" else subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        )
        output.close()
        self._processes.append(process)
        return process

    def ask(self, name: str, **arguments: object) -> object:
        """Call a function of the probe in a process of this installation."""
        if self._driver is None:
            self._driver = self.start("manage.py", "probe")
        self._driver.stdin.write(json.dumps([name, arguments]) + "\n")
        self._driver.stdin.flush()
        answer = self._driver.stdout.readline()
        assert answer, self.output()
        return json.loads(answer)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL to the process and its children: nothing of it gets to tidy up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    def marks(self, word: str) -> list[tuple[int, int, int]]:
        """(job, attempt, process) of each line that a job wrote."""
        lines = [line.split() for line in self.marks_file.read_text().splitlines()]
        return [(int(n), int(attempt), int(pid)) for kind, n, attempt, pid in lines if kind == word]

    def until(self, condition, seconds: float, what: str) -> float:
        """Wait for a condition; how long it took. Fails with the processes' output."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}\n{self.output()}"
            time.sleep(0.05)
        return time.monotonic() - began

    def output(self) -> str:
        return (self._folder / "output").read_text()[-6000:]

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
