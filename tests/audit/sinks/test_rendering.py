"""Filters and redaction: what a sink is sent, and what it gets to see of it."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from audit import events
from audit.events import Row
from audit.sinks.file import parse
from audit.sinks.rendering import View
from orbit.lib.ids import uuid7

CALL = {
    "event_id": "", "kind": "call", "organization_id": "", "organization": "acme", "admitted_at": "2026-11-30T00:00:00Z",
    "project": "app", "status": "settled", "end_user": "ada@example.com", "model": "gpt-4o",
    "detail": {"tags": {"team": "red", "list": ["a", "b"]}, "client_ip": "192.0.2.7", "user_agent": "curl"},
}  # fmt: skip


def row(**more: Any) -> Row:
    made = events.row({**CALL, "event_id": str(uuid7()), "organization_id": str(uuid7()), **more})
    return {
        **made,
        "recorded_at": made["admitted_at"],
        "seq": 1,
        "shard": 0,
        "shard_seq": 1,
        "prev_hash": "0",
        "hash": "1",
    }


def view(**more: Any) -> View:
    entry = {"name": "a", "kind": "lines", "path": "-", **more}
    return View(parse({"version": 1, "sinks": [entry]})[0], "key of a test")


@pytest.mark.parametrize(
    ("filters", "event", "wanted"),
    [
        ({}, {}, True),
        ({"organizations": ["acme"]}, {}, True),
        ({"organizations": ["globex"]}, {}, False),
        ({"kinds": ["act"]}, {}, False),
        ({"kinds": ["act", "call"]}, {}, True),
        ({"statuses": ["client_gone"]}, {}, False),
        ({"statuses": ["client_gone"]}, {"kind": "act", "status": None}, True),
        ({"projects": ["acme/app"]}, {}, True),
        ({"projects": ["globex/app"]}, {}, False),
        ({"projects": ["acme/app"]}, {"kind": "act", "project": None}, False),
        ({"organizations": ["acme"], "kinds": ["refusal"]}, {}, False),
    ],
)
def test_filters(filters: dict[str, Any], event: dict[str, Any], wanted: bool) -> None:
    assert view(**filters).wants(row(**event)) is wanted


def test_dropped_fields_are_not_there_and_digested_ones_are_digests() -> None:
    redact = {"end_user": "digest", "client_ip": "drop", "tags": "digest"}
    item = view(redact=redact, digest_key="env://KEY").item(row())

    def digest(text: str) -> str:
        return "hmac-sha256:" + hmac.new(b"key of a test", text.encode(), "sha256").hexdigest()

    assert "client_ip" not in item.event
    assert item.event["end_user"] == digest("ada@example.com")
    assert item.event["tags"] == {"team": digest("red"), "list": [digest("a"), digest("b")]}
    assert item.event["user_agent"] == "curl"
    for gone in (b"ada@", b"192.0.2.7", b"red"):
        assert gone not in item.text


def test_without_redaction_the_event_is_as_it_is_exported() -> None:
    one = row()
    assert view().item(one).event == events.exported(one)
