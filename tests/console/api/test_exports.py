"""Files of the ledger by the API: at once, in the background, by a link; to whom, and what it leaves in the ledger."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from operator import length_hint as left
from typing import Any
from uuid import uuid4

import pyarrow.parquet
import pytest
from django.conf import settings
from django.test import AsyncClient, Client

from audit.exports import making
from console import streaming
from tenants import services
from tests.audit.conftest import Feed, feed
from tests.console.conftest import make_person, signed_in
from tests.management import client_of

__all__ = ["feed"]

BOTH = ("ledger.read", "calls.read")


@pytest.fixture
def fed(feed: Feed) -> Feed:
    """Four calls behind its founding."""
    for _ in range(4):
        feed.send(feed.call())
    feed.write()
    return feed


def home(feed: Feed) -> str:
    return f"/api/v1/organizations/{feed.organization.slug}"


def stream(feed: Feed, *scopes: str, **query: str) -> Any:
    return client_of(feed.id, scopes or BOTH).get(f"{home(feed)}/events/export", query)


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def last_acts(feed: Feed) -> list[tuple[str, dict[str, Any]]]:
    feed.write()
    found = [one.detail for one in feed.rows() if one.kind == "act"]
    return [(one["action"], one.get("after") or {}) for one in found if one["action"].startswith("export.")]


def test_a_small_part_is_answered_at_once_and_noted(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "AT_ONCE", 2)
    answer = stream(fed, kind="call")
    lines = [json.loads(line) for line in body(answer).splitlines()]
    assert lines == [event for event in fed.exported() if event["kind"] == "call"]
    assert f'filename="{fed.organization.slug}-events-' in answer["Content-Disposition"]
    assert last_acts(fed) == [("export.stream", {"format": "jsonl", "kind": "call"})]


def test_other_formats(fed: Feed) -> None:
    rows = list(csv.DictReader(io.StringIO(body(stream(fed, format="csv")).decode())))
    assert [row["kind"] for row in rows[:5]] == ["act", *["call"] * 4]
    table = pyarrow.parquet.read_table(io.BytesIO(body(stream(fed, format="parquet"))))
    assert table["event_id"].to_pylist()[:5] == [str(row.pk) for row in fed.rows()][:5]
    accepting = client_of(fed.id, BOTH).get(
        f"{home(fed)}/events/export?format=csv", headers={"Accept": "text/csv"}
    )
    assert body(accepting)


def test_an_asynchronous_server_sends_it_step_by_step(fed: Feed) -> None:
    steps = iter([b"a", b"b"])
    taken: list[tuple[bytes, int]] = []

    async def look() -> None:
        taken.extend([(step, left(steps)) async for step in streaming.attachment("x", "text/plain", steps)])

    asyncio.run(look())
    assert taken == [(b"a", 1), (b"b", 0)]


def test_what_is_too_much_at_once_names_the_remedy(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.ledger_exports, "MOST_STREAMED", 3)
    answer = stream(fed)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "since"
    assert "background" in answer.json()["errors"][0]["remedy"]
    assert body(stream(fed, kind="act"))


@pytest.mark.parametrize("query", [{}, {"kind": "call"}, {"kind": "act", "provable": "true"}])
def test_calls_take_their_own_scope(fed: Feed, query: dict[str, str]) -> None:
    assert stream(fed, "ledger.read", **query).status_code == 403
    assert stream(fed, "calls.read", **query).status_code == 403
    posted = client_of(fed.id, ("ledger.read",)).post(
        f"{home(fed)}/exports",
        {**query, **({"provable": True} if "provable" in query else {})},
        content_type="application/json",
    )
    assert posted.status_code == 403
    assert last_acts(fed) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", "xlsx"), ("since", "yesterday"), ("kind", "prompt"), ("request_id", "1"), ("colour", "red")],
)
def test_bad_input_names_its_field(fed: Feed, field: str, value: str) -> None:
    client = client_of(fed.id, BOTH)
    for answer in (
        stream(fed, **{field: value}),
        client.post(f"{home(fed)}/exports", {field: value}, content_type="application/json"),
    ):
        assert answer.status_code == 400
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def made(feed: Feed, client: Client, **asked: Any) -> dict[str, Any]:
    answer = client.post(f"{home(feed)}/exports", asked, content_type="application/json")
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def work(feed: Feed, export_id: str) -> None:
    from uuid import UUID

    while services.advance_export(organization_id=feed.id, export_id=UUID(export_id)):
        pass


def test_a_file_is_asked_for_watched_linked_fetched_and_deleted(
    fed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "PIECE", 2)
    client = client_of(fed.id, BOTH)
    export = made(fed, client, kind="call")
    path = f"{home(fed)}/exports/{export['id']}"
    assert (export["state"], export["asked"]) == ("waiting", {"kind": "call"})
    early = client.post(f"{path}/link", {}, content_type="application/json")
    assert (early.status_code, early.json()["errors"][0]["field"]) == (400, "export")
    work(fed, export["id"])
    shown = client.get(path).json()
    assert (shown["state"], shown["percent"], shown["events"]) == ("done", 100, 4)
    assert [one["id"] for one in client.get(f"{home(fed)}/exports").json()["data"]] == [export["id"]]
    link = client.post(f"{path}/link", {"minutes": 5}, content_type="application/json").json()
    there = link["url"].removeprefix(settings.ORBIT_PUBLIC_URL)
    fetched = Client().get(there)
    content = body(fetched)
    assert len(gzip.decompress(content).splitlines()) == 4
    assert int(fetched["Content-Length"]) == len(content) == shown["size"]
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert Client().get(there).status_code == 410
    assert [action for action, _ in last_acts(fed)] == [
        f"export.{one}" for one in ("request", "make", "link", "download", "delete")
    ]


def test_the_file_is_sent_by_an_asynchronous_server_as_well(fed: Feed) -> None:
    client = client_of(fed.id, BOTH)
    export = made(fed, client)
    work(fed, export["id"])
    link = client.post(f"{home(fed)}/exports/{export['id']}/link", {}, content_type="application/json").json()

    async def fetch() -> bytes:
        answer: Any = await AsyncClient().get(link["url"].removeprefix(settings.ORBIT_PUBLIC_URL))
        return b"".join([step async for step in answer])

    lines = gzip.decompress(asyncio.run(fetch())).splitlines()
    assert [json.loads(line)["seq"] for line in lines[:5]] == [1, 2, 3, 4, 5]


def test_a_link_that_never_was_one_is_not_there(fed: Feed) -> None:
    assert Client().get("/exports/a:b:c/").status_code == 404
    assert signed_in(make_person()).get("/exports/a:b:c/").status_code == 404


def test_files_with_calls_are_hidden_from_who_may_not_read_calls(fed: Feed) -> None:
    client, acts_only = client_of(fed.id, BOTH), client_of(fed.id, ("ledger.read",))
    hidden, seen = made(fed, client), made(fed, client, kind="act")
    assert [one["id"] for one in acts_only.get(f"{home(fed)}/exports").json()["data"]] == [seen["id"]]
    path = f"{home(fed)}/exports/{hidden['id']}"
    assert acts_only.get(path).status_code == acts_only.delete(path).status_code == 404
    assert acts_only.post(f"{path}/link", {}, content_type="application/json").status_code == 404


def test_nothing_without_a_key_or_of_another_organization(fed: Feed) -> None:
    export = made(fed, client_of(fed.id, BOTH))
    other = services.create_organization(slug=f"{fed.organization.slug}-b", actor="test")
    outside = client_of(other.pk)
    mine = f"/api/v1/organizations/{other.slug}/exports"
    for path in (f"{home(fed)}/events/export", f"{home(fed)}/exports", f"{home(fed)}/exports/{export['id']}"):
        assert Client().get(path).status_code == 401
        assert outside.get(path).status_code == 404
    for path in (f"{mine}/{export['id']}", f"{mine}/{uuid4()}"):
        assert outside.get(path).status_code == outside.delete(path).status_code == 404
        assert outside.post(f"{path}/link", {}, content_type="application/json").status_code == 404
