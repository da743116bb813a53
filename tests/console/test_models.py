from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orbit.lib import access
from quotas import prices
from quotas.rollups import bucket_start
from tenants import services
from tenants.models import ModelAlias
from tests.console.conftest import Tenant, make_person, signed_in


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return signed_in(tenant.owner)


def _where(tenant: Tenant) -> dict[str, Any]:
    return {"organization_id": tenant.organization.pk, "actor": "test"}


@pytest.fixture
def fast(tenant: Tenant) -> ModelAlias:
    for name, kind in (("main", "openai"), ("own", "vllm")):
        services.save_account(**_where(tenant), name=name, kind=kind, base_url="https://llm.example.com/v1")
    services.save_model(**_where(tenant), alias="steady", targets=[services.NewTarget("own", "qwen3")])
    return services.save_model(
        **_where(tenant), alias="fast", targets=[services.NewTarget("main", "gpt-4o-mini")]
    ).row


FORM: dict[str, Any] = {
    "account": ["main", "own", "main"],
    "model": ["gpt-4o-mini", "qwen3", ""],
    "weight": ["3", "1", "1"],
    "fallback": ["steady", ""],
    "retries": "2",
    "affinity": "key",
    "connect_s": "3",
    "total_s": "",
    "context_window": "128000",
}


def _said(tenant: Tenant, alias: str) -> dict[str, Any]:
    with access.scope(organization_id=tenant.organization.pk):
        row = ModelAlias.objects.get(alias=alias)
        targets = row.targets.order_by("position").values_list("account__name", "model", "weight")
        return {
            "targets": list(targets),
            "fallbacks": list(row.fallbacks.values_list("fallback__alias", flat=True)),
            "retries": row.retries,
            "affinity": row.affinity,
            "connect_s": row.connect_s,
            "total_s": row.total_s,
            "context_window": row.context_window,
        }


WANTED = {
    "targets": [("main", "gpt-4o-mini", 3), ("own", "qwen3", 1)],
    "fallbacks": ["steady"],
    "retries": 2,
    "affinity": "key",
    "connect_s": 3,
    "total_s": None,
    "context_window": 128_000,
}


def test_a_model_is_added_by_the_form_alone(tenant: Tenant, client: Client, fast: ModelAlias) -> None:
    answer = client.post(f"{tenant.path}models/new/", FORM | {"alias": "new"}, follow=True)
    assert _said(tenant, "new") == WANTED
    assert "75% of the calls" in answer.content.decode()


def test_a_route_is_changed_by_the_form_alone(tenant: Tenant, client: Client, fast: ModelAlias) -> None:
    form = client.get(f"{tenant.path}models/{fast.pk}/change/").context["typed"]
    assert [line.model for line in form.shown_lines] == ["gpt-4o-mini", "", ""]
    client.post(f"{tenant.path}models/{fast.pk}/save/", FORM)
    assert _said(tenant, "fast") == WANTED
    form = client.get(f"{tenant.path}models/{fast.pk}/change/").context["typed"]
    sent = {"account": [], "model": [], "weight": []} | form.fields  # what the form shows is what it sends
    for line in form.shown_lines:
        sent["account"].append(line.account or "main")
        sent["model"].append(line.model)
        sent["weight"].append(line.weight)
    client.post(f"{tenant.path}models/{fast.pk}/save/", sent | {"fallback": form.shown_fallbacks})
    assert _said(tenant, "fast") == WANTED


