"""GET …/report, its files, the forecast, unusual days, saved reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.conftest import MakeTenant
from tests.conftest import Tenant as Made
from tests.console.conftest import Tenant, quarter
from tests.management import client_of
from tests.tenants.conftest import run

FINANCE = ("usage.read", "reports.write")


@pytest.fixture
def filled(tenant: Tenant) -> Tenant:
    now = quarter(datetime.now(UTC))
    for at in range(20):
        tenant.bucket(
            now - timedelta(days=at), model="fast", requests=2, input_tokens=10, cost_nano=1_500_000
        )
    return tenant


def ask(tenant: Tenant, path: str, scopes: tuple[str, ...] = FINANCE, **query: Any) -> Any:
    client: Client = client_of(tenant.organization.pk, list(scopes))
    return client.get(f"/api/v1/organizations/{tenant.organization.slug}/{path}", query)


def test_what_is_wrong_is_named(filled: Tenant) -> None:
    def wrong(**query: Any) -> list[str]:
        answer = ask(filled, "report", **query)
        assert answer.status_code == 400, query
        return [one["field"] for one in answer.json()["errors"]]

    assert wrong(by="colour") == ["by"]
    assert wrong(by="day,model,key") == ["by"]
    assert wrong(range="soon") == ["range"]
    assert wrong(**{"from": "2024-01-01", "to": "2026-11-01"}) == ["from"]
    assert wrong(**{"from": "2026-11-02", "to": "2026-11-01"}) == ["to"]
    assert wrong(project="no-such") == ["project"]
    assert wrong(most="0") == ["most"]
    assert wrong(most="0010009") == ["most"]  # its first six digits are a number that would do
    assert wrong(colour="red") == ["colour"]


def test_forecast_has_its_band(filled: Tenant) -> None:
    told = ask(filled, "report/forecast").json()
    assert told["low_nano"] <= told["expected_nano"] <= told["high_nano"]
    assert told["days_known"] == 19
    assert ask(filled, "report/forecast", per="year").json()["expected_nano"] >= told["expected_nano"]


def test_unusual_days(filled: Tenant) -> None:
    filled.bucket(quarter(datetime.now(UTC)) - timedelta(days=1), requests=1, model="fast", cost_nano=10**9)
    told = ask(filled, "report/anomalies", by="model").json()
    assert [(one["name"], one["cost_nano"]) for one in told["data"]] == [("fast", 1_001_500_000)]
    assert "usually $0.0015" in told["data"][0]["words"]


def test_files_are_of_their_kind(filled: Tenant) -> None:
    for form, begins in (("csv", b"Organization"), ("xlsx", b"PK"), ("pdf", b"%PDF"), ("json", b"{")):
        answer = ask(filled, "report/file", format=form, range="30d", by="day")
        assert answer.status_code == 200
        assert answer.content.startswith(begins)
    assert ask(filled, "report/file", format="doc").status_code == 400


def test_saved_reports_are_made_put_and_deleted(filled: Tenant) -> None:
    client = client_of(filled.organization.pk, FINANCE)
    path = f"/api/v1/organizations/{filled.organization.slug}/report-views"
    body = {"name": "Costs", "words": {"by": "project,model", "range": "last-month"}}
    made = client.post(path, body, content_type="application/json")
    assert made.status_code == 201
    one = f"{path}/{made.json()['id']}"
    assert client.get(one).json()["schedule"] == "never"
    mailed = {**body, "schedule": "day", "recipients": [filled.owner.email]}
    assert client.put(one, mailed, content_type="application/json").json()["recipients"] == [
        filled.owner.email
    ]
    tag = client.get(one)["ETag"]
    assert (
        client.put(one, body, content_type="application/json", headers={"If-Match": '"x"'}).status_code == 412
    )
    assert (
        client.put(one, body, content_type="application/json", headers={"If-Match": tag}).status_code == 200
    )
    lost = client.post(path, {**body, "name": "X", "words": {"bye": "x"}}, content_type="application/json")
    assert (lost.status_code, lost.json()["errors"][0]["field"]) == (400, "words")
    assert [row["name"] for row in client.get(path).json()["data"]] == ["Costs"]
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    only_reads = client_of(filled.organization.pk, ["usage.read"])
    assert only_reads.post(path, body, content_type="application/json").status_code == 403


def test_the_command_says_the_same_and_writes_files(make_tenant: MakeTenant, tmp_path: Path) -> None:
    made: Made = make_tenant()
    told = run("report", "--organization", made.slug, "--range", "7d", "--json").json
    answer = client_of(made.id, ["usage.read"]).get(
        f"/api/v1/organizations/{made.slug}/report", {"range": "7d"}
    )
    moving = {"until", "complete_until"}
    assert {name: value for name, value in told.items() if name not in moving} == {
        name: value for name, value in answer.json().items() if name not in moving
    }
    file = tmp_path / "report.xlsx"
    assert run("report", "--organization", made.slug, "--output", str(file)).code == 0
    assert file.read_bytes().startswith(b"PK")
    assert run("report", "--organization", made.slug, "--by", "colour").code == 2
    assert run("report", "--organization", made.slug, "--output", "report.doc").code == 2
    assert "Time zone: UTC" in run("report", "--organization", made.slug).out
