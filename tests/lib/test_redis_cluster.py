"""The link to a cluster: every command at its shard's server, whatever moves or dies meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orbit.lib.redis import ClusterLink, RedisLink, Script, Serves, StoreError, StoreUnavailable, link
from orbit.lib.redis import shard as shards
from orbit.lib.redis.connection import packed
from orbit.lib.redis.shard import slot_of
from tests.cluster import Cluster, running_cluster

pytestmark = pytest.mark.xdist_group("cluster")

# Counts an id once, however often it is told; answers with the count when the id was first told.
ONCE = """
local first = redis.call('GET', KEYS[2])
if first then return first end
local count = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], count)
return tostring(count)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(durable=True) as running:
        yield running


@pytest.fixture
def once(tmp_path: Path) -> Script:
    source = tmp_path / "once.lua"
    source.write_text(ONCE + f"-- {time.time_ns()}")
    return Script.load(source)


@asynccontextmanager
async def linked(url: str, timeout_s: float = 2.0) -> AsyncIterator[ClusterLink]:
    made = ClusterLink(url, timeout_s)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0.05)


async def answered(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Asks until the store is there."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(0.02)


def test_url_says_which_link_it_is(cluster: Cluster) -> None:
    assert isinstance(link(cluster.url, 1), ClusterLink)
    assert isinstance(link("redis://127.0.0.1:1/0", 1), RedisLink)
    with pytest.raises(ValueError, match="one server"):
        ClusterLink("redis://127.0.0.1:1", 1)


def test_slot_of_a_shard_is_what_the_servers_take_it_for(cluster: Cluster) -> None:
    for shard in range(64):
        key = f"orbit:{{{shard}}}:meta"
        assert cluster.nodes[0].ask("CLUSTER", "KEYSLOT", key) == slot_of(shard)


async def test_every_shards_commands_land_on_its_server(cluster: Cluster) -> None:
    async with linked(cluster.url) as store:
        await asyncio.gather(
            *(store.at(shard).call("SET", f"orbit:{{{shard}}}:here", shard) for shard in range(64))
        )
        assert len(set(store.owners.values())) == 3
    for shard in range(64):
        client = cluster.nodes[cluster.holder(shard)].client
        assert client.get(f"orbit:{{{shard}}}:here") == str(shard).encode()


async def test_script_reaches_servers_that_do_not_know_it(cluster: Cluster, once: Script) -> None:
    async with linked(cluster.url) as store:
        for shard in (cluster.shard_on(index) for index in range(3)):
            for number in range(2):
                keys = [f"orbit:{{{shard}}}:{once.digest}", f"orbit:{{{shard}}}:{once.digest}:{number}"]
                assert await store.at(shard).run(once, keys, []) == str(number + 1).encode()


async def test_servers_own_error_is_quoted(cluster: Cluster) -> None:
    async with linked(cluster.url) as store:
        with pytest.raises(StoreError, match="unknown command"):
            await store.at(1).call("NOSUCH", "orbit:{1}:x")
        with pytest.raises(StoreError, match="unknown command"):
            await store.at(1).post_packed(packed(("NOSUCH", "orbit:{1}:x")))


async def test_moved_slot_is_followed_and_remembered(cluster: Cluster) -> None:
    shard = cluster.shard_on(0)
    key = f"orbit:{{{shard}}}:moved"
    async with linked(cluster.url) as store:
        await store.at(shard).call("SET", key, "before")
        cluster.move(shard, 1)
        assert await store.at(shard).call("GET", key) == b"before"
        assert store.owners[slot_of(shard)].address.servers[0][1] == cluster.nodes[1].port
        cluster.move(shard, 0)
        assert await store.at(shard).post_packed(packed(("GET", key))) == b"before"
        assert store.owners[slot_of(shard)].address.servers[0][1] == cluster.nodes[0].port


async def test_new_key_of_a_moving_slot_goes_to_where_it_moves(cluster: Cluster) -> None:
    shard = cluster.shard_on(0)
    old, new = f"orbit:{{{shard}}}:old", f"orbit:{{{shard}}}:new:{time.time_ns()}"
    async with linked(cluster.url) as store:
        await store.at(shard).call("SET", old, "1")
        slot, source, target = cluster.begin_move(shard, 2)
        await store.at(shard).call("SET", new, "2")
        assert await store.at(shard).call("GET", old) == b"1"
        assert await store.at(shard).post_packed(packed(("GET", new))) == b"2"
        assert new.encode() in target.keys(slot)
        assert new.encode() not in source.keys(slot)
        assert store.owners[slot_of(shard)].address.servers[0][1] == cluster.nodes[0].port
        cluster.move(shard, 2)
        assert await store.at(shard).call("MGET", old, new) == [b"1", b"2"]
        cluster.move(shard, 0)


async def test_command_on_keys_of_both_servers_waits_for_the_move(cluster: Cluster) -> None:
    shard = cluster.shard_on(1)
    old, new = f"orbit:{{{shard}}}:both:old", f"orbit:{{{shard}}}:both:new"
    async with linked(cluster.url) as store:
        await store.at(shard).call("SET", old, "1")
        cluster.begin_move(shard, 2)
        waiting = asyncio.create_task(store.at(shard).call("MGET", old, new))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(cluster.move, shard, 2)
        assert await waiting == [b"1", None]
    cluster.move(shard, 1)


async def test_move_that_takes_too_long_is_no_answer(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "PATIENCE_S", 0.1)
    shard = cluster.shard_on(1)
    old, new = f"orbit:{{{shard}}}:both:old", f"orbit:{{{shard}}}:both:new"
    async with linked(cluster.url) as store:
        await store.at(shard).call("SET", old, "1")
        slot, source, target = cluster.begin_move(shard, 2)
        with pytest.raises(StoreUnavailable):
            await store.at(shard).call("MGET", old, new)
        for node in (source, target):
            node.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        assert await answered(lambda: store.at(shard).call("MGET", old, new)) == [b"1", None]


@pytest.mark.parametrize("way", ["key by key", "at once"])
async def test_slot_that_moves_under_load_loses_and_doubles_nothing(
    cluster: Cluster, once: Script, way: str
) -> None:
    """Sixteen callers count under ids of their own, half of them by posts, while the slot goes there and back."""
    shard = cluster.shard_on(2)
    counter = f"orbit:{{{shard}}}:load:{time.time_ns()}"
    told: dict[str, int] = {}
    enough = asyncio.Event()
    moving, goal = True, 0

    async def count(caller: int, store: ClusterLink) -> None:
        number = 0
        while moving:
            number += 1
            one = f"{counter}:{caller}-{number}"
            command = packed(("EVALSHA", once.digest, "2", counter, one))

            async def ask(one: str = one, command: bytes = command) -> Any:
                if caller % 2:
                    return await store.at(shard).run(once, [counter, one], [])
                try:
                    return await store.at(shard).post_packed(command)
                except StoreError as error:
                    assert str(error).startswith("NOSCRIPT")  # noqa: PT017 - the other half brings it
                    return await store.at(shard).run(once, [counter, one], [])

            told[one] = int(await answered(ask))
            if len(told) >= goal:
                enough.set()
            await asyncio.sleep(0.005)  # every id is a key that has to move

    async with linked(cluster.url) as store:
        callers = [asyncio.create_task(count(caller, store)) for caller in range(16)]
        for to in (0, 2):
            await asyncio.sleep(0.1)
            if way == "key by key":
                assert await asyncio.to_thread(cluster.move, shard, to, pause_s=0.0002)
            else:
                await asyncio.to_thread(cluster.move_at_once, shard, to)
            goal = len(told) + 100
            enough.clear()
            await asyncio.wait_for(enough.wait(), 10)
        moving = False
        await asyncio.gather(*callers)
        total = int(await store.at(shard).call("GET", counter))
    assert total == len(told)
    assert sorted(told.values()) == list(range(1, total + 1))


async def test_killed_server_takes_only_its_own_shards_with_it(cluster: Cluster) -> None:
    away, there = cluster.shard_on(1), cluster.shard_on(2)
    async with linked(cluster.url, 0.5) as store:
        for shard in (away, there):
            await store.at(shard).call("SET", f"orbit:{{{shard}}}:kept", "1")
        cluster.kill(1)
        try:
            for _ in range(20):
                with pytest.raises(StoreUnavailable):
                    await store.at(away).call("GET", f"orbit:{{{away}}}:kept")
                with pytest.raises(StoreUnavailable):
                    await store.at(away).post_packed(packed(("GET", f"orbit:{{{away}}}:kept")))
                assert await store.at(there).call("GET", f"orbit:{{{there}}}:kept") == b"1"
            with pytest.raises(StoreUnavailable):
                await store.ping()
        finally:
            cluster.start(1)
        assert await answered(lambda: store.at(away).call("GET", f"orbit:{{{away}}}:kept")) == b"1"
        await store.ping()


async def test_slot_that_nobody_serves_is_no_answer(cluster: Cluster) -> None:
    shard = 1000
    owner = cluster.nodes[cluster.holder(shard)]
    async with linked(cluster.url) as store:
        await store.at(shard).call("GET", f"orbit:{{{shard}}}:x")
        owner.ask("CLUSTER", "DELSLOTS", slot_of(shard))
        try:
            with pytest.raises(StoreUnavailable):
                await store.at(shard).call("GET", f"orbit:{{{shard}}}:x")
        finally:
            owner.ask("CLUSTER", "ADDSLOTS", slot_of(shard))
        assert await answered(lambda: store.at(shard).call("GET", f"orbit:{{{shard}}}:x")) is None


async def test_one_living_seed_is_enough_and_none_is_no_answer(cluster: Cluster) -> None:
    port = cluster.nodes[2].port
    begin = f"redis+cluster://:{cluster.password}@127.0.0.1:1"
    async with linked(f"{begin},127.0.0.1:{port}") as store:
        assert await store.at(0).call("GET", "orbit:{0}:none") is None
    async with linked(begin) as store:
        with pytest.raises(StoreUnavailable):
            await store.at(0).call("GET", "orbit:{0}:none")
        with pytest.raises(StoreUnavailable):
            await store.at(0).post_packed(packed(("GET", "orbit:{0}:none")))


async def test_recovery_that_is_given_up_fails_those_who_wait_for_it(cluster: Cluster) -> None:
    begun = asyncio.Event()

    async def recover(serves: Serves) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with linked(cluster.url) as store:
        store.recover = recover
        await store.at(0).call("GET", "orbit:{0}:none")
        for node in set(store.owners.values()):
            node.close()
        with pytest.raises(StoreUnavailable):
            await store.at(0).call("GET", "orbit:{0}:none")
        waiting = asyncio.create_task(store.at(0).call("GET", "orbit:{0}:none"))
        await begun.wait()
        store.close()
        with pytest.raises(StoreUnavailable):
            await waiting


async def test_closed_link_answers_nobody(cluster: Cluster) -> None:
    async with linked(cluster.url) as store:
        await store.at(0).call("GET", "orbit:{0}:none")
        store.close()
        with pytest.raises(StoreUnavailable):
            await store.at(0).call("GET", "orbit:{0}:none")


@pytest.mark.full
async def test_replica_takes_over_and_what_was_left_to_do_comes_first() -> None:
    order: list[str] = []

    async def recover(serves: Serves) -> None:
        [shard] = [one for one in range(64) if serves(one)]
        await store.at(shard).call("SET", f"orbit:{{{shard}}}:left", "done")
        order.append(f"recovered {shard}")

    with running_cluster(replica=True) as cluster:
        shard, other = cluster.shard_on(0), cluster.shard_on(1)
        async with linked(cluster.url, 0.5) as store:
            store.recover = recover
            await store.at(shard).call("SET", f"orbit:{{{shard}}}:kept", "1")
            await store.at(shard).call("WAIT", 1, 5000)
            await store.at(other).call("GET", f"orbit:{{{other}}}:x")
            assert order == []
            await asyncio.to_thread(cluster.kill, 0)
            with pytest.raises(StoreUnavailable):
                await store.at(shard).call("GET", f"orbit:{{{shard}}}:kept")
            assert await answered(lambda: store.at(shard).call("GET", f"orbit:{{{shard}}}:kept")) == b"1"
            assert order == [f"recovered {shard}"]
            assert await store.at(shard).call("GET", f"orbit:{{{shard}}}:left") == b"done"