@pytest.mark.parametrize(
    ("typed", "about"),
    [
        ({"alias": "two words"}, "alias"),
        ({"alias": "fast"}, "alias"),
        ({"alias": "\x00"}, "alias"),
        ({"weight": ["x", "1", "1"]}, "target 1 weight"),
        ({"weight": ["0", "0", "1"]}, "targets"),
        ({"account": ["main", "nobody", "main"]}, "target 2 account"),
        ({"fallback": ["no-such"]}, "fallback 1"),
        ({"connect_s": "61"}, "connect_s"),
        ({"retries": "-1"}, "retries"),
        ({"affinity": "luck"}, "affinity"),
        ({"model": ["", "", ""]}, "targets"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(
    tenant: Tenant, client: Client, fast: ModelAlias, typed: dict[str, Any], about: str
) -> None:
    answer = client.post(f"{tenant.path}models/new/", FORM | {"alias": "new"} | typed)
    assert (answer.status_code, answer.context["wrong"].path) == (400, about)
    assert answer.context["typed"].fields["retries"] == typed.get("retries", "2")
    with access.scope(organization_id=tenant.organization.pk):
        assert not ModelAlias.objects.filter(alias="new").exists()


def test_prices_and_their_absence_are_shown(tenant: Tenant, client: Client, fast: ModelAlias) -> None:
    prices.seed({("openai", "gpt-4o-mini")})
    rows = {row.it.alias: priced for row, priced in client.get(f"{tenant.path}models/").context["rows"]}
    assert rows["fast"][0].rates.input == 150_000_000
    assert rows["steady"][0].rates is None
    page = client.get(f"{tenant.path}models/").content.decode()
    assert "$0.15 in, $0.60 out" in page
    assert "no price known" in page


def test_models_are_found_by_name_target_and_account(
    tenant: Tenant, client: Client, fast: ModelAlias
) -> None:
    def found(**asked: str) -> list[str]:
        return [row.it.alias for row, _ in client.get(f"{tenant.path}models/", asked).context["rows"]]

    assert found() == ["fast", "steady"]
    assert found(q="STEA") == ["steady"]
    assert found(q="gpt-4o") == ["fast"]
    assert found(account="own") == ["steady"]
    assert found(after="fast") == ["steady"]


def test_spend_is_that_of_the_alias(tenant: Tenant, client: Client, fast: ModelAlias) -> None:
    tenant.bucket(bucket_start(datetime.now(UTC)), requests=4, cost_nano=9)
    rows = {row.it.alias: row.did for row, _ in client.get(f"{tenant.path}models/").context["rows"]}
    assert (rows["fast"].day_calls, rows["fast"].cost_nano, rows["steady"].day_calls) == (4, 9, 0)


def test_a_fallback_of_another_is_not_deleted(tenant: Tenant, client: Client, fast: ModelAlias) -> None:
    client.post(f"{tenant.path}models/{fast.pk}/save/", FORM)
    with access.scope(organization_id=tenant.organization.pk):
        steady = ModelAlias.objects.get(alias="steady")
    path = f"{tenant.path}models/{steady.pk}/"
    assert "Delete for good" not in client.get(path).content.decode()
    assert "is a fallback of model" in client.post(f"{path}delete/", follow=True).content.decode()
    client.post(f"{tenant.path}models/{fast.pk}/delete/")
    client.post(f"{path}delete/")
    with access.scope(organization_id=tenant.organization.pk):
        assert not ModelAlias.objects.exists()


def test_the_list_asks_as_many_questions_for_two_as_for_many(
    tenant: Tenant, client: Client, fast: ModelAlias
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connections["default"]) as queries:
            assert client.get(f"{tenant.path}models/").context["rows"]
        return len(queries)

    asked()
    two = asked()
    for number in range(4):
        services.save_model(
            **_where(tenant), alias=f"m-{number}", targets=[services.NewTarget("main", f"gpt-{number}")]
        )
    assert asked() == two <= 24


def test_another_tenants_model_is_not_there(tenant: Tenant, other: Tenant, fast: ModelAlias) -> None:
    theirs = signed_in(other.owner)
    assert theirs.get(f"{other.path}models/{fast.pk}/").status_code == 404
    assert theirs.get(f"{other.path}models/{fast.pk}/change/").status_code == 404
    theirs.post(f"{other.path}models/{fast.pk}/save/", FORM)
    assert _said(tenant, "fast")["affinity"] == "none"


def test_verbs_are_shown_to_who_may(tenant: Tenant, fast: ModelAlias) -> None:
    person = make_person()
    services.add_member(**_where(tenant), person=person, role="auditor")
    page = signed_in(person).get(f"{tenant.path}models/{fast.pk}/").content.decode()
    assert "Change the route" not in page
    assert "Delete for good" not in page
