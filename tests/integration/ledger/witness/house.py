"""A portal process and witness processes in one folder, for tests that let them run."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from django.conf import settings

ORIGIN = "needlepoint.example/consortium"
SECONDS = 240
"""How long a test waits for processes to start and to act, also where other tests use both cores."""
FOUND = "from tests.factories.therapies import small_consortium; from ledger.log import sequencer; "


class House:
    """A portal with its database, and witnesses, in one folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.processes = folder, port, []
        self.url = f"http://127.0.0.1:{port}/log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NEEDLEPOINT_")}
        self.environment = {
            **kept,
            "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
            "NEEDLEPOINT_DATA_DIR": str(folder / "portal"),
            "NEEDLEPOINT_WORKER": "none",
            "NEEDLEPOINT_WITNESS_POLICY": str(folder / "policy"),
            "PYTHONUNBUFFERED": "1",
        }

    def manage(self, *arguments, check=True, **environment):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def tell(self, code):
        return self.manage("shell", "-c", code).stdout.strip().splitlines()[-1:]

    def start(self, *arguments, **environment):
        output = open(self.folder / "output", "a")  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        output.close()
        self.processes.append(process)
        return process

    def serve(self):
        self.server = self.start(
            "-m", "uvicorn", "portal.asgi:application", "--port", str(self.port), "--log-level", "error"
        )
        self.until(lambda: self.get("checkpoint/pending", None)[0] == 401, "the portal answers")

    def stop_serving(self):
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(timeout=10)

    def fetch(self, path, **headers):
        """(status, body) of any address of the portal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def witness(self, code):
        """Write a witness's settings, enrol its keys, and give the settings file."""
        path = self.folder / f"{code}.toml"
        token = self.manage("witness_token", code).stdout.strip()
        key = self.tell("from ledger.log import evidence; print(evidence.log_key())")[0]
        path.write_text(
            f'name = "{code.lower()}.example"\nfolder = "{code}"\nlisten = "127.0.0.1:0"\npoll_seconds = 0.2\n'
            "lookback_seconds = 0.2\n"
            f'[[log]]\norigin = "{ORIGIN}"\nkeys = ["{key}"]\nurl = "{self.url}"\ntoken = "{token}"\n'
        )
        vkeys = self.manage("witness", "--settings", str(path), "--keys").stdout.split()
        self.manage("enrol_witness", code, *vkeys)
        return path, token, key, vkeys

    def get(self, path, token):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/log/{path}", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def remembered(self, code):
        """(verified, co-signed) of a witness's own database."""
        path = self.folder / code / "witness.sqlite3"
        with closing(sqlite3.connect(path, timeout=30)) as database:
            return database.execute("SELECT verified, cosigned_size FROM log").fetchone() or (0, 0)

    def until(self, condition, what):
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < SECONDS, f"not within {SECONDS} s: {what}\n{self.output()}"
            time.sleep(0.05)

    def output(self):
        return (self.folder / "output").read_text()[-5000:]

    def close(self):
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
