"""The HTTP that the suite's servers share. What a kind's own protocol asks for is in its subclass."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.audit.sinks.serving import Desk, server_context


class Fault(Exception):
    """Something is not as the specification has it."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: Desk

    def do_POST(self) -> None:
        self.posted()

    def posted(self) -> None:
        raise NotImplementedError

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if status == 429:
            self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that do not trust us hang up; that is what a test wants of them


def expect(holds: Any, words: str) -> None:
    if not holds:
        raise Fault(words)


def serve(handler: type[Handler], folder: str, port: str, certificate: str) -> None:
    handler.desk = Desk(Path(folder))
    server = Server(("127.0.0.1", int(port)), handler)
    server.socket = server_context(certificate).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    (Path(folder) / "port").write_text(str(server.server_address[1]))
    server.serve_forever()
