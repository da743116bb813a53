"""The trip to an organization's provider and back: where it leads, and what is believed of who comes back."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client

from tenants import services
from tests.console.conftest import Tenant, signed_in
from tests.console.single_sign_on import (
    come,
    depart,
    domain,
    is_there,
    provider,
    refused,
    set_up,
    somebody,
    through,
)
from tests.oidc import Provider

__all__ = ["domain", "provider"]


def test_address_leads_to_its_organizations_provider(tenant: Tenant, provider: Provider, domain: str) -> None:
    answer = Client().post("/accounts/sso/", {"login": f"Somebody@{domain.upper()}"})
    assert answer["Location"] == f"/accounts/sso/{tenant.organization.slug}/"
    page = Client().get(answer["Location"]).content.decode()
    assert f"Continue with 127.0.0.1:{provider.port}" in page
    unknown = Client().post("/accounts/sso/", {"login": "somebody@unknown.example"})
    assert "No organization here" in unknown.content.decode()


def test_organization_without_a_provider_is_like_none(tenant: Tenant, other: Tenant) -> None:
    for method in ("get", "post"):
        answers = [
            getattr(Client(), method)(f"/accounts/sso/{slug}/")
            for slug in (other.organization.slug, "no-such")
        ]
        assert {one.status_code for one in answers} == {404}
        assert answers[0].content == answers[1].content


def test_next_stays_in_the_organization(tenant: Tenant, provider: Provider, domain: str) -> None:
    def next_of(target: str) -> str:
        page = Client().get(f"/accounts/sso/{tenant.organization.slug}/", {"next": target}).content.decode()
        found = re.search(r'name="next" value="([^"]*)"', page)
        assert found
        return html.unescape(found[1])

    for target in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/o/",
        "/admin/",
        "javascript:alert(1)",
        f"{tenant.path}\\..\\evil",
        f"https://evil.example{tenant.path}",
        f"//evil.example{tenant.path}",
    ):
        assert next_of(target) == tenant.path
    wanted = f"{tenant.path}members/?a=b&c=d"
    assert next_of(wanted) == wanted
    provider.claims = somebody(domain, "engineers")
    assert come(Client(), tenant, next=wanted)["Location"] == wanted
    assert come(Client(), tenant, next="//evil.example")["Location"] == tenant.path


def test_callback_takes_only_the_state_of_its_own_session_once(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.claims = somebody(domain, "engineers")
    client = Client()
    back = through(depart(client, tenant.organization.slug))
    assert Client().get(back).status_code == 403  # somebody else's browser
    assert client.get(back)["Location"] == tenant.path
    assert client.get(back).status_code == 403
    assert Client().get(f"/accounts/sso/{tenant.organization.slug}/callback/?code=x").status_code == 403


def test_state_of_one_organization_is_no_state_of_another(
    tenant: Tenant, other: Tenant, provider: Provider, domain: str
) -> None:
    set_up(other, provider)
    provider.claims = somebody(domain, "engineers")
    client = Client()
    back = through(depart(client, tenant.organization.slug))
    crossed = back.replace(tenant.organization.slug, other.organization.slug)
    assert client.get(crossed).status_code == 403


def test_redirect_uri_ignores_the_requests_host(
    tenant: Tenant, provider: Provider, domain: str, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    url = depart(Client(HTTP_HOST="evil.example"), tenant.organization.slug)
    assert "evil" not in url
    assert "code_challenge_method=S256" in url


FOREIGN: list[dict[str, Any]] = [
    {"iss": "https://elsewhere.example"},
    {"aud": "somebody-else"},
    {"exp": 1},
    {"sub": "sub-somebody-else"},
    {"aud": ["orbit", "other"], "azp": "other"},
]


def test_id_token_that_is_not_for_us_is_refused(tenant: Tenant, provider: Provider, domain: str) -> None:
    for said in FOREIGN:
        provider.claims = somebody(domain, "engineers")
        provider.id_token = said
        assert come(Client(), tenant).status_code == 502
        assert not is_there(provider.claims["email"])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_secret_goes_where_the_provider_takes_it(
    tenant: Tenant, provider: Provider, domain: str, method: str
) -> None:
    provider.description = {"token_endpoint_auth_methods_supported": [method]}
    provider.claims = somebody(domain, "engineers")
    assert come(Client(), tenant)["Location"] == tenant.path
    set_up(tenant, provider, client_secret="a-wrong-one")
    answer = come(Client(), tenant)
    assert answer.status_code == 502
    page = answer.content.decode()
    assert "status 401 (invalid_client)" in page
    assert "a-wrong-one" not in page


def test_provider_that_fails_is_said_so_in_words(tenant: Tenant, provider: Provider, domain: str) -> None:
    provider.claims = somebody(domain, "engineers")
    for status in (500, 302, 400):
        client = Client()
        back = through(depart(client, tenant.organization.slug))
        provider.status = status
        answer = client.get(back)
        assert (answer.status_code, "cannot be used now" in answer.content.decode()) == (502, True)
        provider.status = 0
    assert not is_there(provider.claims["email"])


def test_turning_back_at_the_provider_is_no_error(tenant: Tenant, provider: Provider, domain: str) -> None:
    client = Client()
    state = depart(client, tenant.organization.slug).partition("state=")[2].partition("&")[0]
    path = f"/accounts/sso/{tenant.organization.slug}/callback/?error=access_denied&state={state}"
    assert refused(client.get(path), "You turned back")


def test_no_token_is_in_the_session_or_in_clear_anywhere(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    provider.claims = somebody(domain, "engineers")
    client = Client()
    come(client, tenant)
    tokens = [*provider.access, *provider.refresh]
    assert len(tokens) == 2
    session = str(dict(client.session))
    assert not [token for token in tokens if token in session]
    assert not SocialToken.objects.exists()
    link = SocialAccount.objects.get(uid=provider.claims["sub"])
    assert link.extra_data == {}


def test_packages_own_pages_of_accounts_elsewhere_are_not_there(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    for path in ("", "signup/", "login/cancelled/", "login/error/"):
        assert tenant.client().get(f"/accounts/3rdparty/{path}").status_code == 404
    assert tenant.client().get("/accounts/social/connections/").status_code == 404


def test_signing_in_as_somebody_else_leaves_nothing_of_the_session_before(
    tenant: Tenant, other: Tenant, provider: Provider, domain: str
) -> None:
    client = signed_in(other.owner)
    key = client.session.session_key
    client.session["secret"] = "x"
    provider.claims = somebody(domain, "engineers")
    come(client, tenant)
    assert client.session.session_key != key
    assert "secret" not in client.session
    assert client.get(other.path).status_code == 404


def test_domain_of_a_deleted_organization_leads_nowhere(
    tenant: Tenant, provider: Provider, domain: str
) -> None:
    services.delete_organization(organization_id=tenant.organization.pk, actor="test")
    assert Client().get(f"/accounts/sso/{tenant.organization.slug}/").status_code == 404
    answer = Client().post("/accounts/sso/", {"login": f"a@{domain}"})
    assert "No organization here" in answer.content.decode()
