"""A version is made known once for each transaction, and it is the last one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from orbit.lib import access
from quotas import keys, receivers
from tenants import services
from tenants.models import Organization
from tests.conftest import Tenant

Published = list[tuple[int, str, int]]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    found: Published = []
    publish = receivers.publish

    def listen(entries: Any) -> None:
        found.extend(entries)
        publish(entries)

    monkeypatch.setattr(receivers, "publish", listen)
    return found


def version(organization_id: UUID) -> int:
    with access.scope(organization_id=organization_id):
        return Organization.objects.get().version


def renamed(tenant: Tenant, name: str) -> None:
    services.update_organization(organization_id=tenant.id, actor="test", name=name)


def told(tenant: Tenant) -> tuple[int, str, int]:
    return (tenant.shard, keys.version(tenant.shard, str(tenant.id)), version(tenant.id))


def test_many_changes_of_one_transaction_are_published_once(tenant: Tenant, published: Published) -> None:
    before = version(tenant.id)
    with transaction.atomic():
        for name in ("One", "Two", "Three"):
            renamed(tenant, name)
        assert published == []
    assert version(tenant.id) == before + 3
    assert published == [told(tenant)]


def test_what_a_savepoint_took_back_is_not_published(tenant: Tenant, published: Published) -> None:
    with transaction.atomic():
        renamed(tenant, "One")
        with transaction.atomic():
            renamed(tenant, "Two")
            transaction.set_rollback(True)
    assert published == [told(tenant)]


def test_each_transaction_is_published(tenant: Tenant, published: Published) -> None:
    for name in ("One", "Two"):
        renamed(tenant, name)
        assert published[-1] == told(tenant)
    assert len(published) == 2
