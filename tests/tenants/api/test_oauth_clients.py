"""Tokens by client credentials: what they open, and when they end."""

from __future__ import annotations

import base64
import logging
import secrets
from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Client as ProviderClient
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import OutboxEntry
from orbit.lib import access
from tenants import services
from tenants.callers import Caller
from tenants.models import OAuthClient, OperatorClient, Organization
from tenants.rights import OperatorRight, Right
from tenants.tasks import forget_expired_tokens
from tests.tenants.api.conftest import caller
from tests.tenants.api.tokens import ask_token, new_token

TOKEN = "/identity/o/api/token"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """All tests come from one address."""
    cache.clear()


def issued(place: Organization, *scopes: str) -> tuple[OAuthClient, str]:
    return services.issue_oauth_client(
        organization_id=place.pk,
        name=f"c-{secrets.token_hex(4)}",
        scopes=scopes or ["organization.read", "usage.read"],
        actor="test",
    )


def issued_operators(*scopes: str) -> tuple[OperatorClient, str]:
    return services.issue_operator_client(name=f"c-{secrets.token_hex(4)}", scopes=scopes, actor="test")


def me(token: str) -> Any:
    return caller(token)("GET", "me")


def test_a_token_opens_the_clients_scopes_in_its_organization(
    organization: Organization, other: Organization
) -> None:
    client, secret = issued(organization)
    answer = ask_token(client.client_id, secret)
    said = answer.json()
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 900)
    assert set(said["scope"].split()) == {"organization.read", "usage.read"}
    assert "refresh_token" not in said
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    api = caller(said["access_token"])
    assert api("GET", "me").json() == {
        "name": f"client {client.name}",
        "organization": organization.slug,
        "scopes": ["organization.read", "usage.read"],
    }
    assert api("GET", f"organizations/{organization.slug}").status_code == 200
    assert api("GET", f"organizations/{other.slug}").status_code == 404
    assert api("GET", f"organizations/{organization.slug}/keys").status_code == 403
    with access.scope(organization_id=organization.pk):
        assert OAuthClient.objects.get().last_used_at is not None


def test_an_operators_token_reaches_every_organization(
    organization: Organization, other: Organization
) -> None:
    client, secret = issued_operators("organization.read", "organizations.suspend")
    api = caller(new_token(client.client_id, secret))
    assert api("GET", "me").json()["organization"] is None
    for place in (organization, other):
        assert api("GET", f"organizations/{place.slug}").status_code == 200
    assert api("POST", "organizations", {"slug": "x"}).status_code == 403
    services.revoke_operator_client(client_id=client.pk, actor="test")
    assert api("GET", "me").status_code == 401


