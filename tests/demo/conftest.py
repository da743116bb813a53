import socket
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from anthropic import Anthropic
from openai import OpenAI

from orbit.demo.provider.process import ProviderHandle, running_provider

KEY = "sk-demo-tests"
VERSION = "2026-10-21"


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[ProviderHandle]:
    with running_provider(allow_kill=True) as provider:
        yield provider


@pytest.fixture
def provider(shared_provider: ProviderHandle) -> ProviderHandle:
    shared_provider.wait_idle()
    shared_provider.reset()
    return shared_provider


@pytest.fixture
def client(provider: ProviderHandle) -> Iterator[OpenAI]:
    with OpenAI(base_url=provider.base_url, api_key=KEY, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def claude(provider: ProviderHandle) -> Iterator[Anthropic]:
    # Anthropic's clients add the /v1 themselves.
    address = provider.base_url.removesuffix("/v1")
    with Anthropic(base_url=address, api_key=KEY, max_retries=0, timeout=10) as client:
        yield client


class Raw:
    """A client that sees bytes, resets and half answers as they are."""

    def __init__(self, provider: ProviderHandle) -> None:
        self._provider = provider

    def connect(
        self, fields: dict[str, Any], *, path: str = "/v1/chat/completions", **headers: str
    ) -> socket.socket:
        body = orjson.dumps(fields)
        lines = [f"POST {path} HTTP/1.1", "Host: demo", f"Authorization: Bearer {KEY}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        connection = socket.create_connection(("127.0.0.1", self._provider.port), timeout=5)
        connection.sendall("\r\n".join(lines).encode() + body)
        return connection

    def ask(self, directives: str, *, stream: bool = True, **more: Any) -> tuple[bytes, str]:
        """All bytes up to the end of the answer, and how it ended: complete, fin or reset."""
        fields = {
            "model": "demo-chat",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": stream,
        } | more
        return self.ask_at("/v1/chat/completions", fields, directives)

    def ask_at(self, path: str, fields: dict[str, Any], directives: str) -> tuple[bytes, str]:
        with self.connect(fields, path=path, x_demo=directives) as connection:
            return read_answer(connection)

    def events(self, directives: str, **more: Any) -> list[Any]:
        return _payloads(*self.ask(directives, **more))

    def events_at(self, path: str, fields: dict[str, Any], directives: str) -> list[Any]:
        return _payloads(*self.ask_at(path, fields, directives))


def _payloads(received: bytes, ending: str) -> list[Any]:
    assert ending == "complete"
    payloads = [line[6:] for line in unchunked(received).split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(payload) for payload in payloads if payload != b"[DONE]"]


class RawMessages(Raw):
    """The same in Anthropic's format."""

    def ask(self, directives: str, *, stream: bool = True, **more: Any) -> tuple[bytes, str]:
        fields = {
            "model": "demo-claude",
            "max_tokens": 1_000,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": stream,
        } | more
        with self.post(fields, x_demo=directives) as connection:
            return read_answer(connection)

    def post(self, fields: dict[str, Any], **headers: str) -> socket.socket:
        headers = {"anthropic_version": VERSION} | headers
        return self.connect(fields, path="/v1/messages", **headers)

    def refused(self, fields: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        """The status and the error of a request that is not served."""
        with self.post(fields, **headers) as connection:
            received, _ = read_answer(connection)
        body = orjson.loads(received.partition(b"\r\n\r\n")[2])
        assert body["type"] == "error"
        assert body["request_id"].encode() in received.partition(b"\r\n\r\n")[0]
        return int(received.split()[1]), body["error"]


@pytest.fixture
def raw_messages(provider: ProviderHandle) -> RawMessages:
    return RawMessages(provider)


@pytest.fixture
def raw(provider: ProviderHandle) -> Raw:
    return Raw(provider)


def read_answer(connection: socket.socket) -> tuple[bytes, str]:
    received = b""
    while True:
        try:
            part = connection.recv(65_536)
        except ConnectionResetError:
            return received, "reset"
        if not part:
            return received, "fin"
        received += part
        if _is_complete(received):
            return received, "complete"


def _is_complete(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
    return bool(lengths) and len(body) == int(lengths[0].split(b": ")[1])


def unchunked(received: bytes) -> bytes:
    _, _, rest = received.partition(b"\r\n\r\n")
    whole = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        whole += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return whole
