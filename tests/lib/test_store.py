"""redis-py over one server and over a cluster: the same functions, the same answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis.exceptions import ConnectionError as Away
from redis.exceptions import RedisError, ResponseError

from orbit.lib import store
from tests.cluster import Cluster, running_cluster

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(durable=True) as running:
        yield running


@pytest.fixture
def clustered(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(settings, "REDIS_URL", cluster.url)
    return cluster


@pytest.fixture(params=["one server", "cluster"])
def either(request: pytest.FixtureRequest) -> None:
    """The test runs against both."""
    if request.param == "cluster":
        request.getfixturevalue("clustered")


@pytest.mark.usefixtures("either")
def test_answers_come_in_the_order_of_the_commands() -> None:
    shards = list(range(64))
    store.each((shard, ("SET", f"orbit:{{{shard}}}:test-each", shard)) for shard in shards)
    found = store.each((shard, ("GET", f"orbit:{{{shard}}}:test-each")) for shard in reversed(shards))
    assert found == [str(shard).encode() for shard in reversed(shards)]
    assert store.each([]) == []
    store.each((shard, ("DEL", f"orbit:{{{shard}}}:test-each")) for shard in shards)


@pytest.mark.usefixtures("either")
def test_scripts_run_where_their_keys_are() -> None:
    script = "return {KEYS[1], redis.call('EXISTS', KEYS[1])}"
    found = store.each((shard, ("EVAL", script, 1, f"orbit:{{{shard}}}:none")) for shard in range(64))
    assert found == [[f"orbit:{{{shard}}}:none".encode(), 0] for shard in range(64)]


@pytest.mark.usefixtures("either")
def test_answers_are_read_as_the_client_reads_them() -> None:
    key = "orbit:{7}:test-stream"
    store.client().xadd(key, {"k": "v"}, id="5-1")
    [entries] = store.each([(7, ("XRANGE", key, "-", "+"))])
    assert entries == [(b"5-1", {b"k": b"v"})] == store.client().xrange(key)
    store.client().delete(key)


@pytest.mark.usefixtures("either")
def test_refused_command_is_raised() -> None:
    with pytest.raises(ResponseError):
        store.each([(1, ("NOSUCH", "orbit:{1}:x")), (2, ("GET", "orbit:{2}:x"))])


@pytest.mark.usefixtures("either")
def test_keys_of_one_shard_are_scanned_and_its_clock_is_read() -> None:
    for shard in range(8):
        store.client().set(f"orbit:{{{shard}}}:test-scan", 1)
    assert list(store.scan(3, "orbit:{3}:test-scan*")) == [b"orbit:{3}:test-scan"]
    assert store.time_us(3) <= store.time_us(3)
    for shard in range(8):
        store.client().delete(f"orbit:{{{shard}}}:test-scan")


def test_every_master_is_a_server(clustered: Cluster) -> None:
    ports = {server.connection_pool.connection_kwargs["port"] for server in store.servers()}
    assert ports == {node.port for node in clustered.nodes}


def test_moved_slots_are_found(clustered: Cluster) -> None:
    shard = clustered.shard_on(0)
    command = ("INCR", f"orbit:{{{shard}}}:test-moved")
    before = int(store.each([(shard, command)])[0])
    clustered.move(shard, 1)
    assert store.each([(shard, command)]) == [before + 1]
    clustered.move(shard, 0)
    assert store.client().execute_command(*command) == before + 2  # type: ignore[no-untyped-call]


def test_server_that_is_away_fails_its_shards_and_no_others(clustered: Cluster) -> None:
    commands = [(shard, ("EXISTS", f"orbit:{{{shard}}}:none")) for shard in range(64)]
    away = {shard for shard in range(64) if clustered.holder(shard) == 2}
    assert store.each(commands) == [0] * 64
    clustered.kill(2)
    try:
        found = store.each(commands)
        assert {shard for shard, answer in enumerate(found) if isinstance(answer, RedisError)} == away
        assert {answer for answer in found if not isinstance(answer, RedisError)} == {0}
        with pytest.raises(Away):
            store.each([commands[shard] for shard in away])
    finally:
        clustered.start(2)
    assert store.each(commands) == [0] * 64


def test_cluster_that_cannot_be_reached_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis+cluster://127.0.0.1:1")
    for ask in (store.client, store.servers, lambda: store.each([(1, ("GET", "orbit:{1}:x"))])):
        with pytest.raises(Away):
            ask()
