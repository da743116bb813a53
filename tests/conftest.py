"""The cast: a provider, a gateway in front of it, and tenants that a test makes for itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from audit.events import COLUMNS, exported
from audit.models import Event
from audit.tasks import write_ledger
from orbit.demo.provider.process import ProviderHandle, running_provider
from orbit.lib import access
from tests.gateway import Gateway, running_gateway
from tests.inspectors import Services, running_services
from tests.openbao import OpenBao, running_openbao


@pytest.fixture(scope="session", autouse=True)
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests commit; each makes its own organizations, so none has to be undone."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def provider() -> Iterator[ProviderHandle]:
    with running_provider(pace=0) as handle:
        _allow(handle.port)
        yield handle


def _allow(port: int) -> None:
    """Here, and in gateways that start from now on."""
    settings.ORBIT_PRIVATE_TARGETS.append(f"127.0.0.1:{port}")
    os.environ["ORBIT_PRIVATE_TARGETS"] = ",".join(settings.ORBIT_PRIVATE_TARGETS)


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Inspectors outside of the gateway, which must know of them before it starts."""
    with running_services() as running:
        _allow(running.port)
        yield running


@pytest.fixture(scope="session")
def gateway(provider: ProviderHandle, services: Services) -> Iterator[Gateway]:
    """One worker, shared by all tests of this process."""
    with running_gateway() as running:
        yield running


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """Open again after each test that seals it."""
    with running_openbao() as server:
        yield server


@dataclass(frozen=True)
class Tenant:
    """An organization of a test's own, with one project and one key."""

    slug: str
    id: UUID
    shard: int
    key: str
    document: dict[str, Any]

    def events(self, kind: str = "call") -> list[dict[str, Any]]:
        """What the ledger has of it, after everything that waits has been written."""
        write_ledger()
        with access.operator():
            rows = list(Event.objects.filter(organization_id=self.id, kind=kind).order_by("seq"))
        return [exported({name: getattr(row, name) for name in COLUMNS}) for row in rows]


MakeTenant = Callable[..., Tenant]
ALIASES = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small")


@pytest.fixture
def make_tenant(provider: ProviderHandle) -> MakeTenant:
    """`make_tenant(limits=[…], caps={…}, …)`: policy fields by name, `entry` for the organization's own."""

    def make(entry: dict[str, Any] | None = None, **policy: Any) -> Tenant:
        from tenants.apply import apply
        from tenants.models import Organization

        slug = f"t-{secrets.token_hex(6)}"
        organization = {
            "slug": slug,
            "name": slug,
            "provider_accounts": [
                {
                    "name": "demo",
                    "kind": "openai_compatible",
                    "base_url": provider.base_url,
                    "prices_as": "openai",
                    "credential": {"value": "sk-demo-tests"},
                }
            ],
            # no retries: most tests mean one try when they make one
            "models": [
                {"alias": one, "targets": [{"account": "demo", "model": one}], "retries": 0}
                for one in ALIASES
            ],
            "policies": [{"name": "default", **policy}],
            "policy": "default",
            "projects": [{"slug": "app", "name": "App", "keys": [{"name": "main"}]}],
            **(entry or {}),
        }
        outcome = apply({"version": 1, "organizations": [organization]}, actor="test")
        with access.operator():
            row = Organization.objects.get(slug=slug)
        return Tenant(slug, row.pk, row.shard, outcome.keys[0].secret, organization)

    return make


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant()