def test_a_token_may_ask_for_less_and_never_for_more(organization: Organization) -> None:
    client, secret = issued(organization)
    assert me(new_token(client.client_id, secret, "usage.read")).json()["scopes"] == ["usage.read"]
    for scope in ("usage.read+keys.read", "organizations.create", "openid", "*"):
        refused = ask_token(client.client_id, secret, scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope"), scope


def test_a_scope_that_is_taken_is_gone_with_the_next_request(organization: Organization) -> None:
    client, secret = issued(organization)
    api = caller(new_token(client.client_id, secret))
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.change_oauth_client(**where, client_id=client.pk, scopes=["usage.read"])
    assert api("GET", "me").json()["scopes"] == ["usage.read"]
    assert ask_token(client.client_id, secret, "organization.read").status_code == 400
    # what is given later is not in a token that was asked for before
    services.change_oauth_client(**where, client_id=client.pk, scopes=["usage.read", "keys.read"])
    assert api("GET", "me").json()["scopes"] == ["usage.read"]


def test_a_scope_that_is_taken_from_an_operators_client_is_gone_with_the_next_request() -> None:
    client, secret = issued_operators("organization.read", "organizations.create")
    api = caller(new_token(client.client_id, secret))
    services.change_operator_client(client_id=client.pk, scopes=["organization.read"], actor="test")
    assert api("GET", "me").json()["scopes"] == ["organization.read"]
    assert ask_token(client.client_id, secret, "organizations.create").status_code == 400


def test_tokens_end_with_their_client(organization: Organization) -> None:
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    services.revoke_oauth_client(organization_id=organization.pk, client_id=client.pk, actor="test")
    assert me(token).status_code == 401
    refused = ask_token(client.client_id, secret)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert not ProviderClient.objects.filter(pk=client.client_id).exists()


def test_our_own_row_alone_ends_a_token(organization: Organization) -> None:
    """Although allauth still had it."""
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    with access.scope(organization_id=organization.pk):
        OAuthClient.objects.update(revoked_at=timezone.now())
    assert me(token).status_code == 401


def test_tokens_rest_with_their_organization(organization: Organization) -> None:
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    services.suspend_organization(organization_id=organization.pk, reason="unpaid", actor="test")
    assert me(token).status_code == 401
    services.resume_organization(organization_id=organization.pk, actor="test")
    assert me(token).status_code == 200
    services.delete_organization(organization_id=organization.pk, actor="test")
    assert me(token).status_code == 401


def test_a_purge_leaves_nothing_of_a_client(organization: Organization) -> None:
    client, secret = issued(organization)
    new_token(client.client_id, secret)
    services.delete_organization(organization_id=organization.pk, actor="test")
    past = timezone.now() - timedelta(minutes=1)
    with access.scope(organization_id=organization.pk):
        Organization.objects.update(deleted_at=past, purge_at=past)
    services.purge_organization(organization_id=organization.pk, actor="test")
    assert not ProviderClient.objects.filter(pk=client.client_id).exists()
    assert not Token.objects.filter(client_id=client.client_id).exists()
    with access.operator():
        assert not OAuthClient.objects.filter(pk=client.pk).exists()


def test_a_token_ends_by_itself_and_is_cleared_away(organization: Organization) -> None:
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    rows = Token.objects.filter(client_id=client.client_id)
    rows.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert me(token).status_code == 401
    assert forget_expired_tokens() >= 1
    assert not rows.exists()


def test_a_token_that_is_given_back_is_over(organization: Organization) -> None:
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    pair = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    for known, status in ((False, 401), (True, 200)):
        answer = Client(headers={"Authorization": f"Basic {pair}" if known else "Basic eDp5"}).post(
            "/identity/o/api/revoke", f"token={token}", content_type=FORM
        )
        assert answer.status_code == status
        assert me(token).status_code == (401 if known else 200)


def test_neither_secret_nor_token_is_stored(organization: Organization) -> None:
    client, secret = issued(organization)
    token = new_token(client.client_id, secret)
    with connection.cursor() as cursor:
        for table in ("client", "token"):
            cursor.execute(f"SELECT t::text FROM allauth_idp_oidc_{table} t")
            text = "\n".join(row for (row,) in cursor.fetchall())
            assert client.client_id in text
            for hidden in (secret, token, secret.encode().hex(), token.encode().hex()):
                assert hidden not in text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("grant_type=authorization_code&code=x", "unsupported_grant_type"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=x", "unsupported_grant_type"),
        ("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x", "unsupported_grant_type"),
        ("scope=usage.read", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
        ("grant_type=client_credentials&scope=a%00", "invalid_request"),
        ("grant_type=client_credentials&resource=nonsense", "invalid_request"),
    ],
)
def test_nothing_but_client_credentials_is_served(organization: Organization, body: str, error: str) -> None:
    client, secret = issued(organization)
    pair = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    answer = Client(headers={"Authorization": f"Basic {pair}"}).post(TOKEN, body, content_type=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_odd_requests_for_a_token_are_refused(organization: Organization) -> None:
    client, secret = issued(organization)
    form = f"grant_type=client_credentials&client_id={client.client_id}&client_secret={secret}"
    assert Client().post(TOKEN, form, content_type=FORM).status_code == 200  # client_secret_post
    assert Client().post(f"{TOKEN}?{form}", "", content_type=FORM).status_code == 400
    assert Client().post(f"{TOKEN}?x=1", form, content_type=FORM).status_code == 400
    assert Client().post(TOKEN, {"grant_type": "client_credentials"}).status_code == 400  # multipart
    assert Client().post(TOKEN, "{}", content_type="application/json").status_code == 400
    assert Client().get(TOKEN).status_code == 405
    for path in ("authorize", "device", "logout", "api/clients", "api/userinfo", "api/device/code"):
        assert Client().get(f"/identity/o/{path}").status_code == 404, path
    for path in ("openid-configuration", "jwks.json"):
        assert Client().get(f"/.well-known/{path}").status_code == 404, path


def test_a_wrong_secret_is_refused_and_an_unknown_client_alike(organization: Organization) -> None:
    client, secret = issued(organization)
    wrong = [
        ask_token(client.client_id, secret[:-1] + ("A" if secret[-1] != "A" else "B")),
        ask_token(client.client_id, "orbs_" + "x" * 49),
        ask_token(client.client_id, "é"),
        ask_token("0" * 32, secret),
        ask_token("no-such", secret),
    ]
    assert {(answer.status_code, answer.content) for answer in wrong} == {(401, wrong[0].content)}


def test_whoever_guesses_secrets_has_to_wait(organization: Organization, settings: Any) -> None:
    settings.IDP_OIDC_RATE_LIMITS = {"token": "100/m/ip", "token_refused": "3/m/ip"}
    client, secret = issued(organization)
    assert [ask_token(client.client_id, "wrong").status_code for _ in range(4)] == [401, 401, 401, 429]
    refused = ask_token(client.client_id, secret)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    cache.clear()
    settings.IDP_OIDC_RATE_LIMITS = {"token": "2/m/ip", "token_refused": "100/m/ip"}
    assert [ask_token(client.client_id, secret).status_code for _ in range(3)] == [200, 200, 429]


def test_what_there_is_of_an_authorization_server_is_described() -> None:
    said = Client().get("/.well-known/oauth-authorization-server").json()
    assert said["token_endpoint"].endswith(TOKEN)
    assert said["grant_types_supported"] == ["client_credentials"]
    assert {"usage.read", "organizations.create"} <= set(said["scopes_supported"])
    assert said["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "client_secret_post"]


def test_clients_are_issued_listed_changed_and_revoked_by_the_api(organization: Organization) -> None:
    _, key = services.issue_management_key(
        organization_id=organization.pk,
        name="ci",
        scopes=["management_keys.write", "usage.read", "calls.read"],
        actor="test",
    )
    api, path = caller(key), f"organizations/{organization.slug}/oauth-clients"
    made = api("POST", path, {"name": "robot", "scopes": ["usage.read"]})
    assert made.status_code == 201
    secret, one = made.json()["client_secret"], f"{path}/{made.json()['id']}"
    assert me(new_token(made.json()["client_id"], secret)).json()["scopes"] == ["usage.read"]
    assert [row["name"] for row in api("GET", path).json()["data"]] == ["robot"]
    assert secret not in api("GET", one).content.decode()
    assert (
        api("POST", path, {"name": "robot", "scopes": ["usage.read"]}).json()["errors"][0]["field"] == "name"
    )
    assert api("POST", path, {"name": "more", "scopes": ["ledger.read"]}).status_code == 403
    assert api("POST", path, {"name": "more", "scopes": ["organizations.create"]}).status_code == 400
    assert api("POST", path, {"name": "more", "scopes": []}).status_code == 400
    assert api("PATCH", one, {"scopes": ["ledger.read"]}).status_code == 403
    assert api("PATCH", one, {"scopes": ["calls.read"]}).json()["scopes"] == ["calls.read"]
    assert api("POST", f"{one}/revoke").json()["revoked_at"] is not None
    assert api("PATCH", one, {"scopes": ["usage.read"]}).status_code == 400
    assert api("GET", f"{path}?revoked=false").json()["data"] == []
    with access.scope(organization_id=organization.pk):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")][-3:]
    assert [(act["actor"], act["action"]) for act in acts] == [
        ("management key ci", f"oauth_client.{verb}") for verb in ("issue", "update", "revoke")
    ]
    assert secret not in str(acts)


def test_operators_clients_are_issued_listed_changed_and_revoked_by_the_api(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = f"c-{secrets.token_hex(4)}"
    chief, secret = issued_operators("credentials.write", "usage.read", "organizations.read")
    api = caller(new_token(chief.client_id, secret))
    with caplog.at_level(logging.WARNING, "tenants.services.oauth_clients"):
        made = api("POST", "oauth-clients", {"name": name, "scopes": ["usage.read"]})
        assert made.status_code == 201
        one = f"oauth-clients/{made.json()['id']}"
        assert api("POST", "oauth-clients", {"name": name, "scopes": ["usage.read"]}).status_code == 400
        assert api("POST", "oauth-clients", {"name": "m", "scopes": ["people.approve"]}).status_code == 403
        assert api("PATCH", one, {"scopes": ["people.approve"]}).status_code == 403
        assert api("PATCH", one, {"scopes": ["organizations.read"]}).json()["scopes"] == [
            "organizations.read"
        ]
        assert name in [row["name"] for row in api("GET", "oauth-clients").json()["data"]]
        assert api("GET", one).json()["client_id"] == made.json()["client_id"]
        assert api("POST", f"{one}/revoke").json()["revoked_at"] is not None
        assert api("GET", "oauth-clients/0190b1c2-7d3e-7c11-9a40-5f0d6c1e2b3a").status_code == 404
    told = [record.getMessage() for record in caplog.records]
    assert [one for one in told if name in one] == [
        f"operators' client {chief.name} issued the operators' client {name} for usage.read",
        f"operators' client {chief.name} gave the operators' client {name} the scopes organizations.read",
        f"operators' client {chief.name} revoked the operators' client {name}",
    ]
    assert made.json()["client_secret"] not in caplog.text


def test_an_organizations_client_never_makes_an_operators(organization: Organization) -> None:
    calling = Caller("client x", frozenset(Right) | frozenset(OperatorRight), organization.pk)
    with pytest.raises(PermissionDenied):
        services.issue_operator_client(name="stowaway", scopes=["usage.read"], actor=calling)


def test_a_client_that_was_revoked_meanwhile_changes_nothing_more(organization: Organization) -> None:
    """The service looks again, under the organization's lock."""
    client, secret = issued(organization, "projects.write")
    calling = Caller(
        "client x", frozenset({Right.PROJECTS_WRITE}), organization.pk, oauth_client_id=client.pk
    )
    services.save_project(organization_id=organization.pk, slug="one", name="One", actor=calling)
    services.revoke_oauth_client(organization_id=organization.pk, client_id=client.pk, actor="test")
    with pytest.raises(PermissionDenied):
        services.save_project(organization_id=organization.pk, slug="two", name="Two", actor=calling)
    assert secret
