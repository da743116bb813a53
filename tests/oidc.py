"""An OpenID provider whose word a test chooses, on a loopback port, with a real RSA key.

nanoidp, which the browser's tests use, says of every address that it is verified.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "orbit"
CLIENT_SECRET = "oidc-canary-5b1f77a0c3d94e62"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    port: int = 0
    claims: dict[str, Any] = field(default_factory=dict)  # of who signs in next, and of who is asked about
    id_token: dict[str, Any] = field(default_factory=dict)  # what the ID token says instead
    description: dict[str, Any] = field(default_factory=dict)  # what the description says instead
    only_in_id_token: bool = False  # the groups
    refreshes: bool = True
    status: int = 0  # that everything is answered with
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # bodies of token requests
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "scopes_supported": ["openid", "email", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            **self.description,
        }

    def expire(self) -> None:
        """Access tokens end; refresh tokens stay."""
        self.access.clear()

    def sign(self, **claims: Any) -> str:
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            **{name: value for name, value in self.claims.items() if value is not None},
        }
        return jwt.encode(said | claims, _KEY, "RS256", headers={"kid": "one"})


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        own, parts = self.provider, urlsplit(self.path)
        own.asked.append(parts.path)
        if own.status:
            self.answer(own.status, {}, location="http://127.0.0.1:9/")
        elif parts.path == "/.well-known/openid-configuration":
            self.answer(200, own.describe())
        elif parts.path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_KEY.public_key()))
            self.answer(200, {"keys": [key | {"kid": "one", "use": "sig", "alg": "RS256"}]})
        elif parts.path == "/authorize":
            self._authorize({name: value[0] for name, value in parse_qs(parts.query).items()})
        elif parts.path == "/userinfo":
            self._userinfo()
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        own = self.provider
        own.asked.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        own.said.append(body)
        form = {name: value[0] for name, value in parse_qs(body).items()}
        if own.status:
            self.answer(own.status, {})
        elif not self._knows(form):
            self.answer(401, {"error": "invalid_client"})
        elif form["grant_type"] == "refresh_token":
            taken = form["refresh_token"] in own.refresh
            own.refresh.discard(form["refresh_token"])  # good for one use
            self._tokens() if taken else self.answer(400, {"error": "invalid_grant"})
        else:
            asked = own.codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                asked is None
                or asked["code_challenge"] != challenge
                or asked["redirect_uri"] != form["redirect_uri"]
            ):
                self.answer(400, {"error": "invalid_grant"})
            else:
                self._tokens()

    def _knows(self, form: dict[str, str]) -> bool:
        if "client_secret_post" in self.provider.describe()["token_endpoint_auth_methods_supported"]:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return self.headers["authorization"] == f"Basic {pair}" and "client_secret" not in form

    def _authorize(self, asked: dict[str, str]) -> None:
        code = secrets.token_hex(8)
        self.provider.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        self.answer(302, {}, location=f"{asked['redirect_uri']}?{query}")

    def _tokens(self) -> None:
        own = self.provider
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        own.access.add(access)
        said = {"access_token": access, "token_type": "Bearer", "id_token": own.sign(**own.id_token)}
        if own.refreshes:
            own.refresh.add(refresh)
            said["refresh_token"] = refresh
        self.answer(200, said)

    def _userinfo(self) -> None:
        own = self.provider
        if (self.headers["authorization"] or "").removeprefix("Bearer ") not in own.access:
            self.answer(401, {"error": "invalid_token"})
            return
        hidden = {"groups"} if own.only_in_id_token else set()
        self.answer(
            200,
            {name: value for name, value in own.claims.items() if name not in hidden and value is not None},
        )


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
