"""The page on which an organization sets up its own sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from orbit.lib import access
from tenants import services
from tenants.models import Domain, GroupRole, IdentityProvider
from tests.console.conftest import Tenant, make_person, signed_in
from tests.name_server import running_name_server
from tests.oidc import Provider, running_provider

SECRET = "oidc-canary-77d0e41c"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"
    cache.clear()
    with running_provider() as running:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{running.port}"]
        yield running


def form(provider: Provider, **more: Any) -> dict[str, Any]:
    return {
        "issuer": provider.issuer,
        "client_id": "orbit",
        "client_secret": SECRET,
        "groups_claim": "groups",
        "group": ["engineers", " ", "accounting"],
        "group_role": ["developer", "owner", "finance"],
        "default_role": "",
        "passwords": "on",
        **more,
    }


def post(client: Client, tenant: Tenant, page: str, data: dict[str, Any]) -> str:
    answer = client.post(f"{tenant.path}sign-in/{page}", data, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def administrator(tenant: Tenant, role: str = "admin") -> Client:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    return signed_in(person)


def test_what_was_saved_is_shown_but_for_the_secret(tenant: Tenant, provider: Provider) -> None:
    client = administrator(tenant)
    page = post(client, tenant, "save/", form(provider))
    assert "It counts from the next sign-in on" in page
    for text in (provider.issuer, 'value="orbit"', 'value="engineers"', "<option selected>finance"):
        assert text in page
    slug = tenant.organization.slug
    assert f"https://gateway.example/accounts/sso/{slug}/callback/" in page
    with access.scope(organization_id=tenant.organization.pk):
        rows = list(GroupRole.objects.order_by("position").values_list("group", "role"))
    assert rows == [("engineers", "developer"), ("accounting", "finance")]
    assert SECRET not in page
    assert SECRET not in client.get(f"{tenant.path}sign-in/").content.decode()


def test_form_that_is_refused_comes_back_without_the_secret(tenant: Tenant, provider: Provider) -> None:
    for wrong in ({"issuer": "http://10.0.0.1"}, {"group": ["a", "a"]}, {"client_id": ""}):
        page = post(administrator(tenant), tenant, "save/", form(provider, **wrong))
        assert "That did not work" in page
        assert 'value="accounting"' in page or "group" in wrong
        assert SECRET not in page
    with access.scope(organization_id=tenant.organization.pk):
        assert not IdentityProvider.objects.exists()


def test_testing_saves_nothing_and_sends_no_secret(tenant: Tenant, provider: Provider) -> None:
    page = post(administrator(tenant), tenant, "test/", form(provider))
    assert "The provider describes itself as we need it" in page
    assert 'value="engineers"' in page
    assert SECRET not in page
    assert (provider.asked, provider.said) == (["/.well-known/openid-configuration"], [])
    provider.description = {"issuer": "https://other.example"}
    page = post(administrator(tenant), tenant, "test/", form(provider))
    assert "It cannot be used: it says that its issuer is" in page
    with access.scope(organization_id=tenant.organization.pk):
        assert not IdentityProvider.objects.exists()


def test_admin_neither_gives_nor_redirects_the_owners_role(tenant: Tenant, provider: Provider) -> None:
    client, owner = administrator(tenant), tenant.client()
    page = client.get(f"{tenant.path}sign-in/").content.decode()
    assert "<option>owner" not in page
    chiefs = form(provider, group=["chiefs"], group_role=["owner"])
    assert client.post(f"{tenant.path}sign-in/save/", chiefs).status_code == 403
    post(owner, tenant, "save/", chiefs)
    for page in ("save/", "test/", "remove/"):
        assert client.post(f"{tenant.path}sign-in/{page}", form(provider)).status_code == 403
    assert "<option selected>owner" in client.get(f"{tenant.path}sign-in/").content.decode()


def test_one_look_up_at_a_time(tenant: Tenant, provider: Provider) -> None:
    key = f"sign-in-look-up:{tenant.organization.pk}"
    cache.add(key, True, 30)
    page = post(administrator(tenant), tenant, "test/", form(provider))
    assert "Another look-up of this organization is under way" in page
    assert provider.asked == []


def test_domain_from_its_record_to_verified(tenant: Tenant, settings: Any) -> None:
    client = administrator(tenant)
    name = f"{tenant.organization.slug}.example"
    page = post(client, tenant, "domains/", {"domain": name.upper()})
    with access.scope(organization_id=tenant.organization.pk):
        domain = Domain.objects.get()
    record, value = services.record_of(domain)
    assert record in page
    assert value in page
    with running_name_server() as names:
        settings.ORBIT_DNS_SERVERS = [names.address]
        assert "there is no TXT record" in post(client, tenant, f"domains/{domain.pk}/verify/", {})
        names.records[record] = [value]
        assert f"{name} is verified." in post(client, tenant, f"domains/{domain.pk}/verify/", {})
    assert "The domain was removed" in post(client, tenant, f"domains/{domain.pk}/remove/", {})
    assert "is no domain name" in post(client, tenant, "domains/", {"domain": "nothing"})


def test_members_page_leads_there_who_may_change_it(tenant: Tenant) -> None:
    for role, leads in (("admin", True), ("developer", False)):
        page = administrator(tenant, role).get(f"{tenant.path}members/").content.decode()
        assert (f"{tenant.path}sign-in/" in page) is leads


def test_turning_it_off(tenant: Tenant, provider: Provider) -> None:
    client = administrator(tenant)
    post(client, tenant, "save/", form(provider))
    assert "is off" in post(client, tenant, "remove/", {})
    assert "there is none" in post(client, tenant, "remove/", {})
