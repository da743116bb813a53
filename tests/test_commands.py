"""The operator's commands over the ledger and the limits, as scripts use them."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx2
import pytest
from django.core.management import CommandError, call_command

from orbit.lib import money
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def used(gateway: Gateway, make_tenant: MakeTenant) -> Tenant:
    """A tenant that made three calls and was refused once."""
    tenant = make_tenant(
        limits=[
            {"name": "daily", "meter": "requests", "per": "day", "limit": 3},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "1.00"},
        ]
    )
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[[orbit-demo: tokens=7]] hi"}]}
    headers = {"authorization": f"Bearer {tenant.key}"}
    statuses = [
        httpx2.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers).status_code
        for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    tenant.events()
    return tenant


def test_export_has_every_event_by_sequence(used: Tenant) -> None:
    lines = run("ledger", "export", "--organization", used.slug, "--wait", "5").splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    calls = run("ledger", "export", "--organization", used.slug, "--kind", "call").splitlines()
    assert [json.loads(line) for line in calls] == [event for event in events if event["kind"] == "call"]
    assert len(calls) == 3
    assert run("ledger", "export", "--organization", used.slug, "--since", "2999-01-01") == ""


def test_usage_equals_the_exported_events(used: Tenant) -> None:
    report = json.loads(
        run("usage", "--organization", used.slug, "--by", "project,key,model,account", "--json")
    )
    calls = used.events()
    totals = report["totals"]
    assert (totals.pop("failed"), totals.pop("unpriced_requests")) == (0, 0)
    assert 0 < totals.pop("duration_p50_ms") <= totals.pop("duration_p95_ms")
    assert (totals.pop("first_token_p50_ms"), totals.pop("first_token_p95_ms")) == (None, None)  # no streams
    assert totals == {
        "requests": 3,
        "refused": 0,  # a minute's refusals become an event when the minute is over
        "input_tokens": sum(call["input_tokens"] for call in calls),
        "output_tokens": 21,
        "cost_nano": sum(call["cost_nano"] for call in calls),
        "cost": money.amount(sum(call["cost_nano"] for call in calls)),
        "estimated_requests": 0,
    }
    [row] = report["rows"]
    assert (row["project"], row["key"], row["model"], row["account"]) == (
        "app",
        "app/main",
        "gpt-4o-mini",
        "demo",
    )
    assert {name: row[name] for name in totals} == totals
    assert report["complete_until"] <= report["until"]


def test_limits_are_explained_with_the_decision(used: Tenant) -> None:
    report = json.loads(
        run("limits", "explain", "--key", f"{used.slug}/app/main", "--model", "gpt-4o-mini", "--json")
    )
    assert (report["decision"], report["code"]) == ("refuse", "insufficient_quota")
    daily, budget = report["limits"]
    assert (daily["spent"], daily["free"], daily["level"]) == (3, 0, "organization")
    assert budget["spent"] == sum(call["cost_nano"] for call in used.events())
    assert "would be refused: insufficient_quota" in run(
        "limits", "explain", "--key", f"{used.slug}/app/main", "--model", "gpt-4o-mini"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", "--organization", "no-such"),
        ("usage", "--organization", "no-such", "--by", "colour"),
        ("ledger", "export", "--organization", "no-such"),
        ("limits", "explain", "--key", "a/b", "--model", "x"),
        ("limits", "explain", "--key", "a/b/c", "--model", "x"),
        ("limits", "explain", "--key", "a/b/c", "--model", "x", "--input-tokens", "-1"),
        ("limits", "explain", "--key", "a/b/c", "--model", "x", "--max-output-tokens", "0"),
    ],
)
def test_bad_input_exits_with_2_and_names_the_option(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == 2
    assert "--" in str(refused.value)


def test_bad_time_is_named(used: Tenant) -> None:
    with pytest.raises(CommandError, match="--since"):
        run("usage", "--organization", used.slug, "--since", "yesterday")
