"""A key service for tests, in a process of its own: `python -m tests.kms PORT TOKEN`.

The shape of AWS KMS, Google Cloud KMS and Vault Transit: it encrypts a few bytes under a named key with a context, says
which version of the key it used, opens what earlier versions wrapped, and shows no key. `POST /rotate` makes a version.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS = [AESGCM.generate_key(256)]
ASKED = {"encrypt": 0, "decrypt": 0, "describe": 0}


class Handler(BaseHTTPRequestHandler):
    token = ""

    def do_POST(self) -> None:
        what = self.path.rsplit("/", 1)[-1]
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._say(403, {"error": "no"})
        if what == "asked":
            return self._say(200, ASKED)
        if what == "rotate":
            KEYS.append(AESGCM.generate_key(256))
            return self._say(200, {"key_version": str(len(KEYS))})
        ASKED[what] += 1
        context = base64.b64decode(given.get("context", ""))
        if what == "describe":
            return self._say(200, {"key_version": str(len(KEYS))})
        if what == "encrypt":
            nonce = secrets.token_bytes(12)
            sealed = AESGCM(KEYS[-1]).encrypt(nonce, base64.b64decode(given["plaintext"]), context)
            text = base64.b64encode(bytes([len(KEYS) - 1]) + nonce + sealed).decode()
            return self._say(200, {"ciphertext": text, "key_version": str(len(KEYS))})
        blob = base64.b64decode(given["ciphertext"])
        try:
            plain = AESGCM(KEYS[blob[0]]).decrypt(blob[1:13], blob[13:], context)
        except (InvalidTag, IndexError):
            return self._say(400, {"error": "not opened"})
        return self._say(200, {"plaintext": base64.b64encode(plain).decode()})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    Handler.token = sys.argv[2]
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
