"""A running portal of its own for browser tests: a real server process with its embedded worker, on a told consortium.

`portal_server` is made once a test process; `as_person(name)` opens a signed-in page in a fresh browser context. The
server leaves the proofs alone, for they are seconds of a core each: a test that looks at some asks for `proven`, or has
`portal_server.prove` make those of a therapy.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import databases
from tests.services import CHROMIUM, ROOT

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WATCH = """addEventListener("securitypolicyviolation", (breach) => {
  (window.breaches ??= []).push(`${breach.violatedDirective} ${breach.sourceFile}`);
});"""
PATIENCE = 90_000
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class PortalServer:
    """A portal that answers at `url`, and the environment in which its commands run."""

    url: str
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """Run a management command on the portal's database and return what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tell(self, *, days: float, protocol: str = "cd19-fresh", centre: str = "X0042", **story: Any) -> str:
        """Add a therapy ordered so many days ago and told by `Story`, for a test that uses it up; gives its id."""
        case = {"protocol": protocol, "centre": centre, "days": days}
        return self._run("tests.functional.tell", json.dumps(case | story)).strip().splitlines()[-1]

    def prove(self, *therapies: str) -> None:
        """Judge the finished segments of these therapies, or of two that were told at the beginning."""
        self._run("tests.functional.prove", *therapies)

    def _run(self, module: str, *arguments: str) -> str:
        """Run a module of these tests on the portal's database and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def portal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    folder = tmp_path_factory.mktemp("portal")
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"} | {
        "DATABASE_URL": f"sqlite:///{folder}/portal.sqlite3",
        "NEEDLEPOINT_DATA_DIR": str(folder),
        "NEEDLEPOINT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "NEEDLEPOINT_LOG_LEVEL": "WARNING",
        "NEEDLEPOINT_PROVER": "apart",
        "PYTHONPATH": str(ROOT),
    }
    server = PortalServer(f"http://127.0.0.1:{port}", environment)
    databases.new_sqlite(folder / "portal.sqlite3")
    subprocess.run([sys.executable, "-m", "tests.functional.tell"], cwd=ROOT, env=environment, check=True)
    path = Path(folder / "server.log")
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "portal.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    with path.open("w") as log, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process:
        try:
            _wait_until_it_answers(server.url, process, path)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def proven(portal_server: PortalServer) -> None:
    """A therapy of which every segment is proven, and one that was found wanting, stand on the portal."""
    portal_server.prove()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the portal ended at its start:\n{log.read_text()[-3000:]}", pytrace=False)
        try:
            with urllib.request.urlopen(f"{url}/accounts/login/", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the portal did not answer within two minutes", pytrace=False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, where Django would refuse its own database to the fixtures.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def as_person(chromium: Browser, portal_server: PortalServer) -> Iterator[Callable[..., Page]]:
    """Sign in by the demonstration's button: `as_person("Ines Marlowe", width=390, theme="dark")`."""
    contexts = []

    def signed_in(
        name: str, *, width: int = 1280, height: int = 900, theme: str = "light", host: str = "127.0.0.1"
    ) -> Page:
        context = chromium.new_context(
            base_url=portal_server.url.replace("127.0.0.1", host),
            viewport={"width": width, "height": height},
            color_scheme=theme,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_role("button", name=name).click()
        page.wait_for_url("**/")
        return page

    yield signed_in
    for context in contexts:
        # A route that is still being answered would hold the closing up for ever.
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")
        context.close()
