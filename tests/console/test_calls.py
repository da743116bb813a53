"""The list of calls: filters that make an address, pages both ways, a file, and what was refused."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import reading
from audit.models import Event
from console.calls import reading as calls_reading
from orbit.lib import access, formulas
from orbit.lib.ids import uuid7
from tenants import services
from tenants.models import ApiKey
from tests.console.conftest import Tenant, make_person, signed_in

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def listed(tenant: Tenant, query: str = "", client: Client | None = None) -> list[int]:
    answer = (client or tenant.client()).get(f"{tenant.path}calls/?{query}")
    assert answer.status_code == 200, answer.context["problems"]
    return [row.seq for row in answer.context["rows"]]


@pytest.fixture
def six(tenant: Tenant) -> Tenant:
    """Numbers 1 to 6, a minute apart; every second of them odd in all respects."""
    odd: dict[str, Any] = {
        "project": "web", "model": "slow", "account": "spare", "status": "provider_failed", "code": "upstream_error",
        "end_user": "ada", "detail": {"tags": {"team": "a=b", "x": "y"}},
    }  # fmt: skip
    for number in range(6):
        tenant.call(NOON + number * MINUTE, **(odd if number % 2 else {}))
    return tenant


def test_calls_are_listed_the_newest_first(six: Tenant, other: Tenant) -> None:
    other.call(NOON)
    assert listed(six) == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("project=web", [6, 4, 2]),
        ("model=fast", [5, 3, 1]),
        ("account=spare&status=provider_failed&code=upstream_error&end_user=ada", [6, 4, 2]),
        ("status=settled", [5, 3, 1]),
        ("tag=team%3Da%3Db", [6, 4, 2]),
        ("tag=x%3Dz", []),
        ("key=chatbot/none", []),
        ("since=2026-11-20T12:03", [6, 5, 4]),
        ("since=2026-11-20T14:03%2B02:00&until=2026-11-20T12:05Z", [5, 4]),
        ("since=2026-11-21", []),
        ("last=1h", []),
        ("model=fast&project=web", []),
    ],
)
def test_a_filter_leaves_what_is_like_that(six: Tenant, query: str, found: list[int]) -> None:
    assert listed(six, query) == found


def test_times_are_those_of_the_organization(six: Tenant) -> None:
    with access.scope(organization_id=six.organization.pk):
        six.organization.time_zone = "Asia/Tokyo"
        six.organization.save()
    assert listed(six, "since=2026-11-20T21:03") == [6, 5, 4]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=9999999", "until"),
        ("status=fine", "status"),
        ("last=2y", "last"),
        ("tag=team", "tag"),
        ("request_id=1234", "request_id"),
        ("key=nonsense", "key"),
        ("end_user=a%00b", "end_user"),
        ("model=" + "x" * 121, "model"),
        ("after=here", "after"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_field_and_lists_nothing(
    six: Tenant, query: str, field: str
) -> None:
    answer = six.client().get(f"{six.path}calls/?{query}")
    assert list(answer.context["problems"]) == [field]
    assert answer.context["rows"] == []
    assert f'id="p-{field}"' in answer.content.decode()


def test_pages_go_both_ways_and_lose_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_reading, "SHOWN", 4)
    for number in range(11):
        tenant.call(NOON + (number // 3) * MINUTE)  # three of one moment
    client, seen = tenant.client(), []
    query, forth = "", list[str]()
    while True:
        answer = client.get(f"{tenant.path}calls/?{query}")
        seen.append([row.seq for row in answer.context["rows"]])
        if not answer.context["older"]:
            break
        query = answer.context["older"]
        forth.append(query)
    assert seen == [[11, 10, 9, 8], [7, 6, 5, 4], [3, 2, 1]]
    back = client.get(f"{tenant.path}calls/?{answer.context['newer']}")
    assert [row.seq for row in back.context["rows"]] == [7, 6, 5, 4]
    first = client.get(f"{tenant.path}calls/?{back.context['newer']}")
    assert [row.seq for row in first.context["rows"]] == [11, 10, 9, 8]
    assert first.context["newer"] == ""


def test_a_page_looks_through_so_many_and_goes_on_where_it_stopped(
    six: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCANNED", 2)
    six.call(NOON - MINUTE, end_user="the one")
    client, query, found, pages = six.client(), "end_user=the+one", [], 0
    while query:
        answer = client.get(f"{six.path}calls/?{query}")
        found += [row.seq for row in answer.context["rows"]]
        query, pages = answer.context["older"], pages + 1
        assert "end_user=the+one" in query or not query
    assert (found, pages) == ([7], 4)


def test_every_chip_takes_its_filter_away(six: Tenant) -> None:
    answer = six.client().get(f"{six.path}calls/?project=web&status=provider_failed&end_user=ada")
    chips = {chip.label: parse_qs(chip.without) for chip in answer.context["asked"].chips()}
    assert chips == {
        "Project": {"status": ["provider_failed"], "end_user": ["ada"]},
        "Status": {"project": ["web"], "end_user": ["ada"]},
        "End user": {"project": ["web"], "status": ["provider_failed"]},
    }
    assert answer.content.decode().count("remove this filter") == 3


def test_a_request_id_leads_straight_to_its_call(six: Tenant) -> None:
    event_id = six.events[2].event_id
    path, client = f"{six.path}calls/?request_id={event_id}", six.client()
    assert client.get(path).headers["Location"] == f"{six.path}calls/{event_id}/"
    by_script = client.get(path, headers={"HX-Request": "true"})
    assert by_script.headers["HX-Redirect"] == f"{six.path}calls/{event_id}/"


def _refused(tenant: Tenant, at: datetime, **more: Any) -> Event:
    detail = {"since": at.isoformat(), "until": (at + MINUTE).isoformat()}
    plain = dict.fromkeys(("status", "usage_source", "input_tokens", "output_tokens", "cost_nano"))
    return tenant.call(
        at, **plain, **{"kind": "refusal", "code": "rate_limited", "limit": "rpm", "count": 7, "detail": detail, **more}
    )  # fmt: skip


def test_an_id_of_no_call_tells_what_was_refused_then(six: Tenant, other: Tenant) -> None:
    at = NOON + 40 * MINUTE
    _refused(six, at, limit="of-ours")
    _refused(other, at, limit="of-others")
    lost = uuid7(int((at.timestamp() + 20) * 1000))
    listing = six.client().get(f"{six.path}calls/?request_id={lost}")
    direct = six.client().get(f"{six.path}calls/{lost}/")
    assert (listing.status_code, direct.status_code) == (200, 404)
    for answer in (listing, direct):
        page = answer.content.decode()
        assert "of-ours" in page
        assert "of-others" not in page
        assert "20 Nov 2026 12:40:20" in page
    strange = six.client().get(f"{six.path}calls/{UUID(int=0)}/")
    assert strange.status_code == 404
    assert "none of the gateway’s ids" in strange.content.decode()


def test_refusals_have_a_list_of_their_own(six: Tenant) -> None:
    _refused(six, NOON)
    _refused(six, NOON + MINUTE, code="insufficient_quota", limit="budget")
    assert listed(six, "kind=refusal") == [8, 7]
    assert listed(six, "kind=refusal&code=rate_limited&status=settled") == [7]  # a refusal has no status
    page = six.client().get(f"{six.path}calls/?kind=refusal").content.decode()
    assert "budget" in page
    assert len(re.findall("<tr", page)) == 3


def test_empty_lists_teach(tenant: Tenant) -> None:
    client = tenant.client()
    assert "No call has come through yet" in client.get(f"{tenant.path}calls/").content.decode()
    assert "Nothing was refused yet" in client.get(f"{tenant.path}calls/?kind=refusal").content.decode()
    assert "take one filter away" in client.get(f"{tenant.path}calls/?model=x").content.decode()


def _file(answer: Any) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_the_file_holds_what_is_filtered_and_no_formula(six: Tenant) -> None:
    six.call(NOON, end_user='=HYPERLINK("http://evil.example")', project="web")
    rows = _file(six.client().get(f"{six.path}calls/csv/?project=web"))
    assert [row["end_user"] for row in rows] == ["ada"] * 3 + ['\'=HYPERLINK("http://evil.example")']
    assert rows[0]["tags"] == "team=a=b; x=y"
    assert rows[0]["cost"] == "0.000123456"
    assert rows[0]["request_id"] == str(six.events[5].request_id)
    _refused(six, NOON)
    assert [row["count"] for row in _file(six.client().get(f"{six.path}calls/csv/?kind=refusal"))] == ["7"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert formulas.safe(text) == f"'{text}"
    assert formulas.safe(-5) == -5
    assert formulas.safe("plain") == "plain"


def test_a_file_that_is_not_whole_says_so_by_its_name(six: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = six.client().get(f"{six.path}calls/csv/")
    assert f'"{six.organization.slug}-calls.csv"' in whole.headers["Content-Disposition"]
    monkeypatch.setattr(calls_reading, "MOST_ROWS", 4)
    part = six.client().get(f"{six.path}calls/csv/")
    assert "-calls-newest-4.csv" in part.headers["Content-Disposition"]
    assert len(_file(part)) == 4


def test_a_file_of_what_cannot_be_read_leads_back_to_the_page(six: Tenant) -> None:
    answer = six.client().get(f"{six.path}calls/csv/?since=soon")
    assert answer.headers["Location"] == f"{six.path}calls/?since=soon"


def test_who_may_not_read_calls_sees_those_of_their_own_keys(six: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": six.organization.pk, "actor": "test"}
    services.save_role(**where, name="narrow", rights=["organization.read"])
    person = make_person()
    services.add_member(**where, person=person, role="narrow")
    key, _ = services.issue_key(**where, project="chatbot", name="mine", owner=person.email)
    own = six.call(NOON, key_id=key.pk)
    client = signed_in(person)
    assert listed(six, client=client) == [own.seq]
    assert client.get(f"{six.path}calls/{own.event_id}/").status_code == 200
    assert client.get(f"{six.path}calls/{six.events[0].event_id}/").status_code == 404
    assert [row["request_id"] for row in _file(client.get(f"{six.path}calls/csv/"))] == [str(own.request_id)]
    _refused(six, NOON)
    assert listed(six, "kind=refusal", client) == []
    with access.scope(organization_id=six.organization.pk):
        assert ApiKey.objects.get().person == person


def test_number_of_queries_does_not_grow_with_the_calls(six: Tenant) -> None:
    client = six.client()
    paths = [f"{six.path}calls/", f"{six.path}calls/?project=web&last=30d", f"{six.path}calls/?kind=refusal"]

    def queries(path: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    client.get(six.path)
    few = [queries(path) for path in paths]
    for number in range(30):
        six.call(NOON - number * MINUTE)
    assert [queries(path) for path in paths] == few
    assert max(few) <= 20


def test_addresses_on_the_page_stay_in_the_organization(six: Tenant) -> None:
    page = six.client().get(f"{six.path}calls/?project=web").content.decode()
    hrefs = [urlsplit(one).path for one in re.findall(r'href="([^"]*calls[^"]*)"', page)]
    assert hrefs
    assert all(one.startswith(f"{six.path}calls/") for one in hrefs)
