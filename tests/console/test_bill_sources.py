"""The page on which one says how an account is reconciled says it as the API does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billing.models import BillSource
from orbit.lib import access
from tenants import services
from tests.console.conftest import Tenant, make_person, signed_in
from tests.management import client_of


def account_of(tenant: Tenant, kind: str = "openai", **more: Any) -> UUID:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    return services.save_account(**where, name="main", kind=kind, **more).row.pk


def page(tenant: Tenant, account_id: UUID) -> str:
    return f"{tenant.path}reconciliation/accounts/{account_id}/"


def saved(tenant: Tenant) -> dict[str, Any]:
    place = f"/api/v1/organizations/{tenant.organization.slug}/reconciliation/accounts/main"
    found: dict[str, Any] = client_of(tenant.organization.pk).get(place).json()
    return found


def test_what_is_typed_holds_and_is_shown_again(tenant: Tenant) -> None:
    path, client = page(tenant, account_of(tenant)), tenant.client()
    assert path in client.get(f"{tenant.path}reconciliation/").content.decode()
    given = {
        "enabled": "yes",
        "own_keys": "key_1\r\n key_2\r\n",
        "scopes": "proj_1",
        "lag_hours": "72",
        "tokens.price": "5",
        "money.price": "0.25",
        "share.unexplained": "0.1",
    }
    text = client.post(f"{path}save/", given, follow=True).content.decode()
    found = saved(tenant)
    assert (found["enabled"], found["own_keys"], found["scopes"]) == (True, ["key_1", "key_2"], ["proj_1"])
    assert found["lag_hours"] == 72
    assert found["tolerances"] == {
        "price": {"tokens": 5, "nano": 250_000_000, "share": 0.0},
        "unexplained": {"tokens": 0, "nano": 0, "share": 0.001},
    }
    for value in ("key_1\nkey_2", 'value="72"', 'value="0.25"', 'name="share.unexplained" value="0.1"'):
        assert value in text
    client.post(f"{path}save/", {})
    found = saved(tenant)
    assert (found["enabled"], found["own_keys"], found["lag_hours"], found["tolerances"]) == (
        False,
        [],
        None,
        {},
    )


def test_the_operators_address_of_the_reports_stays(tenant: Tenant) -> None:
    account_id = account_of(tenant)
    with access.scope(organization_id=tenant.organization.pk):
        BillSource.objects.create(
            account_id=account_id,
            organization_id=tenant.organization.pk,
            base_url="https://reports.example.com",
        )
    tenant.client().post(f"{page(tenant, account_id)}save/", {"enabled": "yes", "scopes": "proj_1"})
    assert (saved(tenant)["base_url"], saved(tenant)["scopes"]) == ("https://reports.example.com", ["proj_1"])


def test_what_is_wrong_is_told_at_its_field_and_nothing_is_saved(tenant: Tenant) -> None:
    path = page(tenant, account_of(tenant))
    for wrong, words in (
        ({"lag_hours": "soon"}, "no whole number"),
        ({"lag_hours": "900"}, "must be from 0 to 744"),
        ({"tokens.price": "-1"}, "no whole number"),
        ({"money.price": "much"}, "money.price"),
        ({"share.price": "200"}, "no share"),
    ):
        answer = tenant.client().post(f"{path}save/", {"scopes": "proj_1", **wrong})
        assert answer.status_code == 400, wrong
        assert words in answer.content.decode(), wrong
    assert saved(tenant)["scopes"] == []


def test_who_may_only_read_changes_nothing(tenant: Tenant) -> None:
    path = page(tenant, account_of(tenant, "vllm", base_url="https://llm.example.com/v1"))
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="auditor")
    client = signed_in(person)
    text = client.get(path).content.decode()
    assert "reconcile.approve" in text
    assert "Import a bill" not in text
    assert client.post(f"{path}save/", {}).status_code == 403
