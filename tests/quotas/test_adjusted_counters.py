"""Adjustments reach the counters of windows that run, and nothing else is dropped for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from audit.ledger import write_shard
from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from quotas import adjusting, keys, seeds
from quotas.engine import SEED
from quotas.limits import Amounts
from tests.conftest import MakeTenant, Tenant
from tests.quotas.test_recovery import counter, fresh, reserve

__all__ = ["fresh"]


def adjust(tenant: Tenant, tokens: int, **more: Any) -> None:
    """One into the ledger, by way of the outbox."""
    event = {
        "v": 1,
        "event_id": str(uuid7()),
        "kind": "adjustment",
        "organization_id": str(tenant.id),
        "organization": tenant.slug,
        "admitted_at": rfc3339(datetime.now(UTC)),
        "input_tokens": tokens,
        "output_tokens": 0,
        "cost_nano": 0,
        "currency": "USD",
        "detail": {"reason": "test"},
        **more,
    }
    with access.scope(organization_id=UUID(str(tenant.id))):
        OutboxEntry.objects.create(organization_id=tenant.id, shard=tenant.shard, event=event)
    while write_shard(client(), tenant.shard):
        pass


def there(tenant: Tenant, *identities: str) -> list[bool]:
    return [bool(client().exists(keys.counter(tenant.shard, one))) for one in identities]


def test_a_running_window_counts_what_was_adjusted(fresh: Tenant) -> None:
    lease = reserve(fresh, Amounts(300, 500))
    adjust(fresh, 1_000)
    assert (counter(lease).used, counter(lease).held) == (0, 800)
    assert adjusting.take_in(fresh.shard) >= 1
    assert client().get(lease.counters[0]) is None
    following = reserve(fresh, Amounts(1, 1))
    assert (counter(following).used, counter(following).held) == (1_000, 802)
    assert adjusting.take_in(fresh.shard) == 0  # once


def test_what_the_ledger_does_not_know_is_kept(fresh: Tenant, make_tenant: MakeTenant) -> None:
    other = make_tenant()
    own = [f"{fresh.id}:{kind}:*" for kind in ("requests:minute", "tokens:hour", "concurrency:now")]
    windows = [f"{fresh.id}/abc:cost:month:*", f"{fresh.id}:cost:total:*:shadow"]
    for identity in (*own, *windows, f"{other.id}:cost:month:*"):
        client().set(keys.counter(fresh.shard, identity), b"x" * 32)
    adjust(fresh, 10)
    adjusting.take_in(fresh.shard)
    assert there(fresh, *own, f"{other.id}:cost:month:*") == [True] * 4
    assert there(fresh, *windows) == [False] * 2


def test_whoever_read_the_ledger_before_seeds_nothing_stale(fresh: Tenant) -> None:
    reserve(fresh, Amounts(1, 1))
    stamp, _ = seeds._stamp(fresh.shard)
    adjust(fresh, 10)
    adjusting.take_in(fresh.shard)
    key = keys.counter(fresh.shard, f"{fresh.id}:tokens:day:*", 1)
    script_keys = [keys.stream(fresh.shard), keys.meta(fresh.shard), key]
    spec = b'["c","i","daily",10,10,0,0,0,0,0,0,0,0,0]'
    outcome = client().eval(SEED.source, 3, *script_keys, "", 5, "", spec, stamp, 1)
    assert cast("bytes", outcome) == b"COLD"
    assert client().get(key) is None


def test_a_call_drops_no_counter(fresh: Tenant) -> None:
    lease = reserve(fresh, Amounts(1, 1))
    adjust(fresh, 5, kind="call", status="settled", admitted_at=rfc3339(datetime.now(UTC)))
    assert adjusting.take_in(fresh.shard) == 0
    assert client().get(lease.counters[0]) is not None
