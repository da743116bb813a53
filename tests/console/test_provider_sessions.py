"""Sessions that came by a provider: what they open, and how they end when the provider no longer vouches."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, Domain, Membership, Person, ProviderSession
from tenants.tasks import forget_provider_sessions
from tests.console.conftest import Tenant, make_person, signed_in
from tests.console.single_sign_on import come, member, own_domain, role, set_up, somebody
from tests.oidc import Provider, running_provider


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.ORBIT_PUBLIC_URL = "http://testserver"
    settings.ORBIT_SSO_RECHECK_S = 0
    cache.clear()
    with running_provider() as running:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def domain(tenant: Tenant, provider: Provider) -> str:
    set_up(tenant, provider)
    return own_domain(tenant)


@pytest.fixture
def engineer(tenant: Tenant, provider: Provider, domain: str) -> Client:
    provider.claims = somebody(domain, "engineers")
    client = Client()
    come(client, tenant)
    return client


def sessions(tenant: Tenant) -> int:
    with access.scope(organization_id=tenant.organization.pk):
        return ProviderSession.objects.count()


def age(tenant: Tenant, **times: timedelta) -> None:
    """As if that long ago."""
    now = timezone.now()
    with access.scope(organization_id=tenant.organization.pk):
        ProviderSession.objects.update(**{name: now - ago for name, ago in times.items()})


def asks_again(answer: Any) -> bool:
    return bool(answer.status_code == 403 and "sign in again" in answer.content.decode())


def test_removed_group_takes_effect_at_the_next_request(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    email = provider.claims["email"]
    assert engineer.get(tenant.path).status_code == 200
    provider.claims["groups"] = ["accounting"]
    assert "finance" in engineer.get(f"{tenant.path}members/").content.decode()
    assert role(tenant, email) == "finance"
    provider.claims["groups"] = []
    assert engineer.get(tenant.path).status_code == 404
    assert role(tenant, email) is None
    assert sessions(tenant) == 0


def test_keys_of_a_person_whose_groups_are_gone_are_revoked(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    email = provider.claims["email"]
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.issue_key(**where, project="chatbot", name="own", owner=email)
    provider.claims["groups"] = []
    engineer.get(tenant.path)
    with access.scope(organization_id=tenant.organization.pk):
        assert ApiKey.objects.get(name="own").revoked_at is not None


def test_provider_is_not_asked_more_often_than_the_setting_says(
    tenant: Tenant, provider: Provider, engineer: Client, settings: Any
) -> None:
    settings.ORBIT_SSO_RECHECK_S = 60
    provider.claims["groups"] = []
    before = len(provider.asked)
    for _ in range(3):
        assert engineer.get(tenant.path).status_code == 200
    assert len(provider.asked) == before
    age(tenant, asked_at=timedelta(seconds=61), confirmed_at=timedelta(seconds=61))
    assert engineer.get(tenant.path).status_code == 404


def test_provider_that_is_down_leaves_the_session_for_a_while(
    tenant: Tenant, provider: Provider, engineer: Client, settings: Any
) -> None:
    provider.status = 503
    assert engineer.get(tenant.path).status_code == 200
    age(tenant, confirmed_at=timedelta(seconds=settings.ORBIT_SSO_GRACE_S + 1))
    answer = engineer.get(f"{tenant.path}?x=1")
    assert asks_again(answer)
    assert f"/accounts/sso/{tenant.organization.slug}/?next=" in answer.content.decode()
    settings.ORBIT_SSO_RECHECK_S = 60  # not asked at this one, and still not trusted
    assert asks_again(engineer.get(tenant.path))
    settings.ORBIT_SSO_RECHECK_S = 0
    provider.status = 0
    assert engineer.get(tenant.path).status_code == 200


def test_ended_access_token_is_refreshed_and_both_are_kept_anew(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    for _ in range(2):  # each refresh token is good for one use
        provider.expire()
        assert engineer.get(tenant.path).status_code == 200
    provider.expire()
    provider.refresh.clear()
    assert asks_again(engineer.get(tenant.path))
    assert sessions(tenant) == 0
    assert role(tenant, provider.claims["email"]) == "developer"  # only the session is over


def test_without_a_refresh_token_the_session_ends_with_its_access_token(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.refreshes = False
    provider.claims = somebody(domain, "engineers")
    client = Client()
    come(client, tenant)
    assert client.get(tenant.path).status_code == 200
    provider.expire()
    assert asks_again(client.get(tenant.path))


def test_groups_of_id_tokens_are_looked_at_by_refreshing(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.only_in_id_token = True
    provider.claims = somebody(domain, "engineers")
    client = Client()
    come(client, tenant)
    assert client.get(tenant.path).status_code == 200
    provider.claims["groups"] = ["accounting"]
    assert client.get(tenant.path).status_code == 200
    assert role(tenant, provider.claims["email"]) == "finance"
    provider.claims["groups"] = None
    assert client.get(tenant.path).status_code == 404


def test_groups_that_cannot_be_looked_at_again_count_for_the_grace(
    tenant: Tenant, provider: Provider, domain: str, settings: Any
) -> None:
    provider.only_in_id_token, provider.refreshes = True, False
    provider.claims = somebody(domain, "engineers")
    client = Client()
    come(client, tenant)
    assert client.get(tenant.path).status_code == 200
    age(tenant, confirmed_at=timedelta(seconds=settings.ORBIT_SSO_GRACE_S + 1))
    assert asks_again(client.get(tenant.path))


def test_provider_that_speaks_of_somebody_else_ends_the_session(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    provider.claims["sub"] = "sub-other"
    assert asks_again(engineer.get(tenant.path))
    assert sessions(tenant) == 0


def test_address_that_is_no_longer_verified_ends_the_membership(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    provider.claims["email_verified"] = False
    assert engineer.get(tenant.path).status_code == 404


def test_session_ends_also_of_a_member_by_hand_whose_address_is_no_longer_verified(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        Membership.objects.update(origin=Membership.Origin.HAND)
    provider.claims["email_verified"] = False
    assert asks_again(engineer.get(tenant.path))
    assert sessions(tenant) == 0
    assert role(tenant, provider.claims["email"]) == "developer"


def test_requests_at_once_use_a_refresh_token_once(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    provider.expire()
    cookies = engineer.cookies
    statuses: list[int] = []

    def ask() -> None:
        client = Client()
        client.cookies = cookies
        statuses.append(client.get(tenant.path).status_code)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4


def test_session_of_a_provider_opens_no_other_organization(
    tenant: Tenant, other: Tenant, provider: Provider, engineer: Client
) -> None:
    found = member(tenant, provider.claims["email"])
    assert found is not None
    services.add_member(
        organization_id=other.organization.pk, person=found.person, role="owner", actor="test"
    )
    for enforced in (False, True):
        if enforced:
            set_up(other, provider, passwords=False)
        answer = engineer.get(other.path)
        assert asks_again(answer)
        assert (f"/accounts/sso/{other.organization.slug}/" in answer.content.decode()) is enforced
    assert engineer.get("/")["Location"] == tenant.path
    assert other.organization.slug not in engineer.get("/organizations/").content.decode()
    assert signed_in(found.person).get(other.path).status_code == 200  # by hand, with the password


def test_session_of_a_provider_opens_neither_account_nor_admin(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    """Else a provider could set passwords for people who also belong elsewhere."""
    Person.objects.filter(email=provider.claims["email"]).update(is_staff=True, is_superuser=True)
    for path in (
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/password/set/",
        "/accounts/2fa/",
        "/accounts/reauthenticate/",
        "/admin/",
        "/admin/tenants/organization/",
    ):
        for method in ("get", "post"):
            answer = getattr(engineer, method)(path)
            assert answer.status_code == 403, path
            assert "Not in this session" in answer.content.decode()


def test_managed_membership_opens_by_the_provider_alone(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    """With a password set by mail, say, nobody would ask about the groups any more."""
    found = member(tenant, provider.claims["email"])
    assert found is not None
    assert asks_again(signed_in(found.person).get(tenant.path))


def test_passwords_that_are_off_are_off_for_members_of_verified_domains(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    inside = Person.objects.create_user(f"in-{secrets.token_hex(4)}@{domain}", "long-enough-for-it")
    moved, outside = make_person(), make_person()
    EmailAddress.objects.create(user=moved, email=f"m-{secrets.token_hex(4)}@{domain}", verified=True)
    for person in (inside, moved, outside):
        services.add_member(organization_id=tenant.organization.pk, person=person, role="admin", actor="test")
        assert signed_in(person).get(tenant.path).status_code == 200
    set_up(tenant, provider, passwords=False)
    for person, closed in ((inside, True), (moved, True), (outside, False), (tenant.owner, False)):
        answer = signed_in(person).get(tenant.path)
        assert asks_again(answer) is closed
        assert (answer.status_code == 200) is not closed


def test_owner_of_a_verified_domain_keeps_a_way_in(tenant: Tenant, provider: Provider, domain: str) -> None:
    tenant.owner.email = f"chief-{secrets.token_hex(4)}@{domain}"
    tenant.owner.save()
    set_up(tenant, provider, passwords=False)
    assert tenant.client().get(tenant.path).status_code == 200


def test_passwords_stay_on_while_every_owner_is_the_providers(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        Membership.objects.update(origin=Membership.Origin.PROVIDER)
    with pytest.raises(ValueError, match="every owner was made by the provider"):
        set_up(tenant, provider, passwords=False)


def test_managed_member_is_not_changed_by_hand(tenant: Tenant, provider: Provider, engineer: Client) -> None:
    found = member(tenant, provider.claims["email"])
    assert found is not None
    owner = tenant.client()
    for act, form in (("role", {"role": "admin"}), ("remove", {})):
        answer = owner.post(f"{tenant.path}members/{found.pk}/{act}/", form, follow=True)
        assert "the identity provider manages this member" in answer.content.decode()
    page = owner.get(f"{tenant.path}members/").content.decode()
    assert "by the provider" in page
    assert f"members/{found.pk}/role/" not in page
    assert f"members/{found.pk}/remove/" not in page
    assert role(tenant, found.person.email) == "developer"


def test_installation_takes_a_managed_member_over(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    found = member(tenant, provider.claims["email"])
    assert found is not None
    services.add_member(
        organization_id=tenant.organization.pk, person=found.person, role="owner", actor="test"
    )
    provider.claims["groups"] = []
    assert engineer.get(tenant.path).status_code == 200
    assert role(tenant, found.person.email) == "owner"


def test_turning_the_provider_off_ends_its_sessions_and_keeps_its_members(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    found = member(tenant, provider.claims["email"])
    assert found is not None
    services.delete_identity_provider(organization_id=tenant.organization.pk, actor="test")
    assert asks_again(engineer.get(tenant.path))
    assert signed_in(found.person).get(tenant.path).status_code == 200
    kept = member(tenant, found.person.email)
    assert kept is not None
    assert kept.origin == Membership.Origin.HAND


def test_removing_a_domain_ends_the_sessions(tenant: Tenant, provider: Provider, engineer: Client) -> None:
    with access.scope(organization_id=tenant.organization.pk):
        domain_id = Domain.objects.get().pk
    services.remove_domain(organization_id=tenant.organization.pk, domain_id=domain_id, actor="test")
    assert asks_again(engineer.get(tenant.path))
    assert come(Client(), tenant).status_code == 403


def test_signing_out_forgets_the_tokens(tenant: Tenant, provider: Provider, engineer: Client) -> None:
    kept = engineer.cookies["sessionid"].value
    assert sessions(tenant) == 1
    engineer.post("/accounts/logout/")
    assert sessions(tenant) == 0
    replayed = Client()
    replayed.cookies["sessionid"] = kept
    assert replayed.get(tenant.path).status_code == 302


def test_signing_in_again_by_password_is_a_session_of_the_password(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    person = Person.objects.get(email=provider.claims["email"])
    person.set_password("long-enough-for-it")
    person.save()
    engineer.post("/accounts/logout/")
    engineer.post("/accounts/login/", {"login": person.email, "password": "long-enough-for-it"})
    assert engineer.get("/accounts/email/").status_code == 200
    assert asks_again(engineer.get(tenant.path))


def test_somebody_elses_session_row_vouches_for_nobody(
    tenant: Tenant, provider: Provider, domain: str, engineer: Client
) -> None:
    first = dict(engineer.session)["vouched"]
    provider.claims = somebody(domain, "accounting")
    client = Client()
    come(client, tenant)
    session = client.session
    session["vouched"] = first
    session.save()
    assert asks_again(client.get(tenant.path))


def test_sessions_whose_cookie_is_over_are_forgotten(
    tenant: Tenant, provider: Provider, engineer: Client, settings: Any
) -> None:
    forget_provider_sessions()
    assert sessions(tenant) == 1
    age(tenant, created_at=timedelta(seconds=settings.SESSION_COOKIE_AGE + 1))
    forget_provider_sessions()
    assert sessions(tenant) == 0


def test_fragment_of_a_page_has_the_whole_page_reloaded(
    tenant: Tenant, provider: Provider, engineer: Client
) -> None:
    provider.refresh.clear()
    provider.expire()
    assert engineer.get(tenant.path, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
