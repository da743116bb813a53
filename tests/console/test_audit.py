"""The audit trail's pages: the list that is filtered, one event with its proof, and parts of it as files."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import reading as trail
from audit.checkpoints.signer import sign
from audit.exports.models import Export
from audit.models import Event
from console.explorer import difference, reading
from orbit.lib import access
from tenants import services
from tests.audit.conftest import Feed, feed
from tests.console.conftest import Tenant, make_person, signed_in

__all__ = ["feed"]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def fed(feed: Feed) -> Feed:
    """Two acts by ada, and a call between them."""
    services.save_project(organization_id=feed.id, slug="web", name="Web", actor="ada@example.com")
    feed.write()
    feed.send(feed.call())
    feed.write()
    services.save_project(organization_id=feed.id, slug="web", name="Shop", actor="ada@example.com")
    feed.write()
    return feed


def member(feed: Feed, *rights: str) -> Client:
    """Signed in with all rights, or with these alone."""
    where: dict[str, Any] = {"organization_id": feed.id, "actor": "test"}
    if rights:
        services.save_role(**where, name="looker", rights=["organization.read", *rights])
    person = make_person()
    services.add_member(**where, person=person, role="looker" if rights else "owner")
    feed.write()
    return signed_in(person)


def path(feed: Feed, rest: str = "") -> str:
    return f"/o/{feed.organization.slug}/audit/{rest}"


def listed(feed: Feed, query: str, client: Client | None = None) -> list[tuple[str, str]]:
    answer = (client or member(feed)).get(path(feed, f"?{query}"))
    assert answer.status_code == 200, answer.context["problems"]
    return [(entry.what, entry.of) for entry in answer.context["entries"]]


ACTS = [("project.update", "web"), ("project.create", "web")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actor=ada@example.com", ACTS),
        ("actor=ada@example.com&action=project.create", ACTS[1:]),
        ("target=we", ACTS),
        ("target=eb", []),
        ("kind=call", [("call", "gpt-4o-mini")]),
        ("kind=correction", []),
        ("kind=call&last=1h&until=2026-01-01", []),
        ("actor=ada@example.com&last=1h", ACTS),
    ],
)
def test_a_filter_leaves_what_is_like_that(fed: Feed, query: str, found: list[tuple[str, str]]) -> None:
    assert listed(fed, query) == found


def test_the_list_begins_with_acts_and_says_what_they_changed(fed: Feed) -> None:
    answer = member(fed).get(path(fed))
    kinds = {entry.event.kind for entry in answer.context["entries"]}
    assert kinds == {"act"}
    assert "name Web → Shop" in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("kind=prompt", "kind"),
        ("last=2y", "last"),
        ("id=1234", "id"),
        ("actor=a%00b", "actor"),
        ("target=" + "x" * 301, "target"),
        ("after=here", "after"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_field_and_lists_nothing(
    fed: Feed, query: str, field: str
) -> None:
    answer = member(fed).get(path(fed, f"?{query}"))
    assert (answer.status_code, list(answer.context["problems"])) == (400, [field])
    assert answer.context["entries"] == []
    assert f'id="p-{field}"' in answer.content.decode()


def test_an_id_leads_to_its_event(fed: Feed) -> None:
    client = member(fed)
    for event in fed.rows():
        answer = client.get(path(fed, f"?id={event.pk}"))
        assert (answer.status_code, answer["Location"]) == (302, path(fed, f"events/{event.pk}/"))
    nothing = client.get(path(fed, f"?id={uuid4()}"))
    assert nothing.context["entries"] == []


def test_pages_go_both_ways_and_lose_nothing(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SHOWN", 2)
    client = member(fed)
    query, seen = "kind=all", list[int]()
    while query:
        answer = client.get(path(fed, f"?{query}"))
        assert len(answer.context["entries"]) <= 2
        seen += [entry.event.seq for entry in answer.context["entries"]]
        query = answer.context["older"]
    assert seen == sorted({row.seq for row in fed.rows()}, reverse=True)
    back = client.get(path(fed, f"?{answer.context['newer']}"))
    assert [entry.event.seq for entry in back.context["entries"]] == seen[-4:-2] or len(seen) % 2


def test_a_page_looks_through_so_many(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    client = member(fed)
    monkeypatch.setattr(trail, "SCANNED", 1)
    answer = client.get(path(fed, "?action=organization.create"))
    assert answer.context["entries"] == []
    assert answer.context["older"]
    assert "Look further back" in answer.content.decode()


def test_who_may_not_read_calls_sees_acts_alone(fed: Feed) -> None:
    client = member(fed, "ledger.read")
    assert client.get(path(fed)).status_code == 200
    refused = client.get(path(fed, "?kind=all"))
    assert (refused.status_code, refused.context["entries"]) == (400, [])
    call, act = (next(row for row in fed.rows() if row.kind == kind) for kind in ("call", "act"))
    assert client.get(path(fed, f"events/{call.pk}/")).status_code == 404
    assert client.get(path(fed, f"events/{act.pk}/")).status_code == 200
    refused = client.post(path(fed, "files/create/"), {"kind": "call", "format": "csv"})
    assert refused.status_code == 302
    with access.scope(organization_id=fed.id):
        assert not Export.objects.exists()
    assert client.post(path(fed, "files/create/"), {"format": "csv", "provable": "yes"}).status_code == 403


def test_an_act_shows_before_and_after_side_by_side(fed: Feed) -> None:
    act = next(row for row in fed.rows() if row.detail.get("action") == "project.update")
    answer = member(fed).get(path(fed, f"events/{act.pk}/"))
    (row,) = answer.context["rows"]
    assert (row.path, row.before, row.after, row.op) == ("name", "Web", "Shop", "changed")
    assert json.loads(answer.context["raw"]) == next(
        one for one in fed.exported() if one["event_id"] == str(act.pk)
    )


def test_an_event_is_proved_up_to_its_checkpoint(fed: Feed) -> None:
    client = member(fed)
    event = fed.rows()[1]
    early = client.get(path(fed, f"events/{event.pk}/")).content.decode()
    assert "Holds, not signed yet" in early
    sign()
    late = client.get(path(fed, f"events/{event.pk}/"))
    assert late.context["proof"].checkpoint is not None
    assert all(step.holds for step in late.context["proof"].steps)
    assert late.content.decode().count("✓") == len(late.context["proof"].steps) == 6
    assert ">Holds<" in late.content.decode()
    neighbours = late.context["proof"].before, late.context["proof"].after
    assert all(client.get(path(fed, f"events/{one.event_id}/")).status_code == 200 for one in neighbours)


def test_a_changed_event_says_so(tenant: Tenant) -> None:
    event = tenant.call(NOON)  # with a hash that is none
    page = tenant.client().get(f"{tenant.path}audit/events/{event.pk}/").content.decode()
    assert "Does not hold" in page
    assert "✗" in page


def test_how_the_trail_stands(fed: Feed) -> None:
    client = member(fed)
    sign()
    fed.send(fed.call())
    fed.write()
    services.save_project(organization_id=fed.id, slug="late", name="Late", actor="test")
    state = client.get(path(fed)).context["trail"]
    assert (state.uncovered, state.waiting, state.dead) == (1, 1, None)
    assert state.last == len(fed.rows())
    assert state.oldest.seq == 1
    assert datetime.now(UTC) - state.signed_at < timedelta(minutes=1)


def test_dead_letters_are_for_operators(fed: Feed) -> None:
    person = make_person()
    services.add_member(organization_id=fed.id, actor="test", person=person, role="owner")
    person.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    state = signed_in(person).get(path(fed)).context["trail"]
    assert isinstance(state.dead, int)


def test_an_empty_trail_teaches(tenant: Tenant) -> None:
    page = tenant.client().get(f"{tenant.path}audit/").content.decode()
    assert "Nobody has changed anything yet" in page
    assert "none yet" in page or "ago" in page


def test_a_list_takes_few_queries(fed: Feed) -> None:
    client = member(fed)

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert client.get(path(fed)).status_code == 200
        return len(captured)

    queries()
    few = queries()
    for number in range(10):
        services.save_project(organization_id=fed.id, slug=f"p-{number}", name="P", actor="test")
    fed.write()
    assert queries() == few <= 22


def test_nothing_for_others(fed: Feed, other: Tenant) -> None:
    event = fed.rows()[0]
    for rest in ("", f"events/{event.pk}/", "files/"):
        assert other.client().get(path(fed, rest)).status_code == 404
        assert Client().get(path(fed, rest)).status_code == 302
    assert other.client().get(f"{other.path}audit/events/{event.pk}/").status_code == 404


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def work(feed: Feed) -> Export:
    with access.scope(organization_id=feed.id):
        export_id: UUID = Export.objects.values_list("pk", flat=True).latest("created_at")
    while services.advance_export(organization_id=feed.id, export_id=export_id):
        pass
    with access.scope(organization_id=feed.id):
        return Export.objects.get(pk=export_id)


def test_what_is_filtered_becomes_a_file_that_one_comes_back_for(fed: Feed) -> None:
    client = member(fed)
    page = client.get(path(fed, "files/?actor=ada@example.com")).content.decode()
    assert '<input type="hidden" name="actor" value="ada@example.com">' in page
    asked = {"kind": "act", "actor": "ada@example.com", "format": "jsonl"}
    answer = client.post(path(fed, "files/create/"), asked, follow=True)
    assert "Waits for a worker" in answer.content.decode()
    export = work(fed)
    assert "2 events" in client.get(path(fed, "files/")).content.decode()
    sent = client.post(path(fed, f"files/{export.pk}/link/"), follow=True)
    lines = gzip.decompress(content_of(sent)).splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["project.create", "project.update"]
    shared = client.post(path(fed, f"files/{export.pk}/link/"), {"share": "yes"})
    assert "/exports/" in shared.context["address"]
    assert Client().get(shared.context["address"].partition("8080")[2]).status_code == 200
    gone = client.post(path(fed, f"files/{export.pk}/delete/"), follow=True).content.decode()
    assert "The file was deleted" in gone


def test_a_small_part_is_downloaded_at_once(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    client = member(fed)
    sent = client.post(path(fed, "files/now/"), {"kind": "call", "format": "csv"})
    assert sent["Content-Type"] == "text/csv; charset=utf-8"
    assert len(content_of(sent).splitlines()) == 2
    monkeypatch.setattr(services.ledger_exports, "MOST_STREAMED", 1)
    refused = client.post(path(fed, "files/now/"), {"kind": "all", "format": "csv"}, follow=True)
    assert "made in the background" in refused.content.decode()
    fed.write()
    streams = [row for row in fed.rows() if row.detail.get("action") == "export.stream"]
    assert len(streams) == 1


@pytest.mark.parametrize("verb", ["link", "delete"])
def test_a_file_that_is_not_there_says_so(fed: Feed, verb: str) -> None:
    answer = member(fed).post(path(fed, f"files/{uuid4()}/{verb}/"), follow=True)
    assert "no such file" in answer.content.decode()


def test_a_bad_format_names_the_field(fed: Feed) -> None:
    for verb in ("create", "now"):
        answer = member(fed).post(path(fed, f"files/{verb}/"), {"format": "xlsx"}, follow=True)
        assert "format is none of jsonl, csv, parquet" in answer.content.decode()


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ({"name": "a"}, {"name": "b"}, [("name", "a", "b")]),
        (None, {"name": "b", "tags": {"x": 1}}, [("name", None, "b"), ("tags.x", None, "1")]),
        ({"on": True, "of": []}, None, [("on", "yes", None), ("of", "none", None)]),
        (
            {"limits": [{"name": "rpm", "limit": 1}, {"name": "tpm", "limit": 5}]},
            {"limits": [{"name": "tpm", "limit": 6}]},
            [
                ("limits.rpm.name", "rpm", None),
                ("limits.rpm.limit", "1", None),
                ("limits.tpm.limit", "5", "6"),
                ("limits.tpm.name", "tpm", "tpm"),
            ],
        ),
        ({"a": None}, {"a": ["x", "y"]}, [("a", "not set", "x, y")]),
        ({"a": {"b": 1}}, {"a": 2}, [("a", "b 1", "2")]),
        (
            {"paths": [{"model": "m", "to": {"account": "x", "weights": [1, 2]}}, {"model": "n"}]},
            {"paths": []},
            [("paths", "model m, to (account x, weights (1, 2)); model n", "none")],
        ),
        ({"a": {}}, {"a": {"b": 1}}, [("a.b", None, "1")]),
    ],
)
def test_a_difference_is_told_thing_by_thing(before: Any, after: Any, rows: list[Any]) -> None:
    assert [(row.path, row.before, row.after) for row in difference.rows(before, after)] == rows


def test_differences_in_one_line_are_short() -> None:
    many = {f"f{number}": number for number in range(6)}
    assert difference.in_short(None, many) == "f0 0; f1 1; f2 2; and 3 more"
    assert difference.in_short({"a": "x" * 90}, {"a": "y"}) == f"a {'x' * 40}… → y"
    assert difference.in_short(None, None) == ""


def test_kinds_have_their_words(tenant: Tenant) -> None:
    tenant.call(NOON, kind="refusal", count=3, limit="rpm", status=None)
    tenant.call(NOON, kind="correction", detail={"reason": "late"})
    answer = tenant.client().get(f"{tenant.path}audit/?kind=all")
    assert {(one.event.kind, one.how) for one in answer.context["entries"]} == {
        (Event.Kind.REFUSAL, "3 requests by rpm"),
        (Event.Kind.CORRECTION, "late"),
    }
