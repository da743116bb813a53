"""As much of a cluster's API as a Vault asks: whether a service account's token is good."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT = {"namespace": "orbit", "name": "gateway", "uid": "u-1"}


class _Api(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        user = {
            "username": f"system:serviceaccount:{ACCOUNT['namespace']}:{ACCOUNT['name']}",
            "uid": ACCOUNT["uid"],
        }
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "status": {"authenticated": True, "user": user},
        }
        content = json.dumps(review).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_api() -> Iterator[str]:
    """Its address. It believes every token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def service_account_token() -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "kubernetes/serviceaccount",
        "sub": f"system:serviceaccount:{ACCOUNT['namespace']}:{ACCOUNT['name']}",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 600,
        "kubernetes.io/serviceaccount/namespace": ACCOUNT["namespace"],
        "kubernetes.io/serviceaccount/service-account.name": ACCOUNT["name"],
        "kubernetes.io/serviceaccount/service-account.uid": ACCOUNT["uid"],
    }
    return ".".join([_part({"alg": "RS256", "typ": "JWT"}), _part(claims), _encoded(b"x" * 256)])


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
