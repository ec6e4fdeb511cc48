"""Reading a log over HTTP: its checkpoints and tiles (C2SP tlog-tiles), and handing it co-signatures."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from ledger.crypto import notes
from ledger.crypto.tiles import MAX_ENTRY_BYTES, WIDTH, TileId

SECONDS = 20
MAX_TILE_BYTES = WIDTH * (MAX_ENTRY_BYTES + 2)


class Unreachable(Exception):
    """The log did not answer, or not now: nothing is said of its honesty. Try again."""


class Missing(Exception):
    """The log answered that it has no such thing."""


class NotAdmitted(Unreachable):
    """The log wants another token."""


class LogSource:
    """One log at a prefix such as `https://portal.example/log`; one connection, kept open, for one thread."""

    def __init__(self, url: str, *, token: str = "", seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no address of a log: it begins with http:// or https://.")
        self.url = url.rstrip("/")
        self._parts = parts
        self._prefix = parts.path.rstrip("/")
        self._headers = {"User-Agent": "needlepoint-witness", "Accept": "*/*"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def newest(self) -> str:
        """The checkpoint that the log asks to be co-signed; of a log that tells no such, the published one."""
        try:
            return self._note("checkpoint/pending")
        except Missing:
            return self._note("checkpoint")

    def published(self) -> str:
        """The checkpoint that readers get. Raises Missing when there is none yet."""
        return self._note("checkpoint")

    def tile(self, tile: TileId) -> bytes:
        """A hash tile or an entry bundle. Raises Missing."""
        return self._get(tile.path, most=MAX_TILE_BYTES)

    def submit(self, note: str) -> tuple[int, str]:
        """Hand in a checkpoint with co-signatures; the status, and what was said."""
        status, data = self._ask("POST", "cosignatures", note.encode(), most=10_000)
        return status, data.decode("utf-8", "replace")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _note(self, path: str) -> str:
        # Bytes that are no text are shown as such, and then refused as a note.
        return self._get(path, most=notes.MAX_NOTE_BYTES).decode("utf-8", "surrogateescape")

    def _get(self, path: str, *, most: int) -> bytes:
        status, data = self._ask("GET", path, None, most=most)
        if status in (404, 410):
            raise Missing(f"{self.url}/{path} does not exist.")
        if status in (301, 302, 401, 403):
            raise NotAdmitted(f"{self.url} does not admit this witness ({status}). Check the token in its settings.")
        if status != 200:
            raise Unreachable(f"{self.url}/{path} answered {status}.")
        return data

    def _ask(self, method: str, path: str, body: bytes | None, *, most: int) -> tuple[int, bytes]:
        for last in (False, True):
            fresh = self._connection is None
            connection = self._connection = self._connection or self._connect()
            try:
                headers = {**self._headers, **({"Content-Type": "text/plain; charset=utf-8"} if body else {})}
                connection.request(method, f"{self._prefix}/{path}", body=body, headers=headers)
                answer = connection.getresponse()
                data = answer.read(most + 1)
            except (OSError, http.client.HTTPException) as problem:
                self.close()
                # A connection that was kept open may have been closed by the other side in between.
                if fresh or last:
                    raise Unreachable(
                        f"{self.url} cannot be reached: {problem or type(problem).__name__}."
                    ) from problem
                continue
            if len(data) > most:
                self.close()
                raise Unreachable(f"{self.url}/{path} answered with more than {most} bytes.")
            return answer.status, data
        raise Unreachable(f"{self.url} cannot be reached.")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._seconds)
