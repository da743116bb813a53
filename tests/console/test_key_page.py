from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, KeyUse
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


@pytest.fixture
def issued(tenant: Tenant) -> tuple[ApiKey, str]:
    return services.issue_key(**_where(tenant), project="chatbot", name="production")


def _now(key: ApiKey) -> ApiKey:
    with access.scope(organization_id=key.organization_id):
        return ApiKey.objects.select_related("policy").get(pk=key.pk)


FORM: dict[str, Any] = {
    "policy": "default",
    "models": "gpt-4o-mini, text-*",
    "endpoints": ["embeddings", "chat/completions"],
    "ip_ranges": "192.0.2.0/24",
    "expires_at": "2099-01-31T18:00",
    "rotate_after_days": "90",
}


def test_a_key_is_narrowed_ended_and_scheduled_by_its_form(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    tenant.organization.time_zone = "Europe/Berlin"
    with access.scope(organization_id=tenant.organization.pk):
        tenant.organization.save(update_fields=["time_zone"])
    key, path = issued[0], f"{tenant.path}keys/{issued[0].pk}/"
    client.post(f"{path}save/", FORM)
    now = _now(key)
    assert now.allow["models"] == ["gpt-4o-mini", "text-*"]
    assert sorted(now.allow["endpoints"]) == ["chat/completions", "embeddings"]
    assert now.allow["ip_ranges"] == ["192.0.2.0/24"]
    assert now.expires_at == datetime(2099, 1, 31, 17, tzinfo=UTC)
    assert (now.rotate_after_days, now.policy and now.policy.name) == (90, "default")
    shown = client.get(path).context["typed"]
    assert {name: shown[name] for name in FORM if name != "endpoints"} == {
        name: value for name, value in FORM.items() if name != "endpoints"
    }
    client.post(f"{path}save/", {})
    assert (_now(key).allow, _now(key).expires_at, _now(key).policy) == ({}, None, None)


def test_a_key_is_issued_with_all_of_it(tenant: Tenant, client: Client) -> None:
    client.post(f"{tenant.path}keys/issue/", FORM | {"project": "chatbot", "name": "narrow"})
    with access.scope(organization_id=tenant.organization.pk):
        key = ApiKey.objects.get(name="narrow")
    assert (key.allow["models"], key.rotate_after_days) == (["gpt-4o-mini", "text-*"], 90)


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"models": "two words here?"}, "models"),
        ({"ip_ranges": "192.0.2.0/99"}, "ip_ranges"),
        ({"endpoints": ["no/such"]}, "endpoints"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2026-02-31T10:00"}, "expires_at"),
        ({"expires_at": "2020-01-01T10:00"}, "expires_at"),
        ({"rotate_after_days": "0"}, "rotate_after_days"),
        ({"rotate_after_days": "often"}, "rotate_after_days"),
        ({"policy": "nobody-wrote-it"}, "policy"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str], typed: dict[str, Any], about: str
) -> None:
    answer = client.post(f"{tenant.path}keys/{issued[0].pk}/save/", FORM | typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert _now(issued[0]).allow == {}


def test_a_rotation_ends_the_old_secret_when_it_was_said(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    path = f"{tenant.path}keys/{issued[0].pk}/"
    client.post(f"{path}rotate/", {"overlap": "168"})
    (former,) = client.get(path).context["former"]
    assert timedelta(days=6) < former.works_until - datetime.now(UTC) <= timedelta(days=7)
    client.post(f"{path}rotate/", {"overlap": "0"})
    assert client.get(path).context["former"] == []
    assert "none of these" in client.post(f"{path}rotate/", {"overlap": "9"}, follow=True).content.decode()


def test_keys_are_found_by_hint_owner_and_id(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    owned, _ = services.issue_key(**_where(tenant), project="chatbot", name="own", owner=tenant.owner.email)

    def found(text: str) -> list[str]:
        return [row.key.name for row in client.get(f"{tenant.path}keys/", {"q": text}).context["rows"]]

    assert found(issued[0].hint) == ["production"]
    assert found(tenant.owner.email) == ["own"]
    assert found(str(owned.pk)) == ["own"]
    assert found("*tion") == ["production"]
    assert found("no@example.org") == []


def test_many_keys_end_after_a_look_at_which_they_are(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    for number in range(3):
        services.issue_key(**_where(tenant), project="chatbot", name=f"ci-{number}")
    path, asked = f"{tenant.path}keys/revoke/", {"name": "ci-*", "project": "chatbot"}
    shown = client.get(path, asked)
    assert (shown.context["count"], len(shown.context["found"])) == (3, 3)
    stale = client.post(path, asked | {"count": "2"})
    assert (stale.status_code, stale.context["wrong"].path) == (400, "selection")
    done = client.post(path, asked | {"count": "3", "reason": "over"}, follow=True)
    assert "3 keys revoked" in done.content.decode()
    assert _now(issued[0]).revoked_at is None


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        ({}, "selection"),
        ({"project": "no-such"}, "project"),
        ({"name": "$$"}, "name"),
        ({"unused_since": "soon"}, "unused_since"),
    ],
)
def test_a_selection_that_is_wrong_revokes_nothing(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str], asked: dict[str, str], about: str
) -> None:
    answer = client.post(f"{tenant.path}keys/revoke/", asked | {"count": "1"})
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert _now(issued[0]).revoked_at is None


def test_unused_keys_are_those_that_no_call_came_with(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    with access.ledger():
        KeyUse.objects.create(
            key_id=issued[0].pk, organization_id=tenant.organization.pk, used_at=datetime.now(UTC)
        )
    services.issue_key(**_where(tenant), project="chatbot", name="idle")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    path = f"{tenant.path}keys/revoke/"
    assert client.get(path, {"unused_since": tomorrow}).context["count"] == 2
    assert client.get(path, {"unused_since": today}).context["count"] == 0


def test_a_leaked_key_is_found_and_ended_without_being_shown(
    tenant: Tenant, client: Client, issued: tuple[ApiKey, str]
) -> None:
    path, (key, text) = f"{tenant.path}keys/leaked/", issued
    answer = client.post(path, {"key": f" {text} "})
    assert answer.context["owner"].works
    assert "It still works" in answer.content.decode()
    assert text not in answer.content.decode()
    assert _now(key).revoked_at is None
    ended = client.post(path, {"key": text, "revoke": "yes", "reason": "seen"})
    assert ended.context["owner"].ended
    assert _now(key).revoked_at is not None


@pytest.mark.parametrize("text", ["", "orb_short", "orb_" + "x" * 49])
def test_what_is_nobodys_key_is_told_of(tenant: Tenant, client: Client, text: str) -> None:
    answer = client.post(f"{tenant.path}keys/leaked/", {"key": text})
    assert answer.status_code == 400
    assert answer.context["problem"]
    assert not text or text not in answer.content.decode()


def test_another_tenants_key_is_nobodys(tenant: Tenant, other: Tenant, issued: tuple[ApiKey, str]) -> None:
    theirs = signed_in(other.owner)
    answer = theirs.post(f"{other.path}keys/leaked/", {"key": issued[1], "revoke": "yes"})
    assert answer.context["owner"] is None
    assert theirs.get(f"{other.path}keys/{issued[0].pk}/").status_code == 404
    theirs.post(f"{other.path}keys/{issued[0].pk}/save/", FORM)
    assert (_now(issued[0]).revoked_at, _now(issued[0]).allow) == (None, {})


def test_who_may_not_revoke_finds_and_does_not_end(tenant: Tenant, issued: tuple[ApiKey, str]) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="auditor")
    theirs, path = signed_in(person), f"{tenant.path}keys/leaked/"
    assert theirs.post(path, {"key": issued[1]}).context["owner"].works
    assert theirs.post(path, {"key": issued[1], "revoke": "yes"}).status_code == 403
    assert theirs.get(f"{tenant.path}keys/revoke/").status_code == 403
    page = theirs.get(f"{tenant.path}keys/{issued[0].pk}/").content.decode()
    assert "Revoke for good" not in page
    assert "Change it" not in page
