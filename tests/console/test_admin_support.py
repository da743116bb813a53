"""What operators do for those who call them: find, look at a glance, revoke, trace a leaked key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from audit.models import OutboxEntry
from orbit.lib import access
from quotas.models import UsageBucket
from tenants import services
from tenants.models import ApiKey, Person
from tests.console.conftest import Tenant, make_person, make_tenant, quarter, signed_in

KEYS = "/admin/tenants/apikey/"
FIND = "/admin/tenants/apikey/find/"


def issued(tenant: Tenant, name: str, **more: Any) -> tuple[ApiKey, str]:
    return services.issue_key(
        organization_id=tenant.organization.pk, project=tenant.project.slug, name=name, actor="test", **more
    )


def read_again(key: ApiKey) -> ApiKey:
    with access.operator():
        return ApiKey.objects.get(pk=key.pk)


def acts(tenant: Tenant, action: str) -> list[dict[str, Any]]:
    with access.scope(organization_id=tenant.organization.pk):
        found = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    return [act for act in found if act["action"] == action]


def staff_of(group: str) -> tuple[Person, Client]:
    person = make_person(is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person, signed_in(person)


def revoking(*keys: ApiKey, **more: str) -> dict[str, Any]:
    return {"action": "revoke", "_selected_action": [str(key.pk) for key in keys], **more}


def test_ticked_keys_of_several_organizations_are_revoked_after_a_question(
    tenant: Tenant, other: Tenant
) -> None:
    operator, client = staff_of("operator")
    mine, _ = issued(tenant, "one")
    theirs, _ = issued(other, "two")
    kept, _ = issued(tenant, "three")
    page = client.post(KEYS, revoking(mine, theirs)).content.decode()
    assert "Revoke 2 keys for good?" in page
    assert f"{tenant.organization.slug}/chatbot/one" in page
    assert f"{other.organization.slug}/chatbot/two" in page
    assert read_again(mine).revoked_at is None

    page = client.post(KEYS, revoking(mine, theirs, confirmed="yes", reason=" ")).content.decode()
    assert "say the reason" in page
    assert read_again(mine).revoked_at is None

    client.post(KEYS, revoking(mine, theirs, confirmed="yes", reason="in a public repository"))
    assert read_again(mine).revoked_at is not None
    assert read_again(theirs).revoked_at is not None
    assert read_again(kept).revoked_at is None
    for place in (tenant, other):
        [act] = acts(place, "key.revoke")
        assert act["actor"] == operator.email
        assert act["before"] == {"revoked_at": None}
        assert act["after"]["revoked_at"]
        assert act["after"]["reason"] == "in a public repository"


def test_a_key_that_is_revoked_already_gets_no_second_act(tenant: Tenant, staff: Client) -> None:
    key, _ = issued(tenant, "one")
    for _ in range(2):
        staff.post(KEYS, revoking(key, confirmed="yes", reason="leaked"))
    assert len(acts(tenant, "key.revoke")) == 1
    assert "None of these keys works any more" in staff.post(KEYS, revoking(key)).content.decode()


def test_all_keys_at_once_are_not_revoked(tenant: Tenant, staff: Client) -> None:
    key, _ = issued(tenant, "one")
    form = revoking(key, confirmed="yes", reason="x", select_across="1")
    assert "tick at most" in staff.post(KEYS, form, follow=True).content.decode()
    assert read_again(key).revoked_at is None


@pytest.mark.parametrize("group", ["support", "billing"])
def test_who_only_looks_revokes_nothing(tenant: Tenant, group: str) -> None:
    _, client = staff_of(group)
    key, secret = issued(tenant, "one")
    client.post(KEYS, revoking(key, confirmed="yes", reason="x"))
    assert client.post(FIND, {"key": secret, "revoke": "", "reason": "x"}).status_code == 403
    assert read_again(key).revoked_at is None
    assert acts(tenant, "key.look_up") == []


def test_a_leaked_key_is_traced_and_revoked(tenant: Tenant) -> None:
    operator, client = staff_of("operator")
    key, secret = issued(tenant, "one")
    page = client.post(FIND, {"key": f" Bearer {secret} ", "look_up": ""}).content.decode()
    assert f"{tenant.organization.slug}/chatbot/one" in page
    assert "It works." in page
    assert secret not in page
    assert read_again(key).revoked_at is None
    page = client.post(FIND, {"key": secret, "revoke": "", "reason": "pasted in a chat"}).content.decode()
    assert "It is ended now." in page
    assert secret not in page
    assert read_again(key).revoked_at is not None
    [act] = acts(tenant, "key.revoke")
    assert (act["actor"], act["after"]["reason"]) == (operator.email, "pasted in a chat")
    assert [one["actor"] for one in acts(tenant, "key.look_up")] == [operator.email] * 2


def test_a_secret_that_was_replaced_is_ended_alone(tenant: Tenant, staff: Client) -> None:
    key, old = issued(tenant, "one")
    services.rotate_key(organization_id=tenant.organization.pk, key_id=key.pk, actor="test")
    page = staff.post(FIND, {"key": old, "revoke": "", "reason": "leaked"}).content.decode()
    assert "A rotation replaced this secret" in page
    assert read_again(key).revoked_at is None
    assert len(acts(tenant, "key.end_secret")) == 1


def test_what_is_no_key_or_nobodys_is_said(staff: Client) -> None:
    from tenants.keys import new_key

    unknown = new_key()
    page = staff.post(FIND, {"key": unknown}).content.decode()
    assert "No organization has or had this key." in page
    assert unknown not in page
    assert "is no key of this gateway" in staff.post(FIND, {"key": "sk-something"}).content.decode()


def test_keys_are_found_by_whatever_one_has(tenant: Tenant, other: Tenant, staff: Client) -> None:
    mine, secret = issued(tenant, f"name-{tenant.organization.slug}")
    theirs, _ = issued(other, "two")
    own, _ = issued(tenant, "own-one", owner=tenant.owner.email)
    slug = tenant.organization.slug

    def found(term: str) -> set[str]:
        page = staff.get(KEYS, {"q": term}).content.decode()
        return {str(key.pk) for key in (mine, theirs, own) if f"{KEYS}{key.pk}/" in page}

    for term in (mine.name, mine.name[:12], mine.hint, f"{slug}/chatbot/{mine.name}", str(mine.pk)):
        assert found(term) == {str(mine.pk)}, term
    for term in (slug, str(tenant.organization.pk), f"{slug}/", f"{slug}/chatbot", str(tenant.project.pk)):
        assert found(term) == {str(mine.pk), str(own.pk)}, term
    assert found(tenant.owner.email) == {str(own.pk)}
    assert found(secret) == set()
    assert found("nobody's") == set()


def test_rows_are_found_by_id_and_by_their_organizations(
    tenant: Tenant, other: Tenant, staff: Client
) -> None:
    for model, mine, theirs in (
        ("organization", tenant.organization.pk, other.organization.pk),
        ("project", tenant.project.pk, other.project.pk),
    ):
        for term in {mine, tenant.organization.pk}:
            page = staff.get(f"/admin/tenants/{model}/", {"q": str(term)}).content.decode()
            assert f"/admin/tenants/{model}/{mine}/" in page
            assert f"/admin/tenants/{model}/{theirs}/" not in page


def test_rollups_are_found_by_the_id_of_whatever_they_count(
    tenant: Tenant, other: Tenant, staff: Client
) -> None:
    key, _ = issued(tenant, "one")
    now = quarter(datetime.now(UTC))
    for place in (tenant, other):
        place.bucket(now, requests=1)
    with access.ledger():
        UsageBucket.objects.filter(organization_id=tenant.organization.pk).update(key_id=key.pk)
    for term in (key.pk, tenant.project.pk, tenant.organization.pk):
        page = staff.get("/admin/quotas/usagebucket/", {"q": str(term)}).content.decode()
        assert str(tenant.organization.pk) in page
        assert str(other.organization.pk) not in page


def test_an_organizations_page_shows_its_state_at_a_glance(tenant: Tenant, staff: Client) -> None:
    issued(tenant, "one")
    event = tenant.call(datetime.now(UTC))
    tenant.call(
        datetime.now(UTC), kind="act", detail={"action": "key.issue", "target": "chatbot/x", "actor": "a@b"}
    )
    address = f"/admin/tenants/organization/{tenant.organization.pk}/change/"
    page = staff.get(address).content.decode()
    assert "Open" in page
    assert "Keys that are not revoked" in page
    assert f"/admin/audit/event/{event.pk}/change/" in page
    assert "chatbot/x" in page
    services.suspend_organization(organization_id=tenant.organization.pk, reason="unpaid bill", actor="test")
    assert ": unpaid bill" in staff.get(address).content.decode()


def test_a_persons_page_shows_memberships_and_own_keys(tenant: Tenant, staff: Client) -> None:
    make_tenant(tenant.owner)
    key, _ = issued(tenant, "own-one", owner=tenant.owner.email)
    page = staff.get(f"/admin/tenants/person/{tenant.owner.pk}/change/").content.decode()
    assert tenant.organization.slug in page
    assert f"{KEYS}{key.pk}/change/" in page
    assert "Second factors: none" in page


def test_a_glance_shows_only_what_one_may_look_at(tenant: Tenant) -> None:
    event = tenant.call(datetime.now(UTC))
    clerk = make_person(is_staff=True)
    for codename in ("view_organization", "view_person"):
        clerk.user_permissions.add(Permission.objects.get(codename=codename))
    client = signed_in(clerk)
    page = client.get(f"/admin/tenants/organization/{tenant.organization.pk}/change/").content.decode()
    assert "At a glance" in page
    assert str(event.pk) not in page
    page = client.get(f"/admin/tenants/person/{tenant.owner.pk}/change/").content.decode()
    assert "At a glance" in page
    assert tenant.organization.slug not in page
    assert client.get(reverse("admin:tenants_apikey_find")).status_code == 403
