"""What one organization may take of a worker: never all, and never what others need to get in."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from proxy.room import Share
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import Api, code_of, hello

SMALL = {"ORBIT_WORKER_CALLS": "8", "ORBIT_MAX_BODY_BYTES": "100000", "ORBIT_WORKER_BODY_BYTES": "400000"}
SLOW = {"model": "gpt-4o-mini", "messages": hello("tokens=2000", "pace_ms=100"), "stream": True}


def test_alone_an_organization_gets_half() -> None:
    share = Share(100)
    assert sum(share.take("a") for _ in range(100)) == 50


def test_whoever_comes_next_finds_room_and_all_of_them_leave_some() -> None:
    share = Share(128)
    got = [sum(share.take(name) for _ in range(128)) for name in "abcde"]
    assert got == [64, 32, 16, 8, 4]
    assert share.taken < share.most


def test_what_is_given_back_is_free_for_all() -> None:
    share = Share(10)
    while share.take("a"):
        pass
    for _ in range(share.by["a"]):
        share.give_back("a")
    assert (share.taken, share.by) == (0, {})
    assert share.take("b", 5)
    assert not share.take("b")


@pytest.fixture(scope="module")
def small(provider: ProviderHandle) -> Iterator[Gateway]:
    with running_gateway(environment=SMALL) as gateway:
        yield gateway


@pytest.fixture
def http(small: Gateway) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=small.base_url + "/", timeout=20, trust_env=False, verify=False) as made:
        yield made


def _stream(gateway: Gateway, tenant: Tenant) -> socket.socket:
    """One that has begun and goes on."""
    return _sent(gateway, tenant, orjson.dumps(SLOW))


def _sent(gateway: Gateway, tenant: Tenant, body: bytes, size: int | None = None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {tenant.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {size or len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    if size is None:
        assert connection.recv(64).startswith(b"HTTP/1.1 200 ")
    return connection


def test_organization_that_has_its_part_is_told_so_while_others_are_served(
    small: Gateway, http: httpx2.Client, make_tenant: MakeTenant
) -> None:
    greedy, other = make_tenant(), make_tenant()
    streams = [_stream(small, greedy) for _ in range(4)]
    answer = Api(http, greedy.key).chat()
    assert code_of(answer) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert Api(http, greedy.key).get("models").status_code == 503
    assert Api(http, other.key).chat().status_code == 200
    assert http.get(f"http://127.0.0.1:{small.port}/healthz").status_code == 200
    counted = http.get(f"http://127.0.0.1:{small.port}/metrics").text
    for one in streams:
        one.close()
    # among very many organizations one is told together with others
    assert re.search(rf'code="overloaded",limit="",organization="({greedy.slug}|\(other\))"', counted)
    while (answer := Api(http, greedy.key).chat()).status_code == 503:
        pass
    assert answer.status_code == 200


def test_bodies_that_are_on_their_way_count_by_their_size(
    small: Gateway, http: httpx2.Client, make_tenant: MakeTenant
) -> None:
    greedy, other = make_tenant(), make_tenant()
    half = [_sent(small, greedy, b"{", size=90_000) for _ in range(2)]
    while (
        answer := Api(http, greedy.key).send("POST", "chat/completions", b" " * 90_000)
    ).status_code == 400:
        pass  # the others have not come yet
    assert code_of(answer) == (503, "overloaded")
    assert Api(http, other.key).chat().status_code == 200
    for one in half:
        one.close()
    while (answer := Api(http, greedy.key).chat()).status_code == 503:
        pass
    assert answer.status_code == 200
