"""A receiver of signed webhooks: `python -m tests.audit.sinks.webhook_server FOLDER PORT CERTIFICATE SECRET…`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.audit.sinks.serving import Desk, server_context

STATUS = {"throttle": 429, "fail": 503, "refuse": 400, "take": 204}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: Desk
    secrets: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        events = self._events(body)
        if events is None:
            self._answer(401)
            return
        what = self.desk.behave(events)
        if what in ("take", "lose"):
            self.desk.take(events)
        if what == "lose":
            self.close_connection = True
            return
        self._answer(STATUS[what])

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        if status == 429:
            self.send_header("retry-after", "0")
        self.end_headers()

    def _events(self, body: bytes) -> list[dict[str, Any]] | None:
        """None when anything is not as the specification has it."""
        name, stamp = self.headers.get("webhook-id"), self.headers.get("webhook-timestamp")
        signatures = (self.headers.get("webhook-signature") or "").split(" ")
        if not name or not stamp or not stamp.isdecimal() or abs(time.time() - int(stamp)) > 300:
            self.desk.fault(f"headers: {name} {stamp}")
            return None
        signed = f"{name}.{stamp}.".encode() + body
        expected = [
            "v1,"
            + base64.b64encode(
                hmac.new(base64.b64decode(one.removeprefix("whsec_")), signed, hashlib.sha256).digest()
            ).decode()
            for one in self.secrets
        ]
        if not set(signatures) & set(expected):
            self.desk.fault("signature")
            return None
        said = json.loads(body)
        if (
            set(said) != {"type", "timestamp", "data"}
            or self.headers.get("content-type") != "application/json"
        ):
            self.desk.fault(f"body: {sorted(said)}")
            return None
        events: list[dict[str, Any]] = said["data"]
        return events

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that do not trust us hang up; that is what a test wants of them


def main(folder: str, port: str, certificate: str, *secrets: str) -> None:
    Handler.desk, Handler.secrets = Desk(Path(folder)), list(secrets)
    server = Server(("127.0.0.1", int(port)), Handler)
    server.socket = server_context(certificate).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    (Path(folder) / "port").write_text(str(server.server_address[1]))
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
