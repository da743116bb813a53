"""A draft tried on recorded calls by a real cluster: what one server answers, whichever of the servers has the sandbox."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from orbit.lib.redis.shard import SLOTS, slot_of
from orbit.lib.store import servers
from quotas import keys
from tests.cluster import Cluster, running_cluster
from tests.conftest import MakeTenant
from tests.proxy.test_simulation import Past

pytestmark = pytest.mark.xdist_group("cluster")

MASTERS = 3
# One of each kind, all of them met by some of the calls below.
DRAFT: list[dict[str, Any]] = [
    {"name": "rpm", "meter": "requests", "per": "minute", "limit": 60, "burst": 3},
    {"name": "tpm", "meter": "tokens", "per": "minute", "limit": 6000, "burst": 900},
    {"name": "tpd", "meter": "tokens", "per": "day", "limit": 25_000},
    {"name": "each", "meter": "tokens", "per": "day", "limit": 9000, "of": "each_end_user"},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "3.00"},
    {"name": "inflight", "meter": "concurrency", "limit": 6, "shadow": True},
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(MASTERS) as running:
        yield running


@pytest.fixture
def past(make_tenant: MakeTenant) -> Past:
    """Calls that overlap, of several users, over two days."""
    made, chance = Past(make_tenant()), random.Random(11)
    for number in range(150):
        at_s, reserved = number * 700 + chance.uniform(0, 600), chance.randrange(100, 800)
        for _ in range(chance.randrange(1, 8)):
            used = chance.randrange(0, reserved)
            user = chance.choice(["ada", "bob", None])
            made.call(at_s, at_s + chance.uniform(1, 30), reserved, used, cost=used * 100_000, end_user=user)
            at_s += chance.uniform(0, 2)
    return made


def sandbox_on(node: int) -> int:
    """The number of a sandbox whose slot is one of this node's third."""
    return next(number for number in range(1000) if slot_of(keys.sandbox(number)) * MASTERS // SLOTS == node)


@pytest.fixture(params=range(MASTERS))
def node(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


def test_cluster_answers_as_one_server_does(
    past: Past, cluster: Cluster, node: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_one = timeless(past.try_out(*DRAFT))
    assert {one["limit"] for one in on_one["limits"]} >= {"rpm", "tpm", "tpd", "each", "budget"}
    number = sandbox_on(node)
    monkeypatch.setattr("quotas.sandbox.secrets.randbelow", lambda _: number)
    before = commands(cluster)
    with override_settings(REDIS_URL=cluster.url):
        on_many = timeless(past.simulated(*DRAFT))  # the ledger's stream is elsewhere
        time.sleep(0.01)  # a closed lease leaves a tombstone for a millisecond
        left = [key for server in servers() for key in server.scan_iter("orbit:{*")]
    assert on_many == on_one
    assert left == []
    ran = [after - was for after, was in zip(commands(cluster), before, strict=True)]
    assert [bool(scripts) for scripts in ran] == [index == node for index in range(MASTERS)]


def timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """Without how long it took."""
    return {name: value for name, value in answer.items() if name not in ("took_s", "events_per_s")}


def commands(cluster: Cluster) -> list[int]:
    """How many scripts each server has run."""
    found = (node.client.info("commandstats").get("cmdstat_evalsha", {}) for node in cluster.nodes)
    return [int(one.get("calls", 0)) for one in found]
