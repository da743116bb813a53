"""The page of budgets, and the alerts that are made on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoStore

from billing.alerts.models import Alert
from billing.alerts.watching import watch
from console.budgets import pages
from orbit.lib import access
from tenants import services
from tests.console.conftest import Tenant, make_person, quarter, signed_in
from tests.management import client_of

GIVEN = {"name": "Month", "percents": "50, 80%", "on_forecast": "yes"}


def saved(tenant: Tenant) -> list[Alert]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(Alert.objects.order_by("name"))


def test_the_page_shows_what_the_api_says(tenant: Tenant) -> None:
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=20_500_000_001)
    page = tenant.client().get(f"{tenant.path}budgets/").content.decode()
    path = f"/api/v1/organizations/{tenant.organization.slug}/budgets"
    (told,) = client_of(tenant.organization.pk, ["usage.read"]).get(path).json()["data"]
    assert (told["spent_nano"], told["limit_nano"], told["percent"]) == (20_500_000_001, 50 * 10**9, 41.0)
    assert 'title="$20.500000001"' in page
    assert "of $50.00, 41.0 %" in page
    assert "Too little history for a forecast" in page


def test_an_alert_is_made_changed_and_deleted(tenant: Tenant) -> None:
    client = tenant.client()
    given: dict[str, Any] = {**GIVEN, "recipients": [tenant.owner.email]}
    assert client.post(f"{tenant.path}budgets/alerts/save/", given).status_code == 302
    (alert,) = saved(tenant)
    assert (alert.percents, alert.on_forecast, alert.budget) == ([50, 80], True, "")
    path = f"{tenant.path}budgets/alerts/{alert.pk}/"
    assert 'value="50, 80"' in client.get(path).content.decode()
    assert client.post(f"{path}save/", {**given, "percents": "90", "budget": "budget"}).status_code == 302
    assert (saved(tenant)[0].percents, saved(tenant)[0].budget) == ([90], "budget")
    assert client.post(f"{path}delete/").status_code == 302
    assert saved(tenant) == []


def test_a_webhooks_secret_is_shown_once_and_its_address_never(tenant: Tenant) -> None:
    client = tenant.client()
    given = {
        **GIVEN,
        "hook_url": "https://hooks.example.com/services/T0/B0/token-of-slack",
        "hook_form": "slack",
    }
    made = client.post(f"{tenant.path}budgets/alerts/save/", given).content.decode()
    assert "whsec_" in made
    (alert,) = saved(tenant)
    path = f"{tenant.path}budgets/alerts/{alert.pk}/"
    for page in (client.get(f"{tenant.path}budgets/"), client.get(path)):
        text = page.content.decode()
        assert "hooks.example.com" in text
        assert "whsec_" not in text
        assert "token-of-slack" not in text
    before = bytes(alert.hook_sealed or b"")
    assert client.post(f"{path}save/", {**GIVEN, "hook_url": "", "hook_form": "slack"}).status_code == 302
    assert bytes(saved(tenant)[0].hook_sealed or b"") == before
    gone = {**GIVEN, "no_hook": "yes", "recipients": [tenant.owner.email]}
    assert client.post(f"{path}save/", gone).status_code == 302
    assert saved(tenant)[0].hook_sealed is None


def test_what_is_wrong_is_named_and_what_was_typed_stays(tenant: Tenant) -> None:
    for more, words in (
        ({"percents": "many"}, "is no whole number"),
        ({"recipients": []}, "name a member"),
        ({"hook_url": "http://127.0.0.1/"}, "Webhook"),
    ):
        given = {**GIVEN, "recipients": [tenant.owner.email], **more}
        answer = tenant.client().post(f"{tenant.path}budgets/alerts/save/", given)
        assert answer.status_code == 400
        assert words in answer.content.decode()
        assert 'value="Month"' in answer.content.decode()
    assert saved(tenant) == []


def test_what_was_said_is_listed(tenant: Tenant) -> None:
    client = tenant.client()
    client.post(f"{tenant.path}budgets/alerts/save/", {**GIVEN, "recipients": [tenant.owner.email]})
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=41 * 10**9)
    assert watch(tenant.organization.pk) == 1
    page = client.get(f"{tenant.path}budgets/").content.decode()
    assert "82 % spent. $41.00 of $50.00" in page
    assert "on its way" in page
    path = f"/api/v1/organizations/{tenant.organization.slug}/notices"
    told = client_of(tenant.organization.pk, ["usage.read"]).get(path).json()["data"]
    assert [(one["threshold"], one["silent"], len(one["deliveries"])) for one in told] == [
        ("80", False, 1),
        ("50", True, 0),
    ]


def test_the_page_says_so_when_nothing_can_be_read(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise NoStore("away")

    monkeypatch.setattr(pages, "budgets", away)
    answer = tenant.client().get(f"{tenant.path}budgets/")
    assert (answer.status_code, b"cannot be read right now" in answer.content) == (200, True)


def test_who_only_reads_figures_makes_no_alert(tenant: Tenant, other: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="developer")
    client = signed_in(person)
    assert client.get(f"{tenant.path}budgets/").status_code == 200
    assert client.post(f"{tenant.path}budgets/alerts/save/", GIVEN).status_code == 403
    other.client().post(f"{other.path}budgets/alerts/save/", {**GIVEN, "recipients": [other.owner.email]})
    theirs = saved(other)[0].pk
    assert tenant.client().get(f"{tenant.path}budgets/alerts/{theirs}/").status_code == 404
