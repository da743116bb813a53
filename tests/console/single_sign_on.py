"""A trip to a provider and back, as a browser makes it."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from orbit.lib import access
from tenants import services
from tenants.models import Domain, Membership, Person
from tests.console.conftest import Tenant
from tests.oidc import CLIENT_ID, CLIENT_SECRET, Provider, running_provider

GROUPS = (("engineers", "developer"), ("accounting", "finance"))


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    cache.clear()  # sign-ins are counted by address
    with running_provider() as running:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def domain(tenant: Tenant, provider: Provider) -> str:
    set_up(tenant, provider)
    return own_domain(tenant)


def refused(answer: Any, words: str) -> bool:
    return bool(answer.status_code == 403 and words in answer.content.decode())


def own_domain(tenant: Tenant) -> str:
    """A new one that the organization has verified."""
    name = f"d-{secrets.token_hex(6)}.example"
    saved = services.add_domain(organization_id=tenant.organization.pk, name=name, actor="test")
    with access.scope(organization_id=tenant.organization.pk):
        Domain.objects.filter(pk=saved.row.pk).update(verified_at=timezone.now())
    return name


def set_up(tenant: Tenant, provider: Provider, **more: Any) -> None:
    given = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "groups": GROUPS,
    }
    services.save_identity_provider(organization_id=tenant.organization.pk, actor="test", **given | more)


def somebody(domain: str, *groups: str, **more: Any) -> dict[str, Any]:
    """What a provider says of a new person."""
    name = secrets.token_hex(6)
    said = {"sub": f"sub-{name}", "email": f"p-{name}@{domain}", "email_verified": True, "name": "Ada"}
    return said | {"groups": list(groups)} | more


def depart(client: Client, slug: str, **form: str) -> str:
    """The address at the provider to which the start page leads."""
    page = client.post(f"/accounts/sso/{slug}/", form)
    assert page.status_code == 200, page.content
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def through(url: str) -> str:
    """Past the provider: path and query of our callback."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        back = urlsplit(answer.headers["location"])
    finally:
        connection.close()
    return f"{back.path}?{back.query}"


def come(client: Client, tenant: Tenant, **form: str) -> Any:
    """The answer of our callback."""
    return client.get(through(depart(client, tenant.organization.slug, **form)))


def member(tenant: Tenant, email: str) -> Membership | None:
    with access.scope(organization_id=tenant.organization.pk):
        found = Membership.objects.select_related("person", "custom_role")
        return found.filter(person__email=email).first()


def role(tenant: Tenant, email: str) -> str | None:
    found = member(tenant, email)
    return found.role_name if found else None


def is_there(email: str) -> bool:
    return Person.objects.filter(email=email).exists()
