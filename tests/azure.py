"""A fake of two protocols of Azure: the identity of a machine, and Key Vault. `python -m tests.azure FOLDER PORT TLS_PORT`.

Key Vault is at the second port, over TLS; the first has the identity, and what a test tells the fake.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lib.certificates import certificate

IDENTITY_HEADER = "azure-canary-91e0"
RESOURCE = "https://vault.azure.net"


class State:
    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.secrets: dict[str, str] = {}
        self.disabled: set[str] = set()
        self.forbidden: set[str] = set()
        self.status = 0  # that every read is answered with
        self.issued = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


class Machine(Handler):
    def do_GET(self) -> None:
        """A token, as App Service gives them."""
        asked = parse_qs(urlsplit(self.path).query)
        if self.headers["x-identity-header"] != IDENTITY_HEADER or asked.get("resource") != [RESOURCE]:
            self.answer(400, {"error": "invalid_request"})
            return
        token = f"azure-token-{secrets.token_hex(16)}"
        self.state.tokens.add(token)
        self.state.issued += 1
        self.answer(
            200,
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + 86_400),
                "resource": RESOURCE,
                "token_type": "Bearer",
            },
        )

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        match self.path:
            case "/put":
                self.state.secrets.update(told)
            case "/disable":
                self.state.disabled.add(told)
            case "/forbid":
                self.state.forbidden.add(told)
            case "/status":
                self.state.status = told
            case "/revoke":
                self.state.tokens.clear()
        self.answer(200, {"issued": self.state.issued})


class Vault(Handler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = parts.path.removeprefix("/secrets/")
        state = self.state
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in state.tokens:
            challenge = f'Bearer authorization="https://login.example/tenant", resource="{RESOURCE}"'
            self.answer(401, {"error": {"code": "Unauthorized"}}, www_authenticate=challenge)
        elif state.status:
            self.answer(state.status, {"error": {"code": "Throttled"}})
        elif "api-version" not in parse_qs(parts.query):
            self.answer(400, {"error": {"code": "BadParameter"}})
        elif name in state.forbidden:
            self.answer(403, {"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByRbac"}}})
        elif name in state.disabled:
            self.answer(403, {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}})
        elif name not in state.secrets:
            self.answer(404, {"error": {"code": "SecretNotFound"}})
        else:
            found = {"value": state.secrets[name], "attributes": {"enabled": True}}
            self.answer(200, {**found, "id": f"https://keys.vault.azure.net/secrets/{name}/1"})


def main(folder: Path, port: int, tls_port: int) -> None:
    Handler.state = State()
    vault = ThreadingHTTPServer(("127.0.0.1", tls_port), Vault)
    vault.socket = certificate(folder, "127.0.0.1").wrap_socket(vault.socket, server_side=True)
    threading.Thread(target=vault.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", port), Machine).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
