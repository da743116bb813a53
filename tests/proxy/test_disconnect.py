"""Clients that leave a stream, at any point and in any way: charged what the provider charges."""

from __future__ import annotations

import random
import socket
import struct
import time
from statistics import median
from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import calls, served
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import ApiOf, hello

TOKENS = 200
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in (1, 2))]
DRAIN = {"drain": {"max_s": 20, "max_cost": "1.00"}}


class Leaver:
    """A client of one stream that counts chunks and leaves when it likes."""

    def __init__(self, gateway: Gateway, tenant: Tenant, *directives: str, **fields: Any) -> None:
        body = orjson.dumps(
            {
                "model": "gpt-4o-mini",
                "messages": hello(*directives),
                "stream": True,
                "max_tokens": 500,
                **fields,
            }
        )
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 10)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {tenant.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def read(self, chunks: int) -> None:
        """Until so many pieces of text have come."""
        content = b""
        while content.count(b'"content":') < chunks + 1:  # the first one has the role
            piece = self.socket.recv(65536)
            if not piece:
                return
            content += piece

    def leave(self, how: str) -> None:
        if how == "rst":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@pytest.fixture(autouse=True)
def counting(gateway: Gateway, make_tenant: MakeTenant, api_of: ApiOf) -> None:
    """The worker has loaded its tokenizer."""
    api_of(make_tenant()).chat(messages=hello("tokens=2", "usage=missing"))


def lattice(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle, seed: int, *directives: str
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Eight hang-ups at random places, each with the provider's record of it."""
    chance = random.Random(seed)
    for number in range(8):
        leaver = Leaver(gateway, tenant, f"tokens={TOKENS}", "pace_ms=3", *directives)
        leaver.read(chance.choice([1, 2, chance.randrange(3, TOKENS - 20), TOKENS - 20]))
        leaver.leave(chance.choice(["fin", "rst"]))
        calls(tenant, number + 1)
    return [(event, served(provider, event)) for event in calls(tenant, 8)]


def error(event: dict[str, Any], record: dict[str, Any]) -> float:
    assert event["status"] == "client_gone"
    assert event["cost_nano"] > 0
    ours, theirs = int(event["cost_nano"]), int(record["cost_nano"])
    return abs(ours - theirs) / theirs


@pytest.mark.parametrize("seed", SEEDS)
def test_cancelled_streams_are_charged_for_what_was_made(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle, seed: int
) -> None:
    """The provider's running figure says what; without one the two count a little differently."""
    pairs = lattice(gateway, tenant, provider, seed, "usage=running")
    assert all(record["outcome"] == "hung_up" for _, record in pairs)
    assert {event["usage_source"] for event, _ in pairs} == {"partial"}
    assert median(error(*pair) for pair in pairs) == 0
    assert max(error(*pair) for pair in pairs) <= 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_cancelled_streams_without_a_running_figure_are_charged_for_what_came(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle, seed: int
) -> None:
    for event, record in lattice(gateway, tenant, provider, seed):
        assert event["usage_source"] == "estimated"
        assert event["cost_nano"] > 0
        made = record["completion_tokens"]
        assert abs(made - event["output_tokens"]) <= 3 + made * 0.03
        assert abs(event["input_tokens"] - record["prompt_tokens"]) <= 10


@pytest.mark.parametrize("seed", SEEDS)
def test_drained_streams_are_charged_exactly(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle, seed: int
) -> None:
    tenant = make_tenant(on_disconnect=DRAIN)
    for event, record in lattice(gateway, tenant, provider, seed):
        assert record["outcome"] == "finished"
        assert event["usage_source"] == "provider"
        assert error(event, record) == 0


def one(tenant: Tenant, provider: ProviderHandle) -> tuple[dict[str, Any], dict[str, Any]]:
    [event] = calls(tenant)
    return event, served(provider, event)


def test_drained_stream_keeps_its_slot_until_the_provider_ends(
    gateway: Gateway, make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(on_disconnect=DRAIN, limits=[{"name": "one", "meter": "concurrency", "limit": 1}])
    api = api_of(tenant)
    leaver = Leaver(gateway, tenant, "tokens=200", "pace_ms=5")
    leaver.read(5)
    leaver.leave("fin")
    assert api.chat().status_code == 429
    event, record = one(tenant, provider)
    assert record["completion_tokens"] == event["output_tokens"] == 200
    assert api.limits()["one"]["held"] == 0
    assert api.chat().status_code == 200


def test_drain_ends_with_its_time(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(on_disconnect={"drain": {"max_s": 1, "max_cost": "1.00"}})
    leaver = Leaver(gateway, tenant, "tokens=400", "pace_ms=10", "usage=running")
    leaver.read(5)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert (event["status"], event["usage_source"], record["outcome"]) == (
        "client_gone",
        "partial",
        "hung_up",
    )
    assert 5 < event["output_tokens"] < 400
    assert record["completion_tokens"] - event["output_tokens"] <= 2


def test_drain_ends_with_its_money(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    cap_nano = 60_000  # 100 tokens of gpt-4o-mini's output
    tenant = make_tenant(on_disconnect={"drain": {"max_s": 20, "max_cost": "0.00006"}})
    leaver = Leaver(gateway, tenant, "tokens=400", "pace_ms=3")
    leaver.read(5)
    leaver.leave("rst")
    event, record = one(tenant, provider)
    assert (event["status"], record["outcome"]) == ("client_gone", "hung_up")
    assert cap_nano * 0.9 < event["cost_nano"] < cap_nano * 1.1


def test_drain_of_a_silent_provider_ends_with_its_time(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(on_disconnect={"drain": {"max_s": 1, "max_cost": "1.00"}})
    leaver = Leaver(gateway, tenant, "tokens=50", "stall_after_chunks=12", "pace_ms=1")
    leaver.read(12)
    leaver.leave("fin")
    event, _ = one(tenant, provider)
    assert (event["status"], event["usage_source"]) == ("client_gone", "estimated")
    assert abs(event["output_tokens"] - 12) <= 2


def test_provider_that_breaks_off_while_it_is_drained_is_charged_for_what_came(
    gateway: Gateway, make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(on_disconnect=DRAIN)
    leaver = Leaver(gateway, tenant, "tokens=200", "cut_after_chunks=60", "pace_ms=2")
    leaver.read(5)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert event["status"] == "client_gone"
    assert event["attempts"][0]["error"] == "Broken"
    assert abs(event["output_tokens"] - record["completion_tokens"]) <= 2


def test_client_that_leaves_after_the_usage_is_charged_by_it(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    leaver = Leaver(gateway, tenant, "tokens=20", "usage=with_finish", "no_done", "stall_after_chunks=20")
    leaver.read(20)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert event["status"] == "client_gone"
    assert abs(event["output_tokens"] - record["completion_tokens"]) <= 2


def test_plain_call_is_waited_for_whoever_leaves(
    gateway: Gateway, tenant: Tenant, provider: ProviderHandle
) -> None:
    leaver = Leaver(gateway, tenant, "tokens=50", "first_ms=300", stream=False)
    while provider.summary()["open"] == 0:
        time.sleep(0.01)
    leaver.leave("fin")
    event, record = one(tenant, provider)
    assert (event["status"], event["usage_source"]) == ("settled", "provider")
    assert event["cost_nano"] == record["cost_nano"]
