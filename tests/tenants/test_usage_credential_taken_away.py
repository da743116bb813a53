"""A provider account's usage credential goes when somebody says so, and only then; with an act that does not tell it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import Organization, ProviderAccount
from tenants.services import NewCredential, save_account
from tests.management import client_of
from tests.tenants.conftest import SECRET, Apply

ADMIN = "sk-admin-canary-41c7d2f08e6b"


def has(organization: Organization) -> tuple[bool, bool]:
    """Whether there is the credential of calls, and that of usage; sealed bytes included."""
    with access.scope(organization_id=organization.pk):
        account = ProviderAccount.objects.get(name="main")
    sealed = account.usage_credential_sealed is not None
    assert sealed == account.has_usage_credential
    return account.has_credential, sealed


def acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.pk):
        found = OutboxEntry.objects.order_by("pk").values_list("event", flat=True)
        return [one["detail"] for one in found if one["detail"]["action"] == "account.update"]


@pytest.fixture
def account(organization: Organization) -> dict[str, Any]:
    """What saves it."""
    where: dict[str, Any] = {
        "organization_id": organization.pk,
        "name": "main",
        "kind": "openai",
        "actor": "test",
    }
    save_account(
        **where,
        credential=NewCredential(value=SECRET),
        usage_credential=NewCredential(value=ADMIN),
    )
    return where


def test_it_goes_with_an_act_and_what_calls_need_stays(
    organization: Organization, account: dict[str, Any]
) -> None:
    assert save_account(**account, without_usage=True).fields == ("usage_credential",)
    assert has(organization) == (True, False)
    (act,) = acts(organization)
    assert (act["before"], act["after"]) == ({"usage_credential": "(sealed)"}, {"usage_credential": None})
    assert not save_account(**account, without_usage=True).changed


def test_it_is_not_given_and_taken_away_at_once(organization: Organization, account: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        save_account(**account, without_usage=True, usage_credential=NewCredential(value=ADMIN))
    assert caught.value.path == "usage_credential"
    assert has(organization) == (True, True)


def test_null_takes_it_away_over_the_api(organization: Organization, account: dict[str, Any]) -> None:
    client = client_of(organization.pk, ["accounts.write"])
    path = f"/api/v1/organizations/{organization.slug}/provider-accounts/main"

    def put(**body: Any) -> Any:
        return client.put(path, {"kind": "openai", **body}, content_type="application/json")

    assert put().json()["usage_credential"] is not None
    answer = put(usage_credential=None)
    assert (answer.status_code, answer.json()["usage_credential"]) == (200, None)
    assert has(organization) == (True, False)
    refused = put(credential=None)
    assert [one["field"] for one in refused.json()["errors"]] == ["credential"]


def test_null_in_a_file_takes_it_away_and_silence_does_not(apply: Apply, entry: dict[str, Any]) -> None:
    main = entry["provider_accounts"][0]
    apply(
        entry
        | {
            "provider_accounts": [
                main | {"usage_credential": {"value": ADMIN}},
                *entry["provider_accounts"][1:],
            ]
        }
    )
    with access.operator():
        organization = Organization.objects.get(slug=entry["slug"])
    assert apply(entry).json["plan"] == []
    assert has(organization) == (True, True)
    without = entry | {
        "provider_accounts": [main | {"usage_credential": None}, *entry["provider_accounts"][1:]]
    }
    (step,) = apply(without).json["plan"]
    assert (step["op"], step["fields"]) == ("update", ["usage_credential"])
    assert has(organization) == (True, False)
    assert apply(without).json["plan"] == []
