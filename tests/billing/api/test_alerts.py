"""Rules of alerts by the management API."""

from __future__ import annotations

from typing import Any

from tests.console.conftest import Tenant
from tests.management import client_of

HOOK = "https://hooks.example.com/services/T0/B0/token-of-slack"
BODY = {"name": "Budgets", "percents": [80, 100], "on_forecast": True}


def test_made_with_its_secret_put_and_deleted(tenant: Tenant) -> None:
    client = client_of(tenant.organization.pk, ["usage.read", "reports.write"])
    path = f"/api/v1/organizations/{tenant.organization.slug}/alerts"

    def send(method: str, to: str, body: dict[str, Any]) -> Any:
        return getattr(client, method)(to, body, content_type="application/json")

    made = send("post", path, {**BODY, "webhook_url": HOOK})
    assert (made.status_code, made.json()["webhook_secret"][:6]) == (201, "whsec_")
    one = f"{path}/{made.json()['id']}"
    shown = client.get(one).json()
    assert shown["webhook_host"] == "hooks.example.com"
    assert "webhook_secret" not in shown
    assert "token-of-slack" not in str(shown) + str(made.json())
    assert send("put", one, {**BODY, "percents": [90]}).json()["percents"] == [90]
    assert client.get(one).json()["webhook_host"] == "hooks.example.com"
    wrong = send("put", one, {**BODY, "webhook_url": HOOK})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "webhook_url")
    mailed = {**BODY, "webhook_url": "", "recipients": [tenant.owner.email]}
    assert send("put", one, mailed).json()["webhook_host"] == ""
    for body, field in (
        ({**BODY, "name": "X"}, "recipients"),
        ({**BODY, "name": "X", "webhook_url": "http://10.0.0.1/"}, "webhook_url"),
        ({**BODY, "name": "X", "percents": ["many"]}, "percents[0]"),
    ):
        answer = send("post", path, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404


def test_put_without_a_form_leaves_the_webhooks(tenant: Tenant) -> None:
    client = client_of(tenant.organization.pk, ["usage.read", "reports.write"])
    path = f"/api/v1/organizations/{tenant.organization.slug}/alerts"
    for form, more in (("slack", {"webhook_form": "slack"}), ("orbit", {})):
        body = {**BODY, "name": f"As {form}"}
        made = client.post(
            path, {**body, **more, "webhook_url": HOOK}, content_type="application/json"
        ).json()
        assert made["webhook_form"] == form
        answer = client.put(
            f"{path}/{made['id']}", {**body, "percents": [90]}, content_type="application/json"
        )
        assert answer.json()["webhook_form"] == form


def test_who_only_reads_figures_makes_none(tenant: Tenant) -> None:
    client = client_of(tenant.organization.pk, ["usage.read"])
    path = f"/api/v1/organizations/{tenant.organization.slug}/alerts"
    assert client.get(path).json()["data"] == []
    assert client.post(path, BODY, content_type="application/json").status_code == 403
