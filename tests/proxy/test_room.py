"""What one organization may take of a worker: never all, and never what others need to get in."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from itertools import pairwise

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from proxy import room
from proxy.room import ALONE_S, Room, Share
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import Api, code_of, hello

SMALL = {"ORBIT_WORKER_CALLS": "8", "ORBIT_MAX_BODY_BYTES": "100000", "ORBIT_WORKER_BODY_BYTES": "400000"}
SLOW = {"model": "gpt-4o-mini", "messages": hello("tokens=2000", "pace_ms=100"), "stream": True}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, to be turned on."""
    now = [1000.0]
    monkeypatch.setattr(room, "monotonic", lambda: now[0])
    return now


def filled(share: Share, name: str) -> int:
    while share.take(name):
        pass
    return share.by.get(name, 0)


def test_alone_an_organization_gets_all_but_a_small_part() -> None:
    made = Room.of(100, 1_000_000, 100_000)
    assert filled(made.calls, "a") == 94
    assert sum(made.body_bytes.take("a", 50_000) for _ in range(100)) == 16
    assert made.calls.take("b")
    assert made.body_bytes.take("b", 100_000)


def test_a_very_small_worker_has_a_place_for_who_comes_next() -> None:
    share = Room.of(4, 1_000, 1).calls
    assert filled(share, "a") == 2
    assert share.take("b")


def test_while_others_are_there_and_a_minute_longer_nobody_gets_more_than_is_free(clock: list[float]) -> None:
    share = Room.of(100, 1_000, 1).calls
    assert share.take("b")
    assert filled(share, "a") == 49
    share.give_back("b")
    assert filled(share, "a") == 50
    clock[0] += ALONE_S
    assert filled(share, "a") == 50
    clock[0] += 0.1
    assert filled(share, "a") == 94


@pytest.mark.parametrize("others", [("b", "a", "b"), ("a", "b"), ("b",)])
def test_who_left_just_before_was_there(clock: list[float], others: tuple[str, ...]) -> None:
    """One after another, also where calls of both overlap."""
    share = Room.of(100, 1_000, 1).calls
    share.take(others[0])
    for before, name in pairwise(others):
        clock[0] += 2 * ALONE_S
        share.take(name)
        share.give_back(before)
    clock[0] += 2 * ALONE_S
    share.give_back(others[-1])
    assert filled(share, "a") == 50
    clock[0] += ALONE_S + 0.1
    assert filled(share, "a") == 94


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
    assert Api(http, other.key).chat().status_code == 200  # so that nobody is alone
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
