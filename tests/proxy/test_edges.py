"""Size, encoding, paths and methods."""

from __future__ import annotations

import gzip
import socket

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant
from tests.gateway import Gateway
from tests.proxy.conftest import HELLO, LIMITS, Api, ApiOf, Untouched, code_of

CONTENT = orjson.dumps({"model": "gpt-4o-mini", "messages": HELLO})


@pytest.fixture
def untouched(provider: ProviderHandle, make_tenant: MakeTenant, api_of: ApiOf) -> Untouched:
    tenant = make_tenant(limits=LIMITS)
    return Untouched(provider, api_of(tenant), tenant)


def test_compressed_body_is_refused(untouched: Untouched) -> None:
    for encoding in ("gzip", "br", "zstd", "deflate", "gzip, gzip", "GZIP", "x-gzip", "whatever"):
        answer = untouched.api.send(
            "POST", "chat/completions", gzip.compress(CONTENT), {"content-encoding": encoding}
        )
        assert code_of(answer) == (415, "unsupported_encoding")
    untouched.check()


def test_body_over_the_gateways_size_is_refused(untouched: Untouched) -> None:
    most = 20_000_000
    answer = untouched.api.send("POST", "chat/completions", b" " * (most + 1))
    assert code_of(answer) == (413, "body_too_large")
    untouched.check()


def test_body_over_the_gateways_size_is_refused_although_nobody_announced_it(untouched: Untouched) -> None:
    piece = b" " * 1_000_000
    answer = untouched.api.http.post(
        "chat/completions",
        content=(piece for _ in range(25)),
        headers={"authorization": f"Bearer {untouched.api.key}"},
    )
    assert code_of(answer) == (413, "body_too_large")
    untouched.check()


def test_announced_size_is_refused_before_a_byte_of_it_came(gateway: Gateway, untouched: Untouched) -> None:
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
        f"authorization: Bearer {untouched.api.key}\r\ncontent-length: 1000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
    untouched.check()


def test_unknown_path_is_not_found(api: Api) -> None:
    for path in (
        "completion",
        "chat",
        "chat/completions/",
        "Chat/Completions",
        "chat/completions/x",
        "orbit",
        "orbit/requests",
        "orbit/requests/",
        "models/",
        "%2e%2e/healthz",
    ):
        for method in ("GET", "POST"):
            assert code_of(api.send(method, path)) == (404, "not_found"), path


def test_wrong_method_is_refused(api: Api) -> None:
    for method, path in [
        ("GET", "chat/completions"),
        ("PUT", "chat/completions"),
        ("DELETE", "chat/completions"),
        ("PATCH", "embeddings"),
        ("OPTIONS", "embeddings"),
        ("POST", "models"),
        ("DELETE", "models/gpt-4o"),
        ("POST", "orbit/limits"),
    ]:
        answer = api.send(method, path)
        assert code_of(answer) == (405, "method_not_allowed")
