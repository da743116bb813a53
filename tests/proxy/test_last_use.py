"""A call leaves the key's last use behind, by way of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tenants.key_list import Selection, list_keys
from tests.conftest import Tenant
from tests.proxy.conftest import Api


def test_call_is_the_keys_last_use(tenant: Tenant, api: Api) -> None:
    assert list_keys(tenant.id, Selection())[0]["last_used_at"] is None
    assert api.chat().status_code == 200
    tenant.events()
    (key,) = list_keys(tenant.id, Selection())
    used_at = datetime.fromisoformat(key["last_used_at"])
    assert datetime.now(UTC) - used_at < timedelta(minutes=1)
    assert key["last_address"] == "127.0.0.1"
