"""`audit: {required: true}`: no call without room for its event. Everybody else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from audit.tasks import write_ledger
from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client, time_us
from quotas import keys
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway

Ask = Callable[[Tenant], httpx2.Response]
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
REQUIRED: dict[str, Any] = {"audit": {"required": True}, "limits": []}


@pytest.fixture
def ask(gateway: Gateway) -> Ask:
    def one(tenant: Tenant) -> httpx2.Response:
        head = {"authorization": f"Bearer {tenant.key}"}
        return httpx2.post(f"{gateway.base_url}/chat/completions", json=BODY, headers=head)

    return one


@pytest.fixture
def behind() -> Iterator[Callable[[Tenant, int], None]]:
    """Makes the ledger of a tenant's shard be so many seconds behind, as the store says."""
    done: list[int] = []

    def be(tenant: Tenant, seconds: int) -> None:
        done.append(tenant.shard)
        client().set(keys.written(tenant.shard), time_us(tenant.shard) // 1000 - seconds * 1000)

    yield be
    write_ledger()


def served(provider: ProviderHandle) -> int:
    return len(provider.requests())


def test_call_passes_while_the_ledger_follows(make_tenant: MakeTenant, ask: Ask) -> None:
    tenant = make_tenant(**REQUIRED)
    write_ledger()
    assert ask(tenant).status_code == 200
    assert len(tenant.events()) == 1


def test_call_is_refused_while_the_ledger_is_behind_and_nothing_is_sent_or_counted(
    make_tenant: MakeTenant, ask: Ask, behind: Callable[[Tenant, int], None], provider: ProviderHandle
) -> None:
    tenant, other = make_tenant(**REQUIRED), make_tenant()
    behind(tenant, 61)
    before = served(provider)
    answer = ask(tenant)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "audit_unavailable"
    assert answer.headers["retry-after"] == "5"
    assert served(provider) == before
    assert not client().exists(keys.leases(tenant.shard))
    behind(other, 61)
    assert ask(other).status_code == 200  # its policy does not ask for it
    assert tenant.events() == []
    assert len(other.events()) == 1


def test_anthropics_shape_says_the_same(
    make_tenant: MakeTenant, gateway: Gateway, behind: Callable[[Tenant, int], None]
) -> None:
    tenant = make_tenant(**REQUIRED)
    behind(tenant, 61)
    answer = httpx2.post(f"{gateway.base_url}/messages", json=BODY, headers={"x-api-key": tenant.key})
    assert (answer.status_code, answer.json()["type"]) == (503, "error")
    assert answer.json()["error"]["code"] == "audit_unavailable"


def test_writer_that_was_never_there_is_no_trail(make_tenant: MakeTenant, ask: Ask) -> None:
    tenant = make_tenant(**REQUIRED)
    client().delete(keys.written(tenant.shard))
    assert ask(tenant).status_code == 503
    write_ledger()


def test_policy_anywhere_on_the_chain_requires_it(
    make_tenant: MakeTenant, ask: Ask, behind: Callable[[Tenant, int], None]
) -> None:
    policies = [{"name": "default"}, {"name": "strict", **REQUIRED}]
    project = {"slug": "app", "name": "App", "policy": "strict", "keys": [{"name": "main"}]}
    tenant = make_tenant({"policies": policies, "projects": [project]})
    behind(tenant, 61)
    assert ask(tenant).status_code == 503


def test_marks_on_length_and_memory_refuse_it_too(make_tenant: MakeTenant) -> None:
    """In one test, since the server's memory is every worker's of the suite."""
    tenant = make_tenant(**REQUIRED)
    write_ledger()
    store: Any = client()
    for _ in range(3):
        store.xadd(keys.stream(tenant.shard), {"k": "mark"})
    write_ledger()
    before = store.config_get("maxmemory")["maxmemory"]
    used = int(store.info("memory")["used_memory"])
    store.config_set("maxmemory", used * 20)
    try:
        for mark in ("ORBIT_LEDGER_MAX_ENTRIES", "ORBIT_LEDGER_MAX_MEMORY"):
            with running_gateway(environment={mark: "1"}) as gateway:
                head = {"authorization": f"Bearer {tenant.key}"}
                answer = httpx2.post(f"{gateway.base_url}/chat/completions", json=BODY, headers=head)
                assert answer.json()["error"]["code"] == "audit_unavailable", mark
    finally:
        store.config_set("maxmemory", before)
