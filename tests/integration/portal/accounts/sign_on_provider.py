"""An OpenID Connect provider of a hospital, run as a process: `python sign_on_provider.py PORT CALLBACK`.

oauthlib does the protocol (OpenID Connect Core 1.0: authorization code, PKCE, nonce, RS256 ID token); this module holds
its client, its users and its codes. Its sign-in page takes the person from `as=` of its query, as it has no screen.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.openid import RequestValidator, Server

CLIENT, SECRET = "needlepoint", "a secret between the two"
PEOPLE = {
    "ada": {"sub": "ada-1", "name": "Ada Sund", "email": "ada.sund@lund.example", "email_verified": True},
    "unconfirmed": {"sub": "una-2", "name": "Una", "email": "ada.sund@lund.example", "email_verified": False},
    "stranger": {"sub": "str-3", "name": "Stranger", "email": "nobody@lund.example", "email_verified": True},
    "elsewhere": {"sub": "els-4", "name": "Else", "email": "eve@elsewhere.example", "email_verified": True},
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Hospital(RequestValidator):
    """What oauthlib asks of the provider: its one client, its codes, its tokens."""

    def __init__(self, issuer: str, callback: str) -> None:
        super().__init__()
        self.issuer, self.callback = issuer, callback
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    def validate_client_id(self, client_id, request, *args, **kwargs):
        return client_id == CLIENT

    def validate_redirect_uri(self, client_id, redirect_uri, request, *args, **kwargs):
        return redirect_uri == self.callback

    def validate_response_type(self, client_id, response_type, client, request, *args, **kwargs):
        return response_type == "code"

    def validate_user_match(self, id_token_hint, scopes, claims, request):
        return id_token_hint is None

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return set(scopes) <= {"openid", "profile", "email"}

    def save_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code["code"]] = {
            "person": request.person,
            "scopes": request.scopes,
            "nonce": request.nonce,
            "challenge": request.code_challenge,
            "method": request.code_challenge_method,
        }

    def client_authentication_required(self, request, *args, **kwargs):
        return True

    def authenticate_client(self, request, *args, **kwargs):
        given = dict(parse_qsl(request.body)) if isinstance(request.body, str) else dict(request.body)
        request.client = type("Client", (), {"client_id": CLIENT})()
        return given.get("client_id") == CLIENT and given.get("client_secret") == SECRET

    def validate_grant_type(self, client_id, grant_type, client, request, *args, **kwargs):
        return grant_type == "authorization_code"

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        held = self.codes.get(code)
        if held is None:
            return False
        request.user, request.scopes = held["person"], held["scopes"]
        request.claims = {}
        return True

    def confirm_redirect_uri(self, client_id, code, redirect_uri, client, request, *args, **kwargs):
        return redirect_uri == self.callback

    def is_pkce_required(self, client_id, request):
        return True

    def get_code_challenge(self, code, request):
        return self.codes[code]["challenge"]

    def get_code_challenge_method(self, code, request):
        return self.codes[code]["method"]

    def get_authorization_code_scopes(self, client_id, code, redirect_uri, request):
        return self.codes[code]["scopes"]

    def get_authorization_code_nonce(self, client_id, code, redirect_uri, request):
        return self.codes[code]["nonce"]

    def invalidate_authorization_code(self, client_id, code, request, *args, **kwargs):
        del self.codes[code]

    def save_bearer_token(self, token, request, *args, **kwargs):
        self.tokens[token["access_token"]] = request.user

    def finalize_id_token(self, id_token, token, token_handler, request):
        now = int(time.time())
        claims = PEOPLE[request.user] | id_token | {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "1"})

    def validate_bearer_token(self, token, scopes, request):
        request.user = self.tokens.get(token)
        return request.user is not None

    def get_userinfo_claims(self, request):
        return PEOPLE[request.user]


class Door(BaseHTTPRequestHandler):
    """The provider's addresses."""

    hospital: Hospital
    server_logic: Server

    def log_message(self, *arguments: Any) -> None:
        """Say nothing: the test reads no log."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        issuer = self.hospital.issuer
        if address.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "userinfo_endpoint": f"{issuer}/userinfo",
                    "jwks_uri": f"{issuer}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif address.path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            self._json({"keys": [public | {"kid": "1", "use": "sig", "alg": "RS256"}]})
        elif address.path == "/authorize":
            given = dict(parse_qsl(address.query))
            person = given.pop("as")
            url = f"{issuer}/authorize?{urlencode(given)}"
            scopes, credentials = self.server_logic.validate_authorization_request(url)
            headers, body, status = self.server_logic.create_authorization_response(
                url, scopes=scopes, credentials=credentials | {"person": person}
            )
            self._send(status, headers, body or "")
        elif address.path == "/userinfo":
            headers, body, status = self.server_logic.create_userinfo_response(
                f"{issuer}/userinfo", headers=dict(self.headers)
            )
            self._send(status, headers, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers, answer, status = self.server_logic.create_token_response(
            f"{self.hospital.issuer}/token", "POST", body, dict(self.headers)
        )
        self._send(status, headers, answer)

    def _json(self, value: Any) -> None:
        self._send(200, {"Content-Type": "application/json"}, json.dumps(value))

    def _send(self, status: int, headers: dict[str, str], body: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode() if isinstance(body, str) else body)


def main(port: int, callback: str) -> None:
    import os

    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    Door.hospital = Hospital(f"http://127.0.0.1:{port}", callback)
    Door.server_logic = Server(Door.hospital)
    with HTTPServer(("127.0.0.1", port), Door) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
