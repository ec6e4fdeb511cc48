"""One POST to an address that a stranger chose: to the open Internet only, to what was looked up, no redirects.

The name is resolved here, every answer has to be a public address, and the connection goes to that very address, so a
name that changes its answer between the check and the connection reaches nothing inside (OWASP, SSRF prevention).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ledger.errors import BadInput

SECONDS = 3.0
MAX_ANSWER_BYTES = 2_000
MAX_URL = 500


class BadAddress(BadInput):
    """No web hook may go to this address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, or 0 and why there was none."""

    status: int
    said: str
    milliseconds: int

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str


def check_url(url: str, *, private: bool) -> None:
    """Raise BadAddress for what can be seen to be wrong without asking the network."""
    target = _parsed(url, private=private)
    try:
        ip = ipaddress.ip_address(target.host)
    except ValueError:
        return
    _check_public(str(ip), private=private)


def post(url: str, *, body: bytes, headers: Mapping[str, str], private: bool) -> Answer:
    """Send it once. Never raises for what the network or the receiver does. `private` lifts the guard."""
    began = time.monotonic()

    def answer(status: int, said: str) -> Answer:
        return Answer(status, said, round((time.monotonic() - began) * 1000))

    try:
        target = _parsed(url, private=private)
        address = _resolved(target, private=private)
    except BadAddress as problem:
        return answer(0, problem.message)
    except OSError as problem:
        return answer(0, f"The name is not found: {problem.strerror or type(problem).__name__}.")
    connection = _Pinned(target, address)
    try:
        connection.request("POST", target.path, body=body, headers={**headers, "Content-Type": "application/json"})
        found = connection.getresponse()
        found.read(MAX_ANSWER_BYTES)
        return answer(found.status, found.reason[:200])
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return answer(0, f"No answer: {getattr(problem, 'strerror', None) or problem or type(problem).__name__}.")
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address; TLS still asks for the certificate of the name."""

    def __init__(self, target: _Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self._target = target
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._target.host)


def _parsed(url: str, *, private: bool) -> _Target:
    allowed = {"https", "http"} if private else {"https"}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("This is no web address.", field="url") from None
    if parts.scheme not in allowed or not parts.hostname or len(url) > MAX_URL or not url.isascii():
        raise BadAddress("A web hook goes to an address that begins with https://.", field="url")
    if parts.username or parts.password or parts.fragment or any(ord(letter) <= 0x20 for letter in url):
        raise BadAddress("The address must hold no user name, password, fragment or space.", field="url")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme, parts.hostname, port or {"https": 443, "http": 80}[parts.scheme], path)


def _resolved(target: _Target, *, private: bool) -> str:
    """The first address of the host, when all of them are public."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)]
    for address in found:
        _check_public(address, private=private)
    return found[0]


def _check_public(address: str, *, private: bool) -> None:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if not private and (not ip.is_global or not inner.is_global or inner.is_multicast):
        raise BadAddress(
            "This address lies inside a private network; a web hook goes to the open Internet.", field="url"
        )
