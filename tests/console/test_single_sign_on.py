"""Who comes in by an organization's provider, as whom and in which role."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import services
from tenants.models import Invitation, Membership, Person
from tests.console.conftest import Tenant, make_tenant
from tests.console.single_sign_on import (
    come,
    domain,
    is_there,
    member,
    provider,
    refused,
    role,
    set_up,
    somebody,
)
from tests.oidc import Provider, running_provider

__all__ = ["domain", "provider"]

PASSWORD = "correct horse battery"


def acts(tenant: Tenant) -> list[tuple[str, str]]:
    with access.scope(organization_id=tenant.organization.pk):
        found = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    return [(one["action"], one["actor"]) for one in found if one["action"].startswith("member.")]


def test_two_groups_make_two_roles(tenant: Tenant, provider: Provider, domain: str) -> None:
    for group, expected in (("engineers", "developer"), ("accounting", "finance")):
        provider.claims = somebody(domain, "others", group)
        client = Client()
        answer = come(client, tenant)
        assert answer["Location"] == tenant.path
        assert client.get(tenant.path).status_code == 200
        assert client.get("/")["Location"] == tenant.path
        found = member(tenant, provider.claims["email"])
        assert found is not None
        assert (found.role_name, found.origin) == (expected, Membership.Origin.PROVIDER)
        assert found.person.name == "Ada"
        assert not found.person.has_usable_password()
    assert acts(tenant) == [("member.join", "identity provider")] * 2


def test_first_group_of_the_list_counts(tenant: Tenant, provider: Provider, domain: str) -> None:
    provider.claims = somebody(domain, "accounting", "engineers")
    come(Client(), tenant)
    assert role(tenant, provider.claims["email"]) == "developer"


def test_role_follows_the_groups_at_the_next_sign_in(tenant: Tenant, provider: Provider, domain: str) -> None:
    provider.claims = somebody(domain, "engineers")
    email = provider.claims["email"]
    come(Client(), tenant)
    provider.claims["groups"] = ["accounting"]
    come(Client(), tenant)
    assert role(tenant, email) == "finance"
    provider.claims["groups"] = []
    assert refused(come(Client(), tenant), "None of your groups")
    assert role(tenant, email) is None
    assert [action for action, _ in acts(tenant)] == ["member.join", "member.update", "member.remove"]


def test_nobody_is_made_of_who_has_no_group(tenant: Tenant, provider: Provider, domain: str) -> None:
    for groups in ([], ["others"], None, "others"):
        provider.claims = somebody(domain) | {"groups": groups}
        assert refused(come(Client(), tenant), "None of your groups")
        assert not is_there(provider.claims["email"])


def test_default_role_is_for_everybody_else(tenant: Tenant, provider: Provider, domain: str) -> None:
    services.save_role(
        organization_id=tenant.organization.pk, name="guest", rights=["usage.read"], actor="test"
    )
    set_up(tenant, provider, default_role="guest")
    provider.claims = somebody(domain, "others")
    come(Client(), tenant)
    assert role(tenant, provider.claims["email"]) == "guest"


@pytest.mark.parametrize("claim", ["roles", "https://example.com/groups", "realm_access.roles"])
def test_groups_are_in_the_claim_that_is_named(
    tenant: Tenant, provider: Provider, domain: str, claim: str
) -> None:
    set_up(tenant, provider, groups_claim=claim)
    value: Any = ["engineers"]
    said = {"realm_access": {"roles": value}} if claim == "realm_access.roles" else {claim: value}
    provider.claims = somebody(domain, "accounting") | said
    come(Client(), tenant)
    assert role(tenant, provider.claims["email"]) == "developer"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"email_verified": False}, "has not verified your e-mail address"),
        ({"email_verified": "false"}, "has not verified your e-mail address"),
        ({"email_verified": None}, "has not verified your e-mail address"),
        ({"email": None}, "did not say what your e-mail address is"),
        ({"email": "somebody@elsewhere.example"}, "has not verified the domain elsewhere.example"),
    ],
)
def test_address_that_nobody_vouches_for_is_refused(
    tenant: Tenant, provider: Provider, domain: str, said: dict[str, Any], words: str
) -> None:
    victim = Person.objects.create_user(f"victim-{secrets.token_hex(4)}@{domain}", PASSWORD)
    EmailAddress.objects.create(user=victim, email=victim.email, verified=True, primary=True)
    provider.claims = somebody(domain, "engineers", email=victim.email) | said
    client = Client()
    assert refused(come(client, tenant), words)
    assert client.get(tenant.path).status_code == 302  # to the sign-in page
    assert role(tenant, victim.email) is None
    assert not SocialAccount.objects.filter(user=victim).exists()


def test_subdomain_and_unverified_domain_are_not_the_domain(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    services.add_domain(organization_id=tenant.organization.pk, name="claimed.example", actor="test")
    for email in (f"a@mail.{domain}", f"a@not{domain}", "a@claimed.example", f'"a@{domain}"@evil.example'):
        provider.claims = somebody(domain, "engineers", email=email)
        answer = come(Client(), tenant)
        assert answer.status_code == 403
        assert not is_there(email)


def test_unmarked_address_is_taken_where_the_organization_says_so(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    set_up(tenant, provider, takes_unmarked=True)
    provider.claims = somebody(domain, "engineers", email_verified=None)
    come(Client(), tenant)
    assert role(tenant, provider.claims["email"]) == "developer"
    provider.claims = somebody(domain, "engineers", email_verified=False)
    assert refused(come(Client(), tenant), "has not verified")


def test_provider_of_one_organization_does_not_speak_for_anothers_domain(
    tenant: Tenant, other: Tenant, provider: Provider, domain: str
) -> None:
    set_up(other, provider)
    provider.claims = somebody(domain, "engineers")
    assert refused(come(Client(), other), "has not verified the domain")
    assert not is_there(provider.claims["email"])


def test_existing_person_keeps_password_and_membership_by_hand(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    person = Person.objects.create_user(f"known-{secrets.token_hex(4)}@{domain}", PASSWORD)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    services.add_member(organization_id=tenant.organization.pk, person=person, role="auditor", actor="test")
    for groups in (["engineers"], []):
        provider.claims = somebody(domain, *groups, email=person.email.upper(), sub="sub-known")
        client = Client()
        assert come(client, tenant)["Location"] == tenant.path
        assert client.get(tenant.path).status_code == 200
    found = member(tenant, person.email)
    assert found is not None
    assert (found.role_name, found.origin) == ("auditor", Membership.Origin.HAND)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_address_that_somebody_only_claimed_is_its_holders(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    """Signing up with the address of somebody else, and waiting for them, gains nothing."""
    provider.claims = somebody(domain, "engineers")
    email = provider.claims["email"]
    attacker = Person.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=attacker, email=email, verified=False, primary=True)
    EmailAddress.objects.create(user=attacker, email="attacker@evil.example", verified=False)
    come(Client(), tenant)
    attacker.refresh_from_db()
    assert not attacker.has_usable_password()
    addresses = EmailAddress.objects.filter(user=attacker).values_list("email", "verified")
    assert list(addresses) == [(email, True)]
    answer = Client().post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 200


def test_account_that_was_only_claimed_stays_as_it_was_when_its_holder_is_refused(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.claims = somebody(domain)
    claimed = Person.objects.create_user(provider.claims["email"], PASSWORD)
    EmailAddress.objects.create(user=claimed, email=claimed.email, verified=False, primary=True)
    assert refused(come(Client(), tenant), "None of your groups")
    claimed.refresh_from_db()
    assert claimed.check_password(PASSWORD)
    assert not EmailAddress.objects.get(user=claimed).verified


ODD: list[dict[str, Any]] = [
    {"name": "A\x00da\u202e"},
    {"name": ["Ada"]},
    {"name": "x" * 5000},
    {"given_name": {"a": 1}, "preferred_username": 5, "picture": []},
    {"groups": ["engineers", 5, None, {"a": []}, "\x00"]},
    {"groups": ["x"] * 1000 + ["engineers"]},
]


def test_odd_claims_are_no_error(tenant: Tenant, provider: Provider, domain: str) -> None:
    for said in ODD:
        provider.claims = somebody(domain, "engineers") | said
        assert come(Client(), tenant)["Location"] == tenant.path
        found = member(tenant, provider.claims["email"])
        assert found is not None
        assert len(found.person.name) <= 120
        assert found.person.name.isprintable()


NAMELESS: list[tuple[dict[str, Any], int]] = [
    ({"sub": ""}, 502),
    ({"sub": "a\x00b"}, 502),
    ({"sub": "x" * 192}, 502),
    ({"email": ["a@b.example"]}, 403),
    ({"email": "a\x00b@{domain}"}, 403),
    ({"email": "a b@{domain}"}, 403),
    ({"email": "@{domain}"}, 403),
    ({"email": "x" * 300 + "@{domain}"}, 403),
]


def test_nobody_is_made_of_claims_that_name_nobody(tenant: Tenant, provider: Provider, domain: str) -> None:
    for said, status in NAMELESS:
        filled = {
            name: value.replace("{domain}", domain) if isinstance(value, str) else value
            for name, value in said.items()
        }
        provider.claims = somebody(domain, "engineers") | filled
        before = Person.objects.count()
        assert come(Client(), tenant).status_code == status
        assert Person.objects.count() == before


def test_who_is_who_is_remembered_by_subject(tenant: Tenant, provider: Provider, domain: str) -> None:
    provider.claims = somebody(domain, "engineers")
    first = provider.claims["email"]
    come(Client(), tenant)
    provider.claims["email"] = f"new-name-{secrets.token_hex(4)}@{domain}"
    come(Client(), tenant)
    assert role(tenant, first) == "developer"
    assert not is_there(provider.claims["email"])


def test_another_issuer_knows_nobody(tenant: Tenant, provider: Provider, domain: str, settings: Any) -> None:
    """The same subject at another provider is another person."""
    provider.claims = somebody(domain, "engineers")
    come(Client(), tenant)
    with running_provider() as second:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{second.port}"]
        set_up(tenant, second)
        second.claims = somebody(domain, "accounting", sub=provider.claims["sub"])
        come(Client(), tenant)
    assert role(tenant, provider.claims["email"]) == "developer"
    assert role(tenant, second.claims["email"]) == "finance"


def test_staff_do_not_sign_in_by_a_tenants_provider(tenant: Tenant, provider: Provider, domain: str) -> None:
    for fields in ({"is_staff": True}, {"is_superuser": True}, {"is_active": False}):
        person = Person.objects.create_user(f"s-{secrets.token_hex(4)}@{domain}", PASSWORD, **fields)
        for verified in (False, True):
            EmailAddress.objects.filter(user=person).delete()
            EmailAddress.objects.create(user=person, email=person.email, verified=verified)
            provider.claims = somebody(domain, "engineers", email=person.email)
            assert refused(come(Client(), tenant), "does not sign in by a provider")
        assert role(tenant, person.email) is None


def test_invitation_ends_with_joining_by_the_provider(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.claims = somebody(domain, "engineers")
    email = provider.claims["email"]
    _, token = services.invite(
        organization_id=tenant.organization.pk, email=email, role="admin", actor="test"
    )
    client = Client()
    come(client, tenant)
    assert role(tenant, email) == "developer"
    assert client.get(f"/invitations/{tenant.organization.pk}/{token}/").status_code == 404
    with access.scope(organization_id=tenant.organization.pk):
        assert Invitation.objects.get(email=email).revoked_at is not None


def test_last_owner_stays_whatever_their_groups(tenant: Tenant, provider: Provider, domain: str) -> None:
    set_up(tenant, provider, groups=[("chiefs", "owner"), ("engineers", "developer")])
    provider.claims = somebody(domain, "chiefs")
    email = provider.claims["email"]
    come(Client(), tenant)
    tenant.remove(tenant.owner)
    for groups in (["engineers"], []):
        provider.claims["groups"] = groups
        client = Client()
        come(client, tenant)
        assert client.get(tenant.path).status_code == 200
        assert role(tenant, email) == "owner"


@pytest.mark.parametrize(
    ("join", "sign_up", "outcome"),
    [
        ("sign-up", "open", "in"),
        ("sign-up", "approval", "waits"),
        ("sign-up", "invitation", "refused"),
        ("sign-up", "domains", "refused"),
        ("open", "invitation", "in"),
        ("open", "approval", "in"),
        ("approval", "open", "waits"),
    ],
)
def test_installation_says_who_joins(
    tenant: Tenant, provider: Provider, domain: str, settings: Any, join: str, sign_up: str, outcome: str
) -> None:
    settings.ORBIT_SSO_JOIN, settings.ORBIT_SIGN_UP = join, sign_up
    settings.ORBIT_SIGN_UP_DOMAINS = frozenset({"elsewhere.example"})
    provider.claims = somebody(domain, "engineers")
    email = provider.claims["email"]
    client = Client()
    answer = come(client, tenant)
    page = client.get(tenant.path)
    if outcome == "refused":
        assert answer.status_code == 403
        assert not is_there(email)
        services.invite(organization_id=tenant.organization.pk, email=email, role="auditor", actor="test")
        come(client, tenant)
        assert client.get(tenant.path).status_code == 200
    elif outcome == "waits":
        assert refused(page, "waits for approval")
    else:
        assert page.status_code == 200


def test_second_factor_is_the_providers_business(tenant: Tenant, provider: Provider, domain: str) -> None:
    provider.claims = somebody(domain, "engineers")
    person = Person.objects.create_user(provider.claims["email"], PASSWORD)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = Client()
    assert come(client, tenant)["Location"] == tenant.path
    assert client.get(tenant.path).status_code == 200


def test_two_organizations_one_person(tenant: Tenant, provider: Provider, domain: str) -> None:
    """Each by its own word; neither makes the other's membership."""
    second = make_tenant()
    set_up(second, provider)
    provider.claims = somebody(domain, "engineers")
    come(Client(), tenant)
    assert role(second, provider.claims["email"]) is None
