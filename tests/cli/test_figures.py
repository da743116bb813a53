"""Usage, limits, calls and events from the command line, after real calls."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from threading import Timer
from typing import Any

import httpx2
import pytest

from audit.tasks import write_ledger
from tenants import services
from tenants.rights import Right
from tests.cli.conftest import Orbit
from tests.conftest import MakeTenant, Tenant


@pytest.fixture
def used(url: str, make_tenant: MakeTenant) -> Tenant:
    """A tenant that made two calls of three that it may make today."""
    tenant = make_tenant(limits=[{"name": "daily", "meter": "requests", "per": "day", "limit": 3}])
    for _ in range(2):
        assert _call(url, tenant).status_code == 200
    tenant.events()
    return tenant


def _call(url: str, tenant: Tenant) -> httpx2.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[[orbit-demo: tokens=7]] hi"}]}
    headers = {"Authorization": f"Bearer {tenant.key}"}
    return httpx2.post(f"{url}/v1/chat/completions", json=body, headers=headers)


@pytest.fixture
def looking(stranger: Orbit, url: str, used: Tenant) -> Orbit:
    _, key = services.issue_management_key(
        organization_id=used.id, name="looking", scopes=[one.value for one in Right], actor="test"
    )
    return replace(stranger, environ={"ORBIT_URL": url, "ORBIT_MANAGEMENT_KEY": key})


def test_usage(looking: Orbit) -> None:
    report = looking("usage", "--by", "project,model", "--since", "1d", "--json").json
    assert (report["totals"]["requests"], report["totals"]["output_tokens"]) == (2, 14)
    assert (report["rows"][0]["project"], report["rows"][0]["model"]) == ("app", "gpt-4o-mini")
    shown = looking("usage", "--by", "model", "--key", "app/main")
    assert ("gpt-4o-mini" in shown.out, "complete until" in shown.err) == (True, True)
    said = looking("usage", "--by", "colour")
    assert (said.code, "by: " in said.err) == (2, True)


def test_why_a_request_ended_as_it_did(looking: Orbit, used: Tenant) -> None:
    [call, *_] = used.events()
    assert looking("why", call["request_id"], "--json").json["request"]["outcome"] == "settled"
    assert "Charged to the key app/main" in looking("why", call["request_id"]).out
    assert "admit" in looking("why", "--key", "app/main", "--model", "gpt-4o-mini").out
    said = looking("why")
    assert (said.code, "request_id: " in said.err) == (2, True)


def test_limits_and_what_a_request_would_meet(looking: Orbit) -> None:
    [daily] = looking("limits", "list", "--level", "organization", "--json").json["data"]
    assert (daily["spent"], daily["free"]) == (2, 1)
    ask = ("limits", "explain", "--key", "app/main", "--model", "gpt-4o-mini")
    assert looking(*ask, "--json").json["decision"] == "admit"
    assert "daily" in looking(*ask, "--input-tokens", "5").out


def test_doctor_tells_a_limit_that_is_nearly_used(looking: Orbit, url: str, used: Tenant) -> None:
    assert _call(url, used).status_code == 200
    [found] = [one for one in _found(looking) if one["what"] == "limit"]
    assert (found["state"], "daily on organization" in found["detail"]) == ("warn", True)


def _found(looking: Orbit) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = looking("doctor", "--json").json["checks"]
    return checks


def test_calls(looking: Orbit) -> None:
    rows = looking("calls", "list", "--status", "settled", "--since", "1h", "--json").json["data"]
    assert [one["output_tokens"] for one in rows] == [7, 7]
    assert "gpt-4o-mini" in looking("calls", "list", "--limit", "1").out
    assert looking("calls", "show", rows[0]["event_id"], "--json").json["attempts"]


def test_events_are_told_the_newest_last(looking: Orbit) -> None:
    lines = looking("events", "--kind", "call").out.splitlines()
    numbers = [int(line.split()[0]) for line in lines]
    assert (len(numbers), numbers) == (2, sorted(numbers))
    write_ledger()
    assert "management_key.issue" in looking("events", "--action", "management_key.issue", "--most", "1").out


@pytest.fixture
def following(looking: Orbit) -> Iterator[subprocess.Popen[str]]:
    process = looking.process("events", "--follow", "--kind", "call", stdout=subprocess.PIPE)
    too_long = Timer(60, process.kill)  # else a test that waits for a line in vain never ends
    too_long.start()
    yield process
    too_long.cancel()
    process.kill()
    process.communicate()


def test_events_are_followed(following: subprocess.Popen[str], url: str, used: Tenant) -> None:
    assert following.stdout is not None
    known = [following.stdout.readline() for _ in range(2)]
    assert _call(url, used).status_code == 200
    write_ledger()
    fresh = following.stdout.readline()
    assert int(fresh.split()[0]) > int(known[-1].split()[0])
