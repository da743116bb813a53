"""The published schema of events: true of what real calls and changes leave, and strict enough to notice what is not."""

from __future__ import annotations

import io
import json
import re
import time
from copy import deepcopy
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker

from audit import chain, schema
from audit.events import COLUMNS, INTEGERS, TIMES, UUIDS
from audit.fields import FIELDS, KINDS, SOURCES, STATUSES
from audit.models import Event
from orbit.launcher.state import PROJECT
from orbit.lib.store import client as client_of_store
from quotas import keys
from quotas.rates import PARTS, UNITS
from quotas.tasks import COLLECT
from tests.audit.conftest import Feed
from tests.conftest import MakeTenant
from tests.proxy.conftest import ApiOf, api_of, client, hello

__all__ = ["api_of", "client"]

SCHEMA = schema.event_schema()
VALID = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
INSIDE = {"detail", "shard", "shard_seq"}  # of the table alone


def faults(event: dict[str, Any]) -> list[str]:
    """What the schema has against an event, of its own kind's part alone."""
    kind = event.get("kind")
    if kind not in KINDS:
        return [error.message for error in VALID.iter_errors(event)]
    part = Draft202012Validator(SCHEMA["$defs"][kind], format_checker=FormatChecker())
    found = [f"{error.json_path}: {error.message}" for error in part.iter_errors(event)]
    assert bool(found) != VALID.is_valid(event), "the whole schema and the kind's part do not agree"
    return found


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_holds_for_what_real_calls_and_changes_leave(api_of: ApiOf, make_tenant: MakeTenant) -> None:
    """Plain, streamed, failed, contradictory, refused, by shadow limits too, and the acts of a new organization."""
    limits = [
        {"name": "rpd", "meter": "requests", "per": "day", "limit": 6},
        {"name": "shadow", "meter": "requests", "per": "day", "limit": 1, "shadow": True},
        {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
    ]
    tenant = make_tenant(limits=limits)
    api = api_of(tenant)
    headers = {"x-orbit-tags": "team=a,feature=b", "x-orbit-user": "u1", "user-agent": "test/1"}
    assert api.chat(with_headers=headers, messages=hello("tokens=3")).status_code == 200
    assert (
        api.chat(with_headers=headers, messages=hello("tokens=3", "usage=contradictory")).status_code == 200
    )
    assert api.chat(messages=hello("tokens=3"), stream=True).status_code == 200
    assert api.chat(messages=hello("tokens=3", "reasoning=5")).status_code == 200
    assert api.chat(messages=hello("status=500")).status_code == 502
    embed = json.dumps({"model": "text-embedding-3-small", "input": "hello"}).encode()
    assert api.send("POST", "embeddings", embed).status_code == 200
    assert api.chat(messages=hello("tokens=3")).status_code == 429
    _minute_passes(tenant.shard)
    calls, refusals, acts = tenant.events(), tenant.events("refusal"), tenant.events("act")
    assert len(calls) == 6
    assert {event.get("shadow") for event in refusals} == {None, True}
    assert acts
    for event in [*calls, *refusals, *acts]:
        assert faults(event) == [], event


def _minute_passes(shard: int) -> None:
    """Refusals are counted by minute, and moved to the stream when it is over."""
    later_us = time.time_ns() // 1000 + 120_000_000
    client_of_store().eval(COLLECT.source, 2, keys.refused(shard), keys.stream(shard), str(later_us))


def test_it_holds_for_corrections_and_adjustments(feed: Feed) -> None:
    lapsed = feed.call(status="lease_expired", usage_source="lease_expired", input_tokens=100)
    feed.send(lapsed)
    feed.send({**lapsed, "status": "settled", "input_tokens": 60}, kind="late")
    adjusted = {**feed.call(), "kind": "adjustment", "corrects": lapsed["event_id"], "cost_nano": -5}
    feed.send({**adjusted, "detail": {"reason": "the provider's invoice"}})
    feed.write()
    found = {event["kind"]: event for event in feed.exported()}
    assert set(found) == {"act", "call", "correction", "adjustment"}
    assert found["correction"]["input_tokens"] == -40
    for event in found.values():
        assert faults(event) == [], event


@pytest.fixture
def events(feed: Feed) -> dict[str, dict[str, Any]]:
    """One of each kind, of which refusal and adjustment are as the others."""
    feed.send(feed.call(detail={"attempts": [{"account": "a", "http_status": 200}], "tags": {"a": "b"}}))
    feed.write()
    act, call = feed.exported()
    later = {**call, "corrects": call["event_id"], "reason": "late"}
    base = {name: call[name] for name in schema.ALWAYS}
    span = {"since": call["admitted_at"], "until": call["recorded_at"]}
    made = {
        "act": act,
        "call": call,
        "correction": {**later, "kind": "correction"},
        "adjustment": {**later, "kind": "adjustment"},
        "refusal": {**base, "kind": "refusal", "code": "rate_limited", "count": 3, **span},
    }
    assert set(made) == set(KINDS)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_found(kind: str, events: dict[str, dict[str, Any]]) -> None:
    assert faults(events[kind]) == []
    assert "unheard_of" in str(faults({**events[kind], "unheard_of": 1}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_field_is_found(kind: str, events: dict[str, dict[str, Any]]) -> None:
    for name in (*schema.ALWAYS, *schema.REQUIRED[kind]):
        if name != "kind":
            left = {one: value for one, value in events[kind].items() if one != name}
            assert f"'{name}' is a required property" in str(faults(left))


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_type_is_found_for_every_field(
    kind: str, events: dict[str, dict[str, Any]]
) -> None:
    for name in SCHEMA["$defs"][kind]["properties"]:
        for wrong in (None, 1.5, [1]):
            event = {**deepcopy(events[kind]), name: wrong}
            assert not VALID.is_valid(event), (name, wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("kind", "calls"),
        ("v", 2),
        ("seq", 0),
        ("hash", "0" * 63),
        ("hash", "G" * 64),
        ("event_id", "not-a-uuid"),
        ("admitted_at", "2026-11-30"),
        ("admitted_at", "2026-11-30T00:00:00+01:00"),
        ("status", "done"),
        ("usage_source", "guess"),
        ("input_tokens", -1),
        ("input_tokens", "10"),
        ("currency", "dollars"),
        ("http_status", 20),
        ("model", "m" * 121),
        ("count", 1),
        ("actor", "somebody"),
        ("attempts", [{"account": "a", "secret": "x"}]),
        ("attempts", {}),
        ("tags", {"a": 1}),
        ("reserved", {"tokens": 1}),
    ],
)
def test_a_wrong_value_is_found(name: str, wrong: Any, events: dict[str, dict[str, Any]]) -> None:
    assert faults({**events["call"], name: wrong})


def test_every_column_is_a_field_of_its_type() -> None:
    types: dict[str, set[str]] = {}
    for part in SCHEMA["$defs"].values():
        for name, found in part["properties"].items():
            types.setdefault(name, set()).add(str(found.get("type", "")))
    assert set(COLUMNS) - INSIDE <= set(types)
    assert all(types[name] == {"string"} for name in UUIDS | TIMES)
    assert all(types[name] <= {"integer", ""} for name in INTEGERS | {"seq"})


def test_what_calls_are_charged_by_is_all_there() -> None:
    names = {name for field in FIELDS for name in field.names.split()}
    assert {f"{part}_tokens" for part in PARTS} <= names
    assert set(UNITS) <= names


def test_kinds_are_those_of_the_table() -> None:
    assert list(KINDS) == Event.Kind.values


def test_the_page_is_made_of_the_same_fields() -> None:
    out = io.StringIO()
    call_command("ledger", "schema", "--table", stdout=out)
    page = (PROJECT / "docs/events.md").read_text()
    rows = re.findall(r"^\| `.*$", page.split("\n## Fields\n")[1].split("\n## ")[0], re.MULTILINE)
    assert rows == out.getvalue().splitlines()[2:]
    for word in (*STATUSES, *SOURCES):
        assert f"| `{word}` |" in page


def test_anybody_may_read_it() -> None:
    answer = Client().get("/api/v1/schemas/events/v1")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/schema+json")
    assert answer.json() == SCHEMA
    assert Client().post("/api/v1/schemas/events/v1").status_code == 405
    assert Client().get("/api/v1/schemas/events/v2").status_code == 404
    out = io.StringIO()
    call_command("ledger", "schema", stdout=out)
    assert json.loads(out.getvalue()) == SCHEMA


def test_odd_numbers_come_back_as_they_were_hashed(feed: Feed) -> None:
    """What a provider puts into its usage object is its own; the hash must hold for what Postgres gives back."""
    usage = '{"a": 1e16, "b": -0.0, "c": 1e22, "d": 0.1, "e": 1e-7, "f": 123456789012345678901234567890, "g": 1.0}'
    event = json.dumps(feed.call(detail={}))
    feed.send(event.replace('"detail": {}', f'"detail": {{"usage": {usage}}}'))
    feed.write()
    stored = feed.exported()[-1]
    assert stored["usage"]["d"] == 0.1
    assert stored["hash"] == chain.link(stored)
