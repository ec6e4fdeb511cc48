"""Receivers of web hooks for tests: real HTTP servers that take, refuse, redirect or hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """A server and what came: (headers, body). `status` is what it answers, `location` where it redirects to."""

    url: str = ""
    status: int = 200
    location: str = ""
    hangs: threading.Event = field(default_factory=threading.Event)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver(*, status: int = 200, location: str = "", hang: bool = False) -> Iterator[Receiver]:
    """A running server; one that hangs answers when the test is over."""
    found = Receiver(status=status, location=location)
    if not hang:
        found.hangs.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            found.hangs.wait(20)
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield found
    finally:
        found.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
