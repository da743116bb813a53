"""Who looks at a wrong trial afterwards finds how everything stood."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faults import evidence
from faults.clients import Seen
from faults.tenants import Tenant, make_tenant
from orbit.demo.provider.process import ProviderHandle
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from quotas import keys
from quotas.journal import Journal


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_call_that_is_open_and_not_in_the_ledger_is_found_with_all_that_is_known_of_it(
    provider: ProviderHandle, tmp_path: Path
) -> None:
    tenant = make_tenant(provider.base_url, [])
    lease, user = str(uuid7()), f"{tenant.tag}-1"
    opening = json.dumps({"event_id": lease, "end_user": user})
    store = client()
    store.hset(keys.lease(tenant.shard, lease), mapping={"e": opening, "a": 1})
    store.zadd(keys.leases(tenant.shard), {lease: 5})
    journal = Journal(tmp_path / "journals")
    journal.closed(tenant.shard, lease, opening.encode())
    seen = [Seen(user, status=200, request_id=lease, finished=True, body=b"secret words")]
    evidence.leave(tmp_path / "left", stage(tmp_path, provider), [tenant], seen, ["I4: 1 leases are open"])
    journal.close()
    store.delete(keys.lease(tenant.shard, lease))
    store.zrem(keys.leases(tenant.shard), lease)
    assert_found(tmp_path / "left", tenant, lease)


def stage(folder: Path, provider: ProviderHandle) -> Any:
    (folder / "servers/valkey").mkdir(parents=True)
    (folder / "servers/valkey.log").write_text("ready")
    (folder / "processes.log").write_text("a task failed")
    return SimpleNamespace(
        store=client(),
        provider=provider,
        strikes=[("2026-11-30T20:51:03.000", "store")],
        log=folder / "processes.log",
        journals=folder / "journals",
        servers=SimpleNamespace(folder=folder / "servers"),
    )


def assert_found(left: Path, tenant: Tenant, lease: str) -> None:
    (call,) = lines(left / tenant.tag / "calls.jsonl")
    assert (call["lease"], call["client"]["finished"], call["ledger"]) == (lease, True, [])
    assert call["open"]["due_us"] == 5
    assert call["journal"]["closing"] is not None
    assert json.loads((left / tenant.tag / "store.json").read_text())["leases"].keys() == {lease}
    assert (left / "wrongs.txt").read_text() == "I4: 1 leases are open\n"
    assert (left / "strikes.txt").read_text() == "2026-11-30T20:51:03.000 store\n"
    assert (left / "processes.log").read_text() == "a task failed"
    assert (left / "valkey.log").read_text() == "ready"
    assert "secret words" not in (left / tenant.tag / "seen.jsonl").read_text()
