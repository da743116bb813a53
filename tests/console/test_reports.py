"""The page of reports shows what the API and SQL say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.test import Client

from billing.reports import anomalies, reading
from billing.reports.figures import Figures
from billing.reports.models import ReportView
from billing.reports.reading import Line
from orbit.lib import access
from orbit.lib.money import amount
from tenants import services
from tests.console.conftest import Tenant, make_person, quarter, signed_in
from tests.management import client_of


def filled(tenant: Tenant) -> None:
    now = datetime.now(UTC)
    for at in range(3):
        moment = now - timedelta(minutes=20 * at)
        for model, cost in (("fast", 123_457 * (at + 1)), ("slow", 2_000_000_001)):
            tenant.call(moment, model=model, cost_nano=cost, key_id=tenant.project.pk)
            tenant.bucket(
                quarter(moment),
                tenant.project.pk,
                model=model,
                requests=1,
                input_tokens=1200,
                output_tokens=34,
                cost_nano=cost,
            )


def table(page: str) -> dict[str, str]:
    """The exact cost of each row, by its first label."""
    part = page[page.index('id="report-table"') :]
    part = part[: part.index("</table>")]
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)<svg.*?title="([^"]+)"', part, re.DOTALL)
    return {re.sub(r"<[^>]+>|\s+", " ", label).strip(): title for label, title in rows}


def test_each_figure_is_the_apis_and_sqls(tenant: Tenant) -> None:
    filled(tenant)
    query = {"range": "7d", "by": "model"}
    page = tenant.client().get(f"{tenant.path}reports/", query).content.decode()
    path = f"/api/v1/organizations/{tenant.organization.slug}/report"
    told = client_of(tenant.organization.pk, ["usage.read"]).get(path, query).json()
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT model, sum(cost_nano), count(*) FROM audit_event WHERE organization_id = %s AND kind = 'call' GROUP BY 1",
            [tenant.organization.pk],
        )
        exact = {model: (int(cost), count) for model, cost, count in cursor.fetchall()}
    assert {row["model"]: (row["cost_nano"], row["requests"]) for row in told["rows"]} == exact
    assert table(page) == {model: f"${amount(cost)}" for model, (cost, _) in exact.items()}
    whole = sum(cost for cost, _ in exact.values())
    assert told["totals"]["cost_nano"] == whole
    assert f'title="${amount(whole)}"' in page
    assert "UTC time" in page
    assert "of requests have estimated usage" in page


def test_what_has_no_price_is_called_so(tenant: Tenant) -> None:
    tenant.bucket(quarter(datetime.now(UTC)), requests=2, unpriced_requests=2)
    page = tenant.client().get(f"{tenant.path}reports/", {"range": "7d"}).content.decode()
    assert page.count(">unpriced<") >= 1
    assert "$0.00</dd>" not in page.partition("Cost of failures")[0]


def test_what_failures_cost_is_unpriced_where_nobody_knows(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        Line(("upstream_timeout",), ("upstream_timeout",), Figures(requests=2, failed=2, unpriced_requests=2))
    ]
    monkeypatch.setattr(reading, "_failures", lambda reader: lines)
    page = tenant.client().get(f"{tenant.path}reports/", {"range": "7d"}).content.decode()
    total = page.partition("Cost of failures")[2].partition("</dl>")[0]
    assert "unpriced" in total
    assert "$" not in total
    told = page.partition("What failures cost all the same")[2].partition("</ul>")[0]
    assert "unpriced" in told
    assert "$" not in told


def test_a_wrong_word_is_named_and_the_rest_shown(tenant: Tenant) -> None:
    answer = tenant.client().get(f"{tenant.path}reports/", {"by": "colour"})
    assert answer.status_code == 400
    assert b"<strong>by</strong>" in answer.content
    answer = tenant.client().get(f"{tenant.path}reports/", {"range": "month", "from": "2026-11-01"})
    assert b"does not go with the range month" in answer.content


def test_files_carry_their_names(tenant: Tenant) -> None:
    filled(tenant)
    for form, kind in (("csv", "text/csv"), ("pdf", "application/pdf"), ("json", "application/json")):
        answer = tenant.client().get(
            f"{tenant.path}reports/file/", {"range": "7d", "by": "day,model", "format": form}
        )
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(kind)
        assert f"{tenant.organization.slug}-day-model-" in answer["Content-Disposition"]
    assert tenant.client().get(f"{tenant.path}reports/file/", {"format": "exe"}).status_code == 400


def test_a_report_is_saved_mailed_and_deleted_on_pages(tenant: Tenant) -> None:
    client = tenant.client()
    saved = client.post(
        f"{tenant.path}reports/save/", {"name": "Costs", "by": "model", "range": "last-month"}
    )
    page = client.get(saved["Location"])
    assert page.status_code == 200
    given = {"name": "Costs of models", "schedule": "week", "form": "pdf", "recipients": [tenant.owner.email]}
    assert client.post(f"{saved['Location']}save/", given).status_code == 302
    with access.scope(organization_id=tenant.organization.pk):
        (view,) = ReportView.objects.all()
    assert (view.name, view.schedule, view.form, view.words["by"]) == (
        "Costs of models",
        "week",
        "pdf",
        "model",
    )
    shown = client.get(f"{tenant.path}reports/", {"view": str(view.pk)}).content.decode()
    assert "Costs of models: Usage and cost by model" in shown
    wrong = client.post(f"{saved['Location']}save/", {**given, "recipients": []})
    assert (wrong.status_code, b"Recipients is empty" in wrong.content) == (400, True)
    assert client.post(f"{saved['Location']}delete/").status_code == 302
    assert client.get(saved["Location"]).status_code == 404
    assert [one for one in mail.outbox if one.to == [tenant.owner.email]] == []


def test_who_only_reads_figures_saves_nothing(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="auditor")
    client = signed_in(person)
    page = client.get(f"{tenant.path}reports/")
    assert page.status_code == 200
    assert b"Keep this report" not in page.content
    assert client.post(f"{tenant.path}reports/save/", {"name": "X"}).status_code == 403


def test_another_organizations_saved_report_is_none(tenant: Tenant, other: Tenant) -> None:
    saved = other.client().post(f"{other.path}reports/save/", {"name": "Theirs", "by": "model"})
    view_id = saved["Location"].rstrip("/").rpartition("/")[2]
    assert tenant.client().get(f"{tenant.path}reports/{view_id}/").status_code == 404
    shown = tenant.client().get(f"{tenant.path}reports/", {"view": view_id}).content
    assert b"Theirs" not in shown


def test_unusual_days_are_listed_with_how_they_are_judged(tenant: Tenant) -> None:
    now = quarter(datetime.now(UTC))
    for at in range(1, 30):
        tenant.bucket(now - timedelta(days=at), requests=1, cost_nano=90_000_000 if at == 2 else 1_000_000)
    page = tenant.client().get(f"{tenant.path}reports/anomalies/").content.decode()
    assert page.count('<li class="px-5 py-4">') == 1
    assert "$0.09" in page
    assert "median of the 28 days before" in page


def test_too_much_to_look_for_unusual_days_is_told(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=1)
    monkeypatch.setattr(anomalies, "MOST_GROUPS", 0)
    answer = tenant.client().get(f"{tenant.path}reports/anomalies/", {"by": "key"})
    assert answer.status_code == 400
    assert "ask by project" in answer.content.decode()
    assert "No day stands out" not in answer.content.decode()


def test_projects_are_counted_under_their_cost_centre(tenant: Tenant) -> None:
    filled(tenant)
    client: Client = tenant.client()
    path = f"{tenant.path}projects/{tenant.project.pk}/"
    given: dict[str, Any] = {"name": "Chatbot", "policy": "", "cost_centre": "CC-7"}
    assert client.post(f"{path}save/", given).status_code == 302
    assert 'value="CC-7"' in client.get(path).content.decode()
    page = client.get(f"{tenant.path}reports/", {"range": "7d", "by": "cost_centre"}).content.decode()
    assert list(table(page)) == ["CC-7"]
