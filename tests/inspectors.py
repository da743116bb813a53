"""A real server on loopback that speaks as inspectors do, well or badly. What it finds is `Zaphod`, or that a text is hateful.

The formats' origins: OpenAI's by the types of its SDK (`openai/types/moderation.py`), Presidio's by its own server
(`presidio-analyzer/app.py`), Google's by the reference of `content.inspect` and `InspectResult`, ours by docs/inspectors.md.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

NAME, HATEFUL = "Zaphod", "hateful"
KEY = "sk-inspector-key-0123456789"
WHSEC = "whsec_" + "a2V5" * 10
CATEGORIES = ("harassment", "hate", "hate/threatening", "self-harm/intent", "violence")


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Services:
    """`url("slow")` is an address at which all is answered slowly. Each test looks only at what its own texts say."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    def url(self, mode: str = "well") -> str:
        return f"http://127.0.0.1:{self.port}/{mode}"

    def with_text(self, text: str) -> list[Asked]:
        return [one for one in list(self.asked) if text in one.body.decode("utf-8", "replace")]

    def google_key(self) -> str:
        """As Google's console gives one, with a place for tokens that is ours."""
        said = {
            "type": "service_account",
            "client_email": "orbit@my-project-123.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": PRIVATE_KEY,
            "token_uri": f"http://127.0.0.1:{self.port}/token",
        }
        return json.dumps(said, indent=2)


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


PRIVATE_KEY = _private_key()


def answer_to(path: str, body: Any) -> Any:
    """What a service that works answers."""
    if path.endswith("/moderations"):
        results = [
            {
                "flagged": HATEFUL in text,
                "categories": {name: HATEFUL in text and name == "hate" for name in CATEGORIES},
                "category_scores": {
                    name: 0.91 if HATEFUL in text and name == "hate" else 0.0004 for name in CATEGORIES
                },
                "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
            }
            for text in body["input"]
        ]
        return {"id": "modr-1", "model": body["model"], "results": results}
    if path.endswith("/analyze"):
        return [
            [{"entity_type": "PERSON", "start": at, "end": end, "score": 0.85} for at, end in _places(text)]
            for text in body["text"]
        ]
    if path.endswith("content:inspect"):
        return {"result": {"findings": [
            _google_finding(row, at, end)
            for row, one in enumerate(body["item"]["table"]["rows"])
            for at, end in _places(one["values"][0]["stringValue"])
        ]}}  # fmt: skip
    return {
        "findings": [
            {"id": one["id"], "type": "PERSON", "start": at, "end": end, "score": 0.9}
            for one in body["texts"]
            for at, end in _places(one["text"])
        ]
        + [
            {"id": one["id"], "type": "INSULT", "block": True}
            for one in body["texts"]
            if HATEFUL in one["text"]
        ]
    }


def _places(text: str) -> list[tuple[int, int]]:
    return [one.span() for one in re.finditer(NAME, text)]


def _google_finding(row: int, start: int, end: int) -> dict[str, Any]:
    """Numbers of 64 bits are texts, and left out where they are 0."""
    place = {"end": str(end)} | ({"start": str(start)} if start else {})
    table = {"rowIndex": str(row)} if row else {}
    record = {"recordLocation": {"fieldId": {"name": "text"}, "tableLocation": table}}
    return {
        "infoType": {"name": "PERSON_NAME"},
        "likelihood": "LIKELY",
        "location": {"byteRange": place, "codepointRange": place, "contentLocations": [record]},
        "createTime": "2026-12-01T00:00:00.000Z",
    }


def wrong_span(answer: Any) -> Any:
    """The same with places that no text has."""
    text = json.dumps(answer)
    text = re.sub(r'"end": "\d+"', '"end": "99999"', text)
    text = re.sub(r'"end": \d+', '"end": 99999', text)
    return json.loads(re.sub(r'"hate": 0.91', '"hate": 7.5', text))


class _Handler(BaseHTTPRequestHandler):
    services: Services
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.services.asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.path == "/token":
            return self._send(200, json.dumps({"access_token": "ya29.token", "expires_in": 3600}).encode())
        mode = self.path.split("/")[1]
        made = answer_to(self.path, json.loads(body))
        if mode == "slow":
            time.sleep(1.0)
        if mode == "error":
            return self._send(503, b'{"error": "' + body.replace(b'"', b"'") + b'"}')
        if mode == "denied":
            return self._send(401, b'{"error": "no"}')
        if mode == "redirect":
            return self._send(
                307, b"", {"location": self.services.url() + self.path.removeprefix("/redirect")}
            )
        if mode == "garbled":
            return self._send(200, b'{"findings": [')
        if mode == "other":
            return self._send(200, b'{"hello": "there"}')
        if mode == "long":
            return self._send(200, b'"' + b"x" * 2_100_000 + b'"')
        if mode == "wrong":
            made = wrong_span(made)
        return self._send(200, json.dumps(made).encode())

    def _send(self, status: int, content: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # whoever asked has gone


@contextmanager
def running_services() -> Iterator[Services]:
    services = Services(0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"services": services}))
    server.daemon_threads = True
    services.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
