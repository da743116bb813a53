"""What keeps the reaper from a lease keeps it from no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ResponseError

from quotas import keys
from quotas.limits import Amounts
from quotas.tasks import reap_shards
from tests.quotas.conftest import Bench

DAMAGED: dict[str, dict[str, str | bytes]] = {
    "limits that are no JSON": {"a": "1", "e": "{}", "s": "no JSON"},
    "limits of another shape": {"a": "1", "e": "{}", "k": "some", "s": "[1]"},
    "limits that are none": {"a": "1", "e": "{}", "k": "some", "s": "[[]]"},
    "an event that is a list": {"a": "1", "e": "[]"},
    "an event that is a number": {"a": "1", "e": "7"},
    "no event": {"a": "1"},
    "a time that is none": {"a": "x", "e": "{}"},
    "bytes that are no text": {"a": "1", "e": "{}", "k": b"\xff\xfe"},
    "tokens that are a list": {"a": "1", "e": '{"input_tokens": [1]}'},
    "amounts that are no numbers": {"a": "1", "i": "x", "o": "1", "c": "1", "e": "{}"},
}


@pytest.fixture
def store() -> Iterator[Any]:
    made = Redis.from_url(settings.REDIS_URL)
    yield made
    made.close()


async def test_damaged_lease_keeps_no_other_open_and_is_out_of_the_way(
    bench: Bench, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    lease = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70), event=b"{}")
    leases = keys.leases(bench.shard)
    for name, record in DAMAGED.items():
        store.hset(keys.lease(bench.shard, name), mapping=record)
    store.set(keys.lease(bench.shard, "no record at all"), "text")
    damaged = {*DAMAGED, "no record at all"}
    store.zadd(leases, {**dict.fromkeys(damaged, 0), lease.id: 1})
    store.zadd(leases, {b"\xff": 0})
    assert reap_shards(store, [bench.shard]) == 1
    assert await bench.figures(limit) == (70, 0, 0)
    assert set(store.zrange(leases, 0, -1)) == {*(name.encode() for name in damaged), b"\xff"}
    assert len(caplog.records) == len(damaged) + 1
    first = store.zrange(leases, 0, 0, withscores=True)[0][1]
    seconds, _ = store.time()
    assert 3_500 < first / 1_000_000 - seconds <= 3_601  # whole seconds here, microseconds there
    caplog.clear()
    assert reap_shards(store, [bench.shard]) == 0
    assert caplog.records == []
    store.delete(leases, *(keys.lease(bench.shard, name) for name in damaged))


class Refusing:
    """The store, which refuses every script of one shard for a reason of its own."""

    def __init__(self, store: Any, shard: int, error: ResponseError) -> None:
        self.store, self.shard, self.error, self.asked = store, shard, error, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def eval(self, script: str, count: int, *arguments: Any) -> Any:
        if arguments[0] in (keys.meta(self.shard), keys.leases(self.shard)):
            self.asked += 1
            raise self.error
        return self.store.eval(script, count, *arguments)


@pytest.mark.parametrize(
    "said",
    [
        "MISCONF Valkey is configured to save RDB snapshots. script: 1, on @user_script:1.",
        "NOREPLICAS Not enough good replicas to write.",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
    ],
)
async def test_what_a_store_refuses_is_told_once_and_moves_no_lease(
    bench: Bench, store: Any, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    limit = bench.limit("tokens", "day", 1_000)
    elsewhere = await bench.admitted(bench.chain(limit), Amounts(input_tokens=70), event=b"{}")
    refused = bench.shard + 1
    store.zadd(keys.leases(refused), {"one": 1, "two": 2})
    store.zadd(keys.leases(bench.shard), {elsewhere.id: 1})
    for name in ("one", "two"):
        store.hset(keys.lease(refused, name), mapping={"a": "1", "e": "{}"})
    error: ResponseError = DefaultParser.parse_error(said)  # type: ignore[no-untyped-call]
    refusing = Refusing(store, refused, error)
    with pytest.raises(type(error)):
        reap_shards(refusing, [refused, bench.shard])
    assert refusing.asked == 1
    assert caplog.records == []
    assert store.zrange(keys.leases(refused), 0, -1, withscores=True) == [(b"one", 1.0), (b"two", 2.0)]
    assert await bench.figures(limit) == (70, 0, 0)
    store.delete(keys.leases(refused), keys.lease(refused, "one"), keys.lease(refused, "two"))
