"""doctor finds what is the matter, and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.tasks import write_ledger
from orbit.cli.commands.doctor import _clock, _share
from tenants.models import Organization
from tests.cli.conftest import MakeKey, Orbit


def _checks(orbit: Orbit, *options: str, code: int = 0, **environ: str) -> dict[str, list[dict[str, Any]]]:
    import json

    said = orbit("doctor", "--json", *options, **environ)
    assert (said.code, said.err) == (code, "")
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(said.out)["checks"]:
        found.setdefault(one["what"], []).append(one)
    return found


def _states(checks: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {what: found[0]["state"] for what, found in checks.items()}


@pytest.fixture
def set_up(orbit: Orbit, tmp_path: Path) -> Orbit:
    policy = tmp_path / "policy.yaml"
    policy.write_text("limits: [{name: daily, meter: requests, per: day, limit: 100}]")
    orbit("policies", "save", "default", "-f", str(policy))
    slug = orbit("whoami", "--json").json["organization"]
    orbit("organizations", "change", slug, "--policy", "default")
    orbit("accounts", "save", "main", "--kind", "openai", "--credential-stdin", stdin="sk-x")
    orbit("models", "save", "fast", "--target", "main/gpt-4o-mini")
    orbit("projects", "save", "bot", "--name", "Bot")
    write_ledger()  # which notes how far the ledger is, for readiness
    return orbit


def test_well_kept_organization_has_nothing_the_matter(set_up: Orbit) -> None:
    states = _states(_checks(set_up))
    assert set(states) == {
        "gateway", "readiness", "clock", "version", "credential", "organization", "keys", "management keys", "limits",
        "provider accounts", "models",
    }  # fmt: skip
    assert set(states.values()) == {"ok"}


def test_what_ends_soon_or_lacks_something_is_told(set_up: Orbit) -> None:
    set_up("keys", "issue", "--project", "bot", "--name", "main", "--expires-at", "3d")
    set_up("management-keys", "issue", "--name", "ci", "--scopes", "keys.read", "--expires-at", "3d")
    set_up("models", "save", "fast", "--target", "main/gpt-4o-mini", "--deprecated", "Use steady.")
    set_up("accounts", "save", "main", "--kind", "openai", "--base-url", "https://llm.example.com/v1")
    checks = _checks(set_up, code=1)
    assert "bot/main" in checks["key"][0]["detail"]
    assert "ci" in checks["management key"][0]["detail"]
    assert "Use steady." in checks["model"][0]["detail"]
    assert (checks["provider account"][0]["state"], checks["provider account"][0]["remedy"] != "") == (
        "fail",
        True,
    )
    shown = set_up("doctor")
    assert (shown.code, "fail" in shown.out) == (1, True)


def test_limit_counts_as_used_with_what_is_held() -> None:
    assert _share({"spent": 60, "held": 35, "limit": 100}) == 0.95
    assert _share({"spent": None, "held": None, "limit": 100}) == 0, "of each end user, and none is named"
    assert _share({"spent": 0, "held": 0, "limit": 0}) == 1


def test_suspended_organization_fails(set_up: Orbit, operator: Orbit, organization: Organization) -> None:
    operator("organizations", "suspend", organization.slug, "--reason", "unpaid")
    [found] = _checks(set_up, code=1)["organization"]
    assert (found["state"], "unpaid" in found["detail"]) == ("fail", True)


def test_what_a_credential_cannot_see_is_skipped_and_said(
    stranger: Orbit, url: str, make_key: MakeKey
) -> None:
    checks = _checks(stranger, ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=make_key("organization.read"))
    assert (checks["keys"][0]["state"], "keys.read" in checks["keys"][0]["detail"]) == ("skipped", True)


def test_operator_names_an_organization(operator: Orbit, organization: Organization) -> None:
    assert _states(_checks(operator))["organization"] == "skipped"
    assert _states(_checks(operator, "-o", organization.slug))["organization"] == "warn", "it has no policy"


def test_bad_key_and_missing_gateway_end_the_examination(stranger: Orbit, url: str) -> None:
    write_ledger()
    checks = _checks(stranger, code=1, ORBIT_URL=url, ORBIT_MANAGEMENT_KEY="orbm_unknown")
    assert _states(checks) == {
        "gateway": "ok",
        "readiness": "ok",
        "clock": "ok",
        "version": "ok",
        "credential": "fail",
    }
    checks = _checks(stranger, code=1, ORBIT_URL="https://gateway.invalid", ORBIT_MANAGEMENT_KEY="orbm_x")
    assert _states(checks) == {"gateway": "fail"}


def test_clock_that_is_wrong_is_told() -> None:
    assert _clock("Mon, 01 Jan 2024 00:00:00 GMT").state == "warn"
    assert _clock("").state == "skipped"
