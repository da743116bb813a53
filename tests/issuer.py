"""An issuer of tokens on a loopback port, with real keys: its description, its keys, and what it says of tokens."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.warnings import InsecureKeyLengthWarning

AUDIENCE = "https://orbit.example.com/api"
CLIENT_ID, CLIENT_SECRET = "orbit", "introspection-canary-0d5a"
_RSA, _OTHER_RSA, _WEAK = (rsa.generate_private_key(65537, size) for size in (2048, 2048, 1024))
_EC = ec.generate_private_key(ec.SECP256R1())
KEYS: dict[str, Any] = {"one": _RSA, "two": _EC, "weak": _WEAK}


@dataclass
class Issuer:
    port: int = 0
    published: list[str] = field(default_factory=lambda: ["one", "two", "weak"])
    description: dict[str, Any] = field(default_factory=dict)  # what it says instead
    status: int = 0  # that everything is answered with
    asked: list[str] = field(default_factory=list)
    opaque: dict[str, dict[str, Any]] = field(default_factory=dict)  # what it says of tokens

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def claims(self, **claims: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "robot", "iat": now, "exp": now + 300, **claims}
        return {name: value for name, value in said.items() if value is not None}

    def sign(self, kid: str = "one", header: dict[str, Any] | None = None, **claims: Any) -> str:
        algorithm = "ES256" if kid == "two" else "RS256"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # `weak` is there to be refused
            return jwt.encode(
                self.claims(**claims), KEYS[kid], algorithm, headers={"kid": kid, **(header or {})}
            )

    def forge(self, kid: str = "one", **claims: Any) -> str:
        """As if of `kid`, by somebody else's key."""
        return jwt.encode(self.claims(**claims), _OTHER_RSA, "RS256", headers={"kid": kid})

    def give(self, **claims: Any) -> str:
        """A token that says nothing to whoever has it."""
        token = secrets.token_urlsafe(24)
        self.opaque[token] = {"active": True, **self.claims(**claims)}
        return token

    def jwks(self) -> list[dict[str, Any]]:
        made = []
        for kid in self.published:
            kind = jwt.algorithms.ECAlgorithm if kid == "two" else jwt.algorithms.RSAAlgorithm
            made.append({**json.loads(kind.to_jwk(KEYS[kid].public_key())), "kid": kid, "use": "sig"})
        return made


def public_pem() -> bytes:
    return _RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        own = self.issuer
        own.asked.append(self.path)
        if own.status:
            self._answer(own.status, {})
        elif self.path == "/.well-known/openid-configuration":
            self._answer(200, {"issuer": own.url, "jwks_uri": f"{own.url}/keys", **own.description})
        elif self.path == "/keys":
            self._answer(200, {"keys": own.jwks()})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        own = self.issuer
        own.asked.append(self.path)
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if own.status:
            self._answer(own.status, {})
        elif self.headers["authorization"] != f"Basic {pair}":
            self._answer(401, {"error": "invalid_client"})
        else:
            self._answer(200, own.opaque.get(form["token"][0], {"active": False}))


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    handler = type("Handler", (_Handler,), {"issuer": issuer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    issuer.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trust(settings: Any, issuer: Issuer, **more: Any) -> None:
    """Sets the gateway up to trust it."""
    settings.ORBIT_PRIVATE_TARGETS = [*settings.ORBIT_PRIVATE_TARGETS, f"127.0.0.1:{issuer.port}"]
    settings.ORBIT_JWT_ISSUER = issuer.url
    settings.ORBIT_JWT_AUDIENCE = AUDIENCE
    for name, value in more.items():
        setattr(settings, name, value)


def trust_by_asking(settings: Any, issuer: Issuer, **more: Any) -> None:
    trust(
        settings,
        issuer,
        ORBIT_INTROSPECTION_URL=f"{issuer.url}/introspect",
        ORBIT_INTROSPECTION_CLIENT_ID=CLIENT_ID,
        ORBIT_INTROSPECTION_CLIENT_SECRET=CLIENT_SECRET,
        **more,
    )
