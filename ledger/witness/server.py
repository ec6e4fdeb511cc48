"""The witness's own address: `POST /add-checkpoint` (C2SP tlog-witness), its keys, and how it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger.crypto import submission
from ledger.witness.cosigner import Answer, Cosigner
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Store

IDLE_SECONDS = 30


class WitnessServer(ThreadingHTTPServer):
    """Answers submissions. A request that stands still is dropped after half a minute."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], *, cosigner: Cosigner, keys: WitnessKeys, store: Store, origins: Iterable[str]
    ) -> None:
        self.cosigner = cosigner
        self.keys = keys
        self.store = store
        self.origins = origins
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "needlepoint-witness"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            self._answer(Answer(404, "Checkpoints are submitted to /add-checkpoint.\n"), close=True)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(Answer(411, "Send a Content-Length.\n"), close=True)
        elif int(length) > submission.MAX_BYTES:
            self._answer(Answer(413, f"A submission has at most {submission.MAX_BYTES} bytes.\n"), close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(self.server.cosigner.add_checkpoint(body))

    def do_GET(self) -> None:
        if self.path == "/keys":
            self._answer(Answer(200, "".join(f"{key}\n" for key in self.server.keys.vkeys)))
        elif self.path == "/status":
            self._answer(Answer(200, json.dumps(self._status(), indent=1) + "\n", "application/json"))
        else:
            self._answer(Answer(404, "This is a witness. It answers at /add-checkpoint, /keys and /status.\n"))

    def _status(self) -> dict[str, Any]:
        # Other logs of a followed consortium come to know while the server runs.
        logs = {origin: self.server.store.log(origin) for origin in list(self.server.origins)}
        return {
            "name": self.server.keys.name,
            "logs": {
                origin: {"seen": log.seen_size, "verified": log.verified, "cosigned": log.cosigned_size}
                for origin, log in logs.items()
            },
            "reports": len(self.server.store.reports()),
        }

    def _answer(self, answer: Answer, *, close: bool = False) -> None:
        data = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: what matters stands in the database."""
