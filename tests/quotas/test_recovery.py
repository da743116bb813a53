"""What a shard is rebuilt from, and what dead workers leave behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import CaptureQueriesContext

from audit.models import ShardPosition
from audit.tasks import write_ledger
from orbit.lib import access
from orbit.lib.ids import uuid7
from orbit.lib.redis import RedisLink
from orbit.lib.store import client
from quotas import keys, recovery
from quotas.chain import Chain, Lease, Unseeded
from quotas.counters import Counter
from quotas.engine import Engine, Missing
from quotas.journal import Journal
from quotas.limits import Amounts, Calendar, Limit
from quotas.seeds import seed
from quotas.status import standing
from quotas.tasks import expire, open_shards, sweep_journals
from tests.conftest import MakeTenant, Tenant

HELD = Amounts(300, 500, 9_000)


@pytest.fixture
def fresh(make_tenant: MakeTenant) -> Tenant:
    """A tenant on a shard that is open."""
    made = make_tenant()
    recovery.rebuild(made.shard, epoch(made), Path("/nowhere"))
    return made


def epoch(tenant: Tenant) -> str:
    found = cast("bytes | None", client().hget(keys.meta(tenant.shard), "epoch"))
    return found.decode() if found else ""


def call(tenant: Tenant, lease_id: str, status: str, amounts: Amounts = HELD, **more: Any) -> bytes:
    event = {
        "v": 1,
        "event_id": lease_id,
        "request_id": lease_id,
        "kind": "call",
        "organization_id": str(tenant.id),
        "organization": tenant.slug,
        "key_id": str(uuid.UUID(int=1)),
        "project_id": str(uuid.UUID(int=2)),
        "model": "m",
        "status": status,
        "usage_source": "provider",
        "input_tokens": amounts.input_tokens,
        "output_tokens": amounts.output_tokens,
        "cost_nano": amounts.cost_nano,
        "currency": "USD",
        "admitted_us": time.time_ns() // 1000,
        "detail": {},
    }
    return orjson.dumps({**event, **more})


def limits(tenant: Tenant) -> Chain:
    daily = Limit("daily", "organization", str(tenant.id), tenant.slug, "tokens", "day", 10_000, 10_000)
    now = time.time_ns() // 1000
    return Chain.at(tenant.shard, str(tenant.id), "key", [daily], Calendar(), now)


def seeded(tenant: Tenant, counter: Unseeded) -> None:
    try:
        seed(tenant.shard, str(tenant.id), counter)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close()


async def with_engine(tenant: Tenant, need: Amounts, lease_id: str) -> Lease:
    """Reserves as a worker does."""
    link = RedisLink(settings.REDIS_URL, 5.0)
    engine, chain = Engine(link, 30_000_000), limits(tenant)
    store = client()
    store.set(keys.version(tenant.shard, str(tenant.id)), 1)
    store.set(keys.generation(tenant.shard, "key"), 1)
    arguments: dict[str, Any] = {"version": 1, "generation": 1, "refusal": b"{}", "rough": False}
    try:
        while True:
            try:
                opening = call(tenant, lease_id, "lease_expired", need)
                decision = await engine.reserve(
                    chain, lease_id=lease_id, amounts=need, event=opening, **arguments
                )
                assert isinstance(decision, Lease)
                return decision
            except Missing as missing:
                for counter in missing.counters:
                    await asyncio.to_thread(seeded, tenant, counter)
    finally:
        link.close()


def reserve(tenant: Tenant, need: Amounts = HELD, lease_id: str = "") -> Lease:
    return asyncio.run(with_engine(tenant, need, lease_id or str(uuid7())))


async def settle(lease: Lease, event: bytes) -> None:
    """As its worker does."""
    link = RedisLink(settings.REDIS_URL, 5.0)
    used = recovery.used_of(event)
    assert (await Engine(link, 30_000_000).settle(lease, used=used, event=event))[0] == "OK"
    link.close()


def counter(lease: Lease) -> Counter:
    return Counter.unpack(cast("bytes", client().get(lease.counters[0])))


def journal_of_a_dead_worker(folder: Path, *records: tuple[str, int, str, bytes]) -> None:
    """Written by a process that was killed."""
    words = repr([(kind, shard, lease, event) for kind, shard, lease, event in records])
    program = (
        "import sys, time; from pathlib import Path; from quotas.journal import Journal\n"
        f"journal = Journal(Path({str(folder)!r}))\n"
        f"for kind, *record in {words}: getattr(journal, kind)(*record)\n"
        "print('written', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_events_and_leases_that_only_a_journal_has_come_back_once(fresh: Tenant, tmp_path: Path) -> None:
    ended, running = str(uuid7()), str(uuid7())
    journal = Journal(tmp_path)
    for lease_id in (ended, running):
        journal.opened(fresh.shard, lease_id, call(fresh, lease_id, "lease_expired"))
    journal.closed(fresh.shard, ended, call(fresh, ended, "settled", Amounts(30, 50, 900)))
    for _ in range(2):
        before = epoch(fresh)
        assert recovery.rebuild(fresh.shard, before, tmp_path)
        assert epoch(fresh) not in ("", before)
    lease = reserve(fresh, Amounts(1))
    assert counter(lease)[:3] == (80, 801, 2)
    [event] = fresh.events()
    assert (event["event_id"], event["status"], event["output_tokens"]) == (ended, "settled", 50)
    store = client()
    store.zadd(keys.leases(fresh.shard), {running: 1})
    assert expire(store, fresh.shard, running) == 1
    assert counter(lease)[:3] == (880, 1, 1)
    assert [one["status"] for one in fresh.events()] == ["settled", "lease_expired"]
    journal.close()


def test_moved_call_comes_back_under_the_limits_of_its_new_model(fresh: Tenant, tmp_path: Path) -> None:
    lease_id, journal = str(uuid7()), Journal(tmp_path)
    journal.opened(fresh.shard, lease_id, call(fresh, lease_id, "lease_expired", model="dear"))
    less = Amounts(30, 50, 900)
    journal.grown(fresh.shard, lease_id, call(fresh, lease_id, "lease_expired", less, model="cheap"))
    assert recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    chain = limits(fresh)
    both = chain.limits[0]
    chain = replace(chain, limits=tuple(replace(both, models=(one,)) for one in ("dear", "cheap")))
    chain = replace(chain, windows=chain.windows * 2)
    for index in range(2):
        seed(fresh.shard, str(fresh.id), chain.unseeded(index, 0))
    found = [Counter.unpack(cast("bytes", client().get(key)))[:3] for key in chain.counters((0, 0), "")]
    assert found == [(0, 0, 0), (0, 80, 1)]
    client().zadd(keys.leases(fresh.shard), {lease_id: 1})
    assert expire(client(), fresh.shard, lease_id) == 1
    found = [Counter.unpack(cast("bytes", client().get(key)))[:3] for key in chain.counters((0, 0), "")]
    assert found == [(0, 0, 0), (80, 0, 0)]
    assert [event["model"] for event in fresh.events()] == ["cheap"]
    journal.close()


def test_only_the_first_of_two_rebuilds_what_both_gave_up(fresh: Tenant, tmp_path: Path) -> None:
    given_up = epoch(fresh)
    assert recovery.rebuild(fresh.shard, given_up, tmp_path)
    assert not recovery.rebuild(fresh.shard, given_up, tmp_path)


def test_lease_that_the_ledger_has_ended_is_forgotten(fresh: Tenant, tmp_path: Path) -> None:
    """A replica that took over has it open still; the ledger had read its end from the other server."""
    lease = reserve(fresh)
    store = client()
    ended = call(fresh, lease.id, "settled", Amounts(30, 50, 900))
    store.xadd(keys.stream(fresh.shard), {"e": ended, "t": time.time_ns() // 1000, "k": "call"})
    while write_ledger():
        pass
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    assert store.zscore(keys.leases(fresh.shard), lease.id) is None
    assert expire(store, fresh.shard, lease.id) == 0
    assert counter(reserve(fresh, Amounts(1)))[:3] == (80, 1, 1)


def test_correction_that_is_booked_is_not_made_again(fresh: Tenant, tmp_path: Path) -> None:
    """The journal still has the late word on a lapsed lease; the store that knew it is another by now."""
    lease, store = reserve(fresh), client()
    journal = Journal(tmp_path)
    closing = call(fresh, lease.id, "settled", Amounts(30, 50, 900))
    journal.closed(fresh.shard, lease.id, closing)
    stamp = time.time_ns() // 1000
    entries: list[tuple[bytes, str, dict[Any, Any]]] = [
        (call(fresh, lease.id, "lease_expired"), "call", {}),
        (closing, "late", {"d": "-270 -450 -8100"}),
    ]
    for event, kind, more in entries:
        store.xadd(keys.stream(fresh.shard), {"e": event, "t": stamp, "k": kind, **more})
    while write_ledger():
        pass
    store.delete(keys.lease(fresh.shard, lease.id), keys.leases(fresh.shard))
    for _ in range(2):
        recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
        assert counter(reserve(fresh, Amounts(1))).used == 80
    store.xadd(keys.stream(fresh.shard), {"e": closing, "t": stamp, "k": "late", "d": "-270 -450 -8100"})
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    assert counter(reserve(fresh, Amounts(1))).used == 80
    journal.close()


def test_event_that_ledger_and_stream_both_have_is_seeded_once(fresh: Tenant, tmp_path: Path) -> None:
    lease_id = str(uuid7())
    ended = call(fresh, lease_id, "settled", Amounts(30, 50, 900))
    store = client()
    for write in (True, False):
        store.xadd(keys.stream(fresh.shard), {"e": ended, "t": time.time_ns() // 1000, "k": "call"})
        while write and write_ledger():
            pass
    assert counter(reserve(fresh, Amounts(1)))[:3] == (80, 1, 1)


def test_stream_of_a_store_whose_clock_is_behind_is_still_read(fresh: Tenant, tmp_path: Path) -> None:
    ahead = f"{time.time_ns() // 1_000_000 + 3_600_000}-0"
    with access.ledger():
        before = ShardPosition.objects.get(shard=fresh.shard).stream_id
        ShardPosition.objects.filter(shard=fresh.shard).update(stream_id=ahead)
    assert recovery.behind(fresh.shard)
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    assert not recovery.behind(fresh.shard)
    store = client()
    ended = call(fresh, str(uuid7()), "settled")
    store.xadd(keys.stream(fresh.shard), {"e": ended, "t": time.time_ns() // 1000, "k": "call"})
    assert len(fresh.events()) == 1
    assert before != ahead


def test_what_came_to_a_store_whose_clock_is_behind_before_anybody_noticed_is_recorded(
    fresh: Tenant, tmp_path: Path
) -> None:
    """A replica took over: workers settle what runs there at once, by ids that the ledger takes for read."""
    settled, lapsed = reserve(fresh), reserve(fresh)
    ahead = f"{time.time_ns() // 1_000_000 + 3_600_000}-0"
    with access.ledger():
        ShardPosition.objects.filter(shard=fresh.shard).update(stream_id=ahead)
    asyncio.run(settle(settled, call(fresh, settled.id, "settled", Amounts(30, 50, 900))))
    client().zadd(keys.leases(fresh.shard), {lapsed.id: 1})
    assert expire(client(), fresh.shard, lapsed.id) == 1
    assert fresh.events() == []
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    assert {one["event_id"]: one["status"] for one in fresh.events()} == {
        settled.id: "settled",
        lapsed.id: "lease_expired",
    }
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    assert len(fresh.events()) == 2
    assert counter(reserve(fresh, Amounts(1)))[:3] == (880, 1, 1)


def test_smooth_limit_that_was_lost_shows_what_went_into_it_lately(fresh: Tenant, tmp_path: Path) -> None:
    store = client()
    for _ in range(3):
        ended = call(fresh, str(uuid7()), "settled", Amounts(10, 20))
        store.xadd(keys.stream(fresh.shard), {"e": ended, "t": time.time_ns() // 1000, "k": "call"})
    recovery.rebuild(fresh.shard, epoch(fresh), tmp_path)
    shown = standing(
        fresh.shard,
        str(fresh.id),
        [
            Limit("", "organization", str(fresh.id), "", meter, "hour", 100, 100)
            for meter in ("requests", "tokens")
        ],
        Calendar(),
    )
    assert [one.spent for one in shown] == [3, 90]


def test_shard_that_was_opened_on_another_run_of_the_server_is_closed(fresh: Tenant) -> None:
    async def fence() -> None:
        link = RedisLink(settings.REDIS_URL, 5.0)
        await Engine(link, 30_000_000).fence(fresh.shard)
        link.close()

    asyncio.run(fence())
    assert epoch(fresh)
    client().hset(keys.meta(fresh.shard), "run", "of another server")
    asyncio.run(fence())
    assert not epoch(fresh)


@pytest.fixture
def journals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(settings, "ORBIT_DATA_DIR", tmp_path)
    return tmp_path / "journals"


def test_settlement_that_a_dead_worker_could_not_send_is_sent_for_it(fresh: Tenant, journals: Path) -> None:
    lease = reserve(fresh)
    journal_of_a_dead_worker(
        journals,
        ("opened", fresh.shard, lease.id, call(fresh, lease.id, "lease_expired")),
        ("closed", fresh.shard, lease.id, call(fresh, lease.id, "settled", Amounts(30, 50, 900))),
    )
    assert sweep_journals() == 0  # the ledger has not read it yet
    assert counter(lease)[:3] == (80, 0, 0)
    assert [one["status"] for one in fresh.events()] == ["settled"]
    assert sweep_journals() == 1
    assert list(journals.iterdir()) == []


def test_what_a_dead_worker_left_is_looked_up_in_one_go(fresh: Tenant, journals: Path) -> None:
    """One by one, the journals of a few busy workers take longer than a sweep may."""
    ended = [str(uuid7()) for _ in range(120)]
    events = [call(fresh, one, "settled", Amounts(1, 1, 10)) for one in ended]
    for event in events:
        client().xadd(keys.stream(fresh.shard), {"e": event, "t": time.time_ns() // 1000, "k": "call"})
    while write_ledger():
        pass
    left = zip(ended, events, strict=True)
    journal_of_a_dead_worker(journals, *[("closed", fresh.shard, one, event) for one, event in left])
    with CaptureQueriesContext(connections["ledger"]) as asked:
        assert sweep_journals() == 1
    assert len(asked) < 6
    assert list(journals.iterdir()) == []


def test_journal_of_a_living_worker_is_left_alone(fresh: Tenant, journals: Path) -> None:
    lease = reserve(fresh)
    journal = Journal(journals)
    journal.closed(fresh.shard, lease.id, call(fresh, lease.id, "settled"))
    assert sweep_journals() == 0
    assert counter(lease)[:3] == (0, 800, 1)
    journal.close()


def test_what_nobody_else_knows_of_a_dead_worker_has_its_shard_rebuilt(fresh: Tenant, journals: Path) -> None:
    lost, before = str(uuid7()), epoch(fresh)
    journal_of_a_dead_worker(journals, ("opened", fresh.shard, lost, call(fresh, lost, "lease_expired")))
    assert sweep_journals() == 0
    rebuilt = epoch(fresh)
    assert rebuilt not in ("", before)
    assert counter(reserve(fresh, Amounts(1)))[:3] == (0, 801, 2)
    assert sweep_journals() == 0
    assert epoch(fresh) == rebuilt


def test_call_that_only_a_dead_worker_knew_is_recorded_though_nobody_calls_again(
    fresh: Tenant, journals: Path
) -> None:
    """Admitted and ended while the store was away, say: its client saw it finish."""
    lost = str(uuid7())
    ended = call(fresh, lost, "settled", Amounts(30, 50, 900))
    journal_of_a_dead_worker(
        journals,
        ("opened", fresh.shard, lost, call(fresh, lost, "lease_expired")),
        ("closed", fresh.shard, lost, ended),
    )
    assert sweep_journals() == 0
    assert [(one["event_id"], one["status"]) for one in fresh.events()] == [(lost, "settled")]
    assert sweep_journals() == 1


def test_what_a_dead_worker_knew_of_a_lapsed_call_is_corrected_though_nobody_calls_again(
    fresh: Tenant, journals: Path
) -> None:
    lease = reserve(fresh)
    client().zadd(keys.leases(fresh.shard), {lease.id: 1})
    assert expire(client(), fresh.shard, lease.id) == 1
    assert [one["status"] for one in fresh.events()] == ["lease_expired"]
    closing = call(fresh, lease.id, "settled", Amounts(30, 50, 900))
    journal_of_a_dead_worker(journals, ("closed", fresh.shard, lease.id, closing))
    assert sweep_journals() == 0
    assert [one["cost_nano"] for one in fresh.events("correction")] == [900 - HELD.cost_nano]
    assert sweep_journals() == 1


def test_what_a_store_lost_is_recorded_though_nobody_calls_again(fresh: Tenant, journals: Path) -> None:
    """Its worker lives, and has heard the store confirm it."""
    fresh.events()  # the shard has a history
    journal, lost = Journal(journals), str(uuid7())
    journal.closed(fresh.shard, lost, call(fresh, lost, "settled", Amounts(30, 50, 900)))
    journal.confirmed(fresh.shard, lost, "7-0")
    client().hdel(keys.meta(fresh.shard), "epoch")
    assert open_shards() >= 1
    opened = epoch(fresh)
    assert opened
    assert [one["event_id"] for one in fresh.events()] == [lost]
    open_shards()
    assert epoch(fresh) == opened
    journal.close()


def test_entry_that_cannot_be_read_keeps_no_shard_closed(fresh: Tenant, journals: Path) -> None:
    fresh.events()
    journal, lost = Journal(journals), str(uuid7())
    journal.closed(fresh.shard, lost, call(fresh, lost, "settled", Amounts(30, 50, 900)))
    client().xadd(keys.stream(fresh.shard), {"k": "call", "e": "no JSON"})
    client().hdel(keys.meta(fresh.shard), "epoch")
    open_shards()
    assert epoch(fresh)
    journal.close()


def test_shard_that_cannot_be_opened_keeps_no_other_closed(
    make_tenant: MakeTenant, journals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, failed, rebuild = [make_tenant(), make_tenant()], list[int](), recovery.rebuild
    for one in both:
        rebuild(one.shard, epoch(one), Path("/nowhere"))
        one.events()
        client().hdel(keys.meta(one.shard), "epoch")

    def fails_first(shard: int, given_up: str, folder: Path) -> bool:
        if not failed and shard in {one.shard for one in both}:
            failed.append(shard)
            raise ConnectionError("that one is away")
        return rebuild(shard, given_up, folder)

    monkeypatch.setattr(recovery, "rebuild", fails_first)
    with pytest.raises(ConnectionError):
        open_shards()
    assert [one.shard for one in both if not epoch(one)] == failed
    assert open_shards() >= 1
    assert all(map(epoch, both))


def test_end_that_cannot_be_sent_for_a_dead_worker_keeps_no_other_back(fresh: Tenant, journals: Path) -> None:
    broken, good = reserve(fresh), reserve(fresh)
    closing = call(fresh, good.id, "settled", Amounts(30, 50, 900))
    journal_of_a_dead_worker(
        journals,
        ("closed", fresh.shard, broken.id, b"no JSON"),
        ("closed", fresh.shard, good.id, closing),
    )
    assert sweep_journals() == 0
    assert [one["event_id"] for one in fresh.events()] == [good.id]
    client().delete(keys.lease(fresh.shard, broken.id))
    client().zrem(keys.leases(fresh.shard), broken.id)
