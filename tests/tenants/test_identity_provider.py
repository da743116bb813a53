"""The provider of an organization: what is taken, who may say so, where its secret goes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import oidc, services
from tenants.models import GroupRole, IdentityProvider, Membership, Organization, Person, ProviderSession
from tenants.secrets import local
from tenants.services import rewrap_credentials
from tenants.services.identity_provider import client_of, secret_place
from tests.oidc import Provider, running_provider

SECRET = "oidc-canary-0f7c2b9d"
Save = Callable[..., IdentityProvider]


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    cache.clear()
    with running_provider() as running:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def save(organization: Organization) -> Save:
    def saved(actor: services.Actor = "test", **more: Any) -> IdentityProvider:
        given = {"issuer": "https://login.example.com", "client_id": "orbit", "client_secret": SECRET}
        return services.save_identity_provider(
            organization_id=organization.id, actor=actor, **given | more
        ).row

    return saved


@pytest.fixture
def admin(organization: Organization) -> Membership:
    return join(organization, "admin")


def join(organization: Organization, role: str) -> Membership:
    person = Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")
    return services.add_member(organization_id=organization.id, person=person, role=role, actor="test").row


def stored(organization: Organization) -> IdentityProvider:
    with access.scope(organization_id=organization.id):
        return IdentityProvider.objects.get()


def secret(organization: Organization) -> str:
    row = stored(organization)
    return local.unseal(bytes(row.secret_sealed), secret_place(row))


def test_secret_stays_until_it_is_given_anew(organization: Organization, save: Save) -> None:
    save()
    assert secret(organization) == SECRET
    save(client_secret="", client_id="other")
    assert secret(organization) == SECRET
    save(client_secret=f"{SECRET}-2")
    assert secret(organization) == f"{SECRET}-2"


@pytest.mark.parametrize(
    "issuer",
    ["https://other.example.com", "https://login.example.com/tenant", "https://login.example.com:444"],
)
def test_secret_goes_to_no_other_issuer(organization: Organization, save: Save, issuer: str) -> None:
    save()
    with pytest.raises(InputError, match="client_secret: is missing"):
        save(issuer=issuer, client_secret="")
    assert stored(organization).issuer == "https://login.example.com"
    save(issuer=issuer, client_secret="typed-again")
    assert secret(organization) == "typed-again"


def test_secret_is_sealed_for_its_row_and_is_in_no_act(
    organization: Organization, other: Organization, save: Save
) -> None:
    row = save()
    assert SECRET.encode() not in bytes(row.secret_sealed)
    elsewhere = local.Place(other.id, row.pk, "client_secret")
    with pytest.raises(local.CannotOpen):
        local.unseal(bytes(row.secret_sealed), elsewhere)
    with access.scope(organization_id=organization.id):
        acts = str([entry.event for entry in OutboxEntry.objects.all()])
    assert "sign_in.save" in acts
    assert SECRET not in acts
    assert SECRET not in repr(row)


def test_client_does_not_show_its_secret(organization: Organization, save: Save, provider: Provider) -> None:
    save(issuer=provider.issuer)
    client = client_of(stored(organization))
    assert client.secret.reveal() == SECRET
    assert SECRET not in repr(client)
    assert "hidden" not in repr(oidc.Tokens("hidden-a", "hidden-r", "hidden-i"))


def test_issuer_is_written_in_one_form(save: Save) -> None:
    for text in ("https://Login.example.com/", "https://login.example.com/.well-known/openid-configuration"):
        assert save(issuer=text).issuer == "https://login.example.com"


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "login.example.com",
        "http://login.example.com",
        "https://127.0.0.1",
        "https://localhost",
        "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]",
        "https://2130706433",
        "https://user:password@login.example.com",
        "https://login.example.com?x=1",
        "https://login.example.com#x",
        "https://login.example.com/../x",
        "file:///etc/passwd",
    ],
)
def test_issuer_that_may_not_be_reached_is_neither_saved_nor_tried(
    organization: Organization, save: Save, issuer: str
) -> None:
    with pytest.raises(InputError, match="issuer"):
        save(issuer=issuer)
    with pytest.raises(InputError, match="issuer"):
        services.try_identity_provider(organization_id=organization.id, actor="test", issuer=issuer)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"groups_claim": " "}, "groups_claim"),
        ({"client_secret": "two words "}, "client_secret"),
        ({"groups": [("a", "auditor"), ("a", "admin")]}, "twice"),
        ({"groups": [("", "auditor")]}, "a group must be"),
        ({"groups": [("a", "no-such")]}, "no role 'no-such'"),
        ({"default_role": "no-such"}, "no role 'no-such'"),
    ],
)
def test_bad_input_names_its_field(save: Save, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        save(**given)


def test_nobody_maps_a_group_to_a_role_that_they_may_not_give(
    organization: Organization, admin: Membership, save: Save
) -> None:
    services.save_role(
        organization_id=organization.id, name="chief", rights=["organization.delete"], actor="test"
    )
    for given in (
        {"groups": [("chiefs", "owner")]},
        {"default_role": "owner"},
        {"groups": [("chiefs", "chief")]},
        {"default_role": "chief"},
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            save(admin, **given)
    save(admin, groups=[("engineers", "developer")])


@pytest.mark.parametrize("held", [{"groups": [("chiefs", "owner")]}, {"default_role": "owner"}])
def test_nobody_says_where_groups_of_a_higher_role_come_from(
    organization: Organization, admin: Membership, save: Save, held: dict[str, Any]
) -> None:
    """Else an admin would name a provider of their own, and be an owner by its word."""
    save(**held)
    where: dict[str, Any] = {"organization_id": organization.id, "actor": admin}
    for refused in (
        lambda: save(admin, issuer="https://own.example.com"),
        lambda: save(admin, client_id="other"),
        lambda: save(admin, groups_claim="mine"),
        lambda: services.delete_identity_provider(**where),
        lambda: services.try_identity_provider(**where, issuer="https://own.example.com"),
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            refused()
    assert stored(organization).issuer == "https://login.example.com"


def test_role_that_a_group_stands_for_is_not_deleted(organization: Organization, save: Save) -> None:
    for given in ({"groups": [("a", "guest")]}, {"default_role": "guest"}):
        services.save_role(organization_id=organization.id, name="guest", rights=["usage.read"], actor="test")
        save(**given)
        with pytest.raises(InputError, match="sign-in still gives 'guest'"):
            services.delete_role(organization_id=organization.id, name="guest", actor="test")
        save()
        services.delete_role(organization_id=organization.id, name="guest", actor="test")


def test_removing_leaves_nothing_behind(organization: Organization, save: Save) -> None:
    save(groups=[("a", "auditor")])
    services.delete_identity_provider(organization_id=organization.id, actor="test")
    with access.scope(organization_id=organization.id):
        for model in (IdentityProvider, GroupRole, ProviderSession):
            assert not model.objects.exists()
    with pytest.raises(InputError, match="there is none"):
        services.delete_identity_provider(organization_id=organization.id, actor="test")


def test_master_keys_rotation_reaches_the_secret(
    organization: Organization, save: Save, settings: Any
) -> None:
    save()
    newer = f"2:{'B' * 43}=,1:{settings.ORBIT_MASTER_KEY}"
    settings.ORBIT_MASTER_KEY = newer
    assert rewrap_credentials(organization_id=organization.id, actor="test").count == 1
    settings.ORBIT_MASTER_KEY = newer.partition(",")[0]
    assert secret(organization) == SECRET


def tried(organization: Organization, provider: Provider) -> list[str]:
    return services.try_identity_provider(
        organization_id=organization.id, actor="test", issuer=provider.issuer
    )


def test_provider_that_is_well_has_no_problems(organization: Organization, provider: Provider) -> None:
    assert tried(organization, provider) == []
    assert provider.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"issuer": "https://other.example.com"}, "it says that its issuer is 'https://other.example.com'"),
        ({"issuer": None}, "it says that its issuer is 'None'"),
        ({"token_endpoint": ""}, "has no token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "its authorization_endpoint must read https"),
        ({"jwks_uri": "http://login.example.com/keys"}, "its jwks_uri must be https"),
        ({"token_endpoint": "https://10.0.0.1/token"}, "its token_endpoint 10.0.0.1 is a private address"),
        (
            {"userinfo_endpoint": "https://localhost/x"},
            "its userinfo_endpoint localhost is a private address",
        ),
        ({"userinfo_endpoint": None}, "no userinfo endpoint"),
        ({"scopes_supported": ["openid"]}, "does not offer the scope offline_access"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"scopes_supported": 5, "token_endpoint_auth_methods_supported": {}}, "offline_access"),
        ({"jwks_uri": ["https://login.example.com"]}, "has no jwks_uri"),
    ],
)
def test_problems_are_said_in_words(
    organization: Organization, provider: Provider, said: dict[str, Any], words: str
) -> None:
    provider.description = said
    assert words in " ".join(tried(organization, provider))


@pytest.mark.parametrize(
    ("status", "words"),
    [(302, "answers with status 302"), (404, "answers with status 404"), (503, "answers with status 503")],
)
def test_answers_that_are_no_description_are_not_followed(
    organization: Organization, provider: Provider, status: int, words: str
) -> None:
    provider.status = status
    assert words in tried(organization, provider)[0]
    assert len(provider.asked) == 1


def test_provider_that_is_not_there_is_said_so(organization: Organization, settings: Any) -> None:
    settings.ORBIT_PRIVATE_TARGETS = ["127.0.0.1:9"]
    found = services.try_identity_provider(
        organization_id=organization.id, actor="test", issuer="http://127.0.0.1:9"
    )
    assert "did not answer (NotConnected)" in found[0]


def test_private_google_account_with_an_address_of_the_domain_is_refused(
    organization: Organization, save: Save
) -> None:
    """Google says of it that it is verified, and it was, on some day."""
    save(issuer="https://accounts.google.com", default_role="auditor")
    name = f"d-{secrets.token_hex(6)}.example"
    domain = services.add_domain(organization_id=organization.id, name=name, actor="test").row
    with access.scope(organization_id=organization.id):
        domain.verified_at = timezone.now()
        domain.save()
    said = {"sub": "1", "email": f"ada@{name}", "email_verified": True}

    def come(**more: str) -> services.Admitted:
        claims = oidc.read_claims(said | more, "groups")
        tokens = oidc.Tokens("access")
        return services.admit(organization_id=organization.id, said=claims, source="userinfo", tokens=tokens)

    for more in ({}, {"hd": "other.example"}):
        with pytest.raises(services.NotAdmitted, match="Google account"):
            come(**more)
    assert come(hd=name).person.email == f"ada@{name}"
