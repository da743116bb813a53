"""Findings over time: drawn, broken down, downloaded, and the calls behind them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from orbit.lib import access
from quotas.findings import rollup
from quotas.rollups import bucket_start
from tests.console.conftest import Tenant

NOW = datetime.now(UTC)


def plant(tenant: Tenant, project: UUID, *found: dict[str, Any], at: datetime = NOW) -> None:
    """As the ledger's writer sums a call."""
    row: dict[str, Any] = {
        "kind": "call",
        "organization_id": tenant.organization.pk,
        "project_id": project,
        "admitted_at": at,
        "count": None,
        "detail": {"dlp": {"findings": list(found)}},
    }
    with access.ledger():
        rollup.apply([row])


def one(kind: str, count: int = 1, action: str = "mask", **more: Any) -> dict[str, Any]:
    return {"type": kind, "direction": "request", "action": action, "count": count, **more}


@pytest.fixture
def looked(tenant: Tenant) -> Tenant:
    plant(tenant, tenant.project.pk, one("EMAIL_ADDRESS", 1_234), one("SECRET", 2, "block", shadow=True))
    plant(tenant, tenant.project.pk, one("EMAIL_ADDRESS", direction="answer"), at=NOW - timedelta(days=3))
    return tenant


def shown(client: Client, tenant: Tenant, **query: str) -> str:
    answer = client.get(f"{tenant.path}findings/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def csv(client: Client, tenant: Tenant, of: str, **query: str) -> list[str]:
    answer = client.get(f"{tenant.path}findings/csv/", {"of": of, **query})
    assert answer.status_code == 200
    return answer.content.decode().split("\r\n")[:-1]


def test_findings_are_shown_by_type_project_and_what_was_done(looked: Tenant) -> None:
    page = shown(looked.client(), looked)
    for words in ("EMAIL_ADDRESS", "1,235", looked.project.slug, "only reported", "Replaced"):
        assert words in page
    assert shown(looked.client(), looked, range="today").count("1,234") >= 2


def test_page_is_narrowed_and_says_what_is_wrong(looked: Tenant) -> None:
    client = looked.client()
    assert "EMAIL_ADDRESS" not in shown(client, looked, action="block").partition("<dl")[2]
    assert "Nothing was found in these days" in shown(client, looked, type="IBAN_CODE")
    answer = client.get(f"{looked.path}findings/", {"project": "nowhere"})
    assert answer.status_code == 400
    assert "there is no project" in answer.content.decode()


def test_tables_are_files_too(looked: Tenant) -> None:
    client, project = looked.client(), looked.project.slug
    assert csv(client, looked, "type") == [
        "type,findings,false positives",
        "EMAIL_ADDRESS,1235,0",
        "SECRET,2,0",
    ]
    assert csv(client, looked, "project", type="SECRET") == ["project,findings", f"{project},2"]
    assert csv(client, looked, "action") == [
        "direction,action,shadow,findings",
        "request,mask,False,1234",
        "request,block,True,2",
        "answer,mask,False,1",
    ]
    days = csv(client, looked, "time", range="7d")
    assert days[0].endswith("blocked,replaced,logged,reported")
    assert len(days) == 8
    assert days[-1].endswith(",0,1234,0,2")
    assert client.get(f"{looked.path}findings/csv/", {"of": "values"}).status_code == 400


def test_a_figure_leads_to_the_calls_behind_it(looked: Tenant) -> None:
    with_it = looked.call(
        bucket_start(NOW) + timedelta(seconds=1),
        detail={"dlp": {"findings": [{**one("EMAIL_ADDRESS"), "place": "user"}]}},
    )
    without = looked.call(bucket_start(NOW) + timedelta(seconds=2))
    client = looked.client()
    page = shown(client, looked)
    hrefs = [href.replace("&amp;", "&") for href in re.findall(r'href="([^"]*finding=[^"]*)"', page)]
    assert {re.search(r"finding=([^&]*)", href)[1] for href in hrefs} >= {"EMAIL_ADDRESS", "SECRET", "%2A"}  # type: ignore[index]
    for name, there in (("EMAIL_ADDRESS", True), ("SECRET", False), ("%2A", True)):
        href = [one for one in hrefs if f"finding={name}" in one][-1]  # of the chart's points that of today
        calls = client.get(href)
        assert (str(with_it.event_id) in calls.content.decode()) is there
        assert str(without.event_id) not in calls.content.decode()


def test_it_is_for_members_alone(looked: Tenant, outsider: Client) -> None:
    assert outsider.get(f"{looked.path}findings/").status_code == 404
    assert Client().get(f"{looked.path}findings/").status_code == 302
