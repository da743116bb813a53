from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.kind_notes import NOTES
from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from orbit.lib.store import client as store
from proxy.health import SHARD
from quotas import keys
from quotas.models import UsageBucket
from quotas.rollups import bucket_start
from tenants import kinds, services
from tenants.models import ProviderAccount
from tests.console.conftest import Tenant, make_person, signed_in, unused_id

SECRET = "sk-demo-5b1d0f7c2a9e4836"


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


@pytest.fixture
def account(tenant: Tenant, provider: ProviderHandle) -> ProviderAccount:
    return services.save_account(
        **_where(tenant),
        name="main",
        kind="openai",
        base_url=provider.base_url,
        credential=services.NewCredential(value=SECRET),
    ).row


def _now(account: ProviderAccount) -> ProviderAccount:
    with access.scope(organization_id=account.organization_id):
        return ProviderAccount.objects.get(pk=account.pk)


def test_every_kind_is_explained() -> None:
    assert NOTES.keys() == kinds.BY_NAME.keys()


def test_an_account_is_asked_before_it_is_saved(
    tenant: Tenant, client: Client, provider: ProviderHandle
) -> None:
    typed = {"name": "main", "kind": "openai", "base_url": provider.base_url, "secret": SECRET}
    answer = client.post(f"{tenant.path}providers/new/", typed, follow=True)
    page = answer.content.decode()
    assert "main is connected, and offers" in page
    assert SECRET not in page
    assert answer.context["account"].credential_at is not None


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"name": "NOT OK"}, "name"),
        ({"kind": "no-such"}, "kind"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"ref": "vault://x/y#z"}, "secret"),  # beside a value
        ({"base_url": "http://127.0.0.1:1/v1"}, "base_url"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_saves_nothing(
    tenant: Tenant, client: Client, provider: ProviderHandle, typed: dict[str, str], about: str
) -> None:
    given = {"name": "main", "kind": "openai", "base_url": provider.base_url, "secret": SECRET}
    answer = client.post(f"{tenant.path}providers/new/", given | typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert SECRET not in answer.content.decode()
    with access.scope(organization_id=tenant.organization.pk):
        assert not ProviderAccount.objects.exists()


def test_a_name_that_is_taken_changes_nothing(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    typed = {"name": "main", "kind": "anthropic", "untested": "yes"}
    assert client.post(f"{tenant.path}providers/new/", typed).context["wrong"].path == "name"
    assert _now(account).kind == "openai"


def test_an_untested_account_is_saved_as_it_is(tenant: Tenant, client: Client) -> None:
    typed = {"name": "mine", "kind": "vllm", "base_url": "https://llm.example.com/v1", "untested": "yes"}
    page = client.post(f"{tenant.path}providers/new/", typed, follow=True).content.decode()
    assert "It was not asked yet" in page


def test_a_live_test_asks_with_the_stored_credential(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    answer = client.post(f"{tenant.path}providers/{account.pk}/test/")
    assert "gpt-4o-mini" in answer.context["tested"].models
    services.save_account(**_where(tenant), name="main", kind="openai", base_url="https://api.example.com/v1")
    failed = client.post(f"{tenant.path}providers/{account.pk}/test/").context["tested"]
    assert (failed.models, failed.wrong) == ((), "credential: none is stored")


def test_another_destination_wants_the_credential_again(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    path, typed = (
        f"{tenant.path}providers/{account.pk}/save/",
        {"kind": "openai", "base_url": "https://api.example.com/v1"},
    )
    answer = client.post(path, typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, "secret")
    assert _now(account).credential_hint.endswith(SECRET[-4:])
    client.post(path, typed | {"drop": "yes"})
    assert (_now(account).base_url, _now(account).has_credential) == ("https://api.example.com/v1", False)
    assert _now(account).credential_at is None


def test_a_new_credential_is_younger(tenant: Tenant, client: Client, account: ProviderAccount) -> None:
    before = _now(account).credential_at
    assert before is not None
    typed = {"kind": "openai", "base_url": account.base_url}
    client.post(f"{tenant.path}providers/{account.pk}/save/", typed | {"prices_as": "groq"})
    assert (_now(account).prices_as, _now(account).credential_at) == ("groq", before)
    client.post(f"{tenant.path}providers/{account.pk}/save/", typed | {"secret": "sk-another-5b1d0f7c2a9e"})
    after = _now(account).credential_at
    assert after is not None
    assert after > before


def test_a_usage_credential_is_taken_away_where_the_box_is_ticked(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    path = f"{tenant.path}providers/{account.pk}/"
    typed = {"kind": "openai", "base_url": account.base_url}
    assert 'name="drop_usage"' not in client.get(f"{path}change/").content.decode()
    client.post(f"{path}save/", typed | {"usage_secret": "sk-admin-5b1d0f7c2a9e4836"})
    assert 'name="drop_usage"' in client.get(f"{path}change/").content.decode()
    both = client.post(f"{path}save/", typed | {"usage_secret": "sk-admin-another", "drop_usage": "yes"})
    assert (both.status_code, both.context["wrong"].path) == (400, "usage_secret")
    assert "given and taken away at once" in both.content.decode()
    client.post(f"{path}save/", typed)
    assert _now(account).has_usage_credential
    client.post(f"{path}save/", typed | {"drop_usage": "yes"})
    assert (_now(account).has_usage_credential, _now(account).has_credential) == (False, True)


def test_what_rests_and_what_failed_is_shown(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    until = datetime.now(UTC) + timedelta(seconds=50)
    store().zadd(keys.resting(SHARD), {f"{account.pk}\ngpt-4o\nbroken": until.timestamp()})
    tenant.call(
        datetime.now(UTC),
        account_id=account.pk,
        account="main",
        status="provider_failed",
        code="upstream_error",
    )
    tenant.call(datetime.now(UTC), account_id=account.pk, account="main")
    shown = client.get(f"{tenant.path}providers/{account.pk}/").context
    assert [model for model, _ in shown["rests"]] == ["gpt-4o"]
    assert [call.code for call in shown["troubles"]] == ["upstream_error"]
    assert "resting" in client.get(f"{tenant.path}providers/").content.decode()


def test_an_account_with_routes_is_not_deleted(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    path = f"{tenant.path}providers/{account.pk}/"
    services.save_model(**_where(tenant), alias="fast", targets=[services.NewTarget("main", "gpt-4o-mini")])
    assert "Delete for good" not in client.get(path).content.decode()
    assert "goes there" in client.post(f"{path}delete/", follow=True).content.decode()
    services.delete_model(**_where(tenant), alias="fast")
    assert "Delete for good" in client.get(path).content.decode()
    client.post(f"{path}delete/")
    with access.scope(organization_id=tenant.organization.pk):
        assert not ProviderAccount.objects.exists()


def test_the_list_asks_as_many_questions_for_one_as_for_many(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connections["default"]) as queries:
            rows = client.get(f"{tenant.path}providers/").context["rows"]
        assert rows
        return len(queries)

    asked()
    one = asked()
    for number in range(4):
        services.save_account(
            **_where(tenant), name=f"a-{number}", kind="vllm", base_url="https://llm.example.com/v1"
        )
    assert asked() == one <= 20


def test_spend_and_last_call_are_those_of_the_account(
    tenant: Tenant, client: Client, account: ProviderAccount
) -> None:
    with access.ledger():
        UsageBucket.objects.create(
            organization_id=tenant.organization.pk,
            starts_at=bucket_start(datetime.now(UTC)),
            project_id=tenant.project.pk,
            key_id=unused_id(),
            account_id=account.pk,
            model="fast",
            currency="USD",
            requests=2,
            cost_nano=7,
        )
    tenant.bucket(bucket_start(datetime.now(UTC)), requests=9)  # of no account
    ((row, _),) = client.get(f"{tenant.path}providers/").context["rows"]
    assert (row.did.day_calls, row.did.cost_nano) == (2, 7)


def test_another_tenants_account_is_not_there(
    tenant: Tenant, other: Tenant, account: ProviderAccount
) -> None:
    theirs = signed_in(other.owner)
    assert theirs.get(f"{other.path}providers/{account.pk}/").status_code == 404
    assert theirs.get(f"{other.path}providers/{account.pk}/change/").status_code == 404
    theirs.post(f"{other.path}providers/{account.pk}/delete/")
    assert _now(account).name == "main"


def test_verbs_are_shown_to_who_may(tenant: Tenant, account: ProviderAccount) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="developer")
    page = signed_in(person).get(f"{tenant.path}providers/{account.pk}/").content.decode()
    assert "Test it now" not in page
    assert "Delete for good" not in page
