"""Reconciliation by the management API and by command: each right, another tenant's wall, and what is said of bad input."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from bench.bills.trials import Trial
from tests.billing.conftest import MakeTrial
from tests.management import client_of

JSON = "application/json"


def path(trial: Trial, *further: object) -> str:
    return "/".join([f"/api/v1/organizations/{trial.organization.slug}/reconciliation", *map(str, further)])


@pytest.fixture
def trial(make_trial: MakeTrial) -> Trial:
    made = make_trial(each=1)
    made.reconcile()
    return made


def test_runs_comparisons_and_coverage_say_the_same(trial: Trial) -> None:
    client = client_of(trial.organization.pk)
    (run,) = client.get(path(trial, "runs")).json()["data"]
    assert (run["state"], run["percent"], run["problem"]) == ("done", 100, "")
    assert client.get(path(trial, "runs", run["id"])).json() == run
    rows = client.get(path(trial, "comparisons"), {"limit": 200}).json()["data"]
    assert {row["day"] for row in rows} <= {run["since"]} | {
        row["day"] for row in rows if run["since"] <= row["day"] < run["until"]
    }
    asked = {"since": run["since"], "until": run["until"]}
    found = client.get(path(trial, "coverage"), asked).json()
    assert found["spent_nano"] == sum(event["cost_nano"] for event in trial.told.events)
    assert found["compared_nano"] == sum(row["ours_nano"] for row in rows if row["final"])
    assert found["theirs_nano"] == sum(row["theirs_nano"] for row in rows if row["final"])
    assert 0 < found["exact_share"] < 1
    assert sum(day["drift_nano"] for day in found["days"]) == sum(
        row["theirs_nano"] - row["ours_nano"] for row in rows
    )
    for row in rows:
        assert sum(part["money_nano"] for part in row["parts"]) == row["theirs_nano"] - row["ours_nano"]
        assert sum(part["tokens"] for part in row["parts"]) == row["theirs_tokens"] - row["ours_tokens"]


def test_an_exception_is_approved_rejected_and_owned(trial: Trial) -> None:
    client = client_of(trial.organization.pk)
    rows = client.get(path(trial, "exceptions"), {"state": "proposed"}).json()["data"]
    first, second = rows[:2]
    assert first["adjustments"]
    place = path(trial, "exceptions", first["id"], "approve")
    for seen in ({}, {"changed_at": "today"}, {"changed_at": "2026-11-01T00:00:00Z"}):
        unseen = client.post(place, seen, content_type=JSON)
        assert (unseen.status_code, unseen.json()["errors"][0]["field"]) == (400, "changed_at")
    made = client.post(place, {"changed_at": first["changed_at"]}, content_type=JSON)
    assert (made.status_code, made.json()["state"]) == (200, "approved")
    assert made.json()["settled_by"].startswith("management key ")
    refused = client.post(path(trial, "exceptions", second["id"], "reject"), {}, content_type=JSON)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "reason")
    made = client.post(
        path(trial, "exceptions", second["id"], "reject"), {"reason": "disputed"}, content_type=JSON
    )
    assert (made.json()["state"], made.json()["reason"]) == ("rejected", "disputed")
    outside = client.get(path(trial, "exceptions"), {"cause": "outside"}).json()["data"][0]
    answer = client.patch(
        path(trial, "exceptions", outside["id"]), {"owner": "nobody@example.com"}, content_type=JSON
    )
    assert answer.status_code == 400
    made = client.post(
        path(trial, "exceptions", outside["id"], "close"), {"reason": "known"}, content_type=JSON
    )
    assert made.json()["state"] == "closed"


def test_each_right_opens_its_part(trial: Trial, make_trial: MakeTrial) -> None:
    reads = client_of(trial.organization.pk, ["reconcile.read"])
    row = reads.get(path(trial, "exceptions"), {"state": "proposed"}).json()["data"][0]
    assert (
        reads.post(path(trial, "exceptions", row["id"], "approve"), {}, content_type=JSON).status_code == 403
    )
    assert reads.post(path(trial, "runs"), {"account": "main"}, content_type=JSON).status_code == 403
    none = client_of(trial.organization.pk, ["usage.read"])
    assert none.get(path(trial, "exceptions")).status_code == 403
    other = client_of(make_trial(each=0, calls=5).organization.pk)
    assert other.get(path(trial, "exceptions", row["id"])).status_code == 404
    assert other.get(path(trial, "runs")).status_code == 404
    assert Client().get(path(trial, "runs")).status_code == 401


def test_bad_input_names_its_field(trial: Trial) -> None:
    client = client_of(trial.organization.pk)

    def asked(where: str, body: dict[str, Any]) -> Any:
        answer = client.post(path(trial, where), body, content_type=JSON)
        assert answer.status_code == 400
        return answer.json()["errors"][0]["field"]

    assert asked("runs", {"account": "nobody"}) == "account"
    assert asked("runs", {"account": "main", "since": "2999-01-01", "until": "2999-01-03"}) == "until"
    assert asked("imports", {"account": "main", "csv": "", "mapping": {"day": "d"}}) in (
        "csv",
        "mapping.amount",
    )
    answer = client.get(path(trial, "coverage"), {"since": "2020-01-01", "until": "2026-01-01"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "since")


def test_an_accounts_settings_are_put_and_the_reports_address_is_the_operators(trial: Trial) -> None:
    client = client_of(trial.organization.pk)
    there = client.get(path(trial, "accounts", "main")).json()
    assert (there["connector"], there["has_usage_credential"]) == ("openai", True)
    body = {"own_keys": ["key_gateway", "key_b"], "tolerances": {"price": {"share": 0.01}}, "lag_hours": 72}
    made = client.put(path(trial, "accounts", "main"), body, content_type=JSON)
    assert made.status_code == 200
    assert made.json()["own_keys"] == ["key_b", "key_gateway"]
    assert made.json()["base_url"] == there["base_url"]
    moved = client.put(
        path(trial, "accounts", "main"), body | {"base_url": "https://bills.example.com"}, content_type=JSON
    )
    assert moved.status_code == 403
    wrong = client.put(path(trial, "accounts", "main"), {"tolerances": {"late": {}}}, content_type=JSON)
    assert wrong.json()["errors"][0]["field"] == "tolerances.late"


def test_the_command_prints_what_it_compared(trial: Trial) -> None:
    def run(*more: str) -> str:
        out = io.StringIO()
        call_command("reconcile", "--organization", trial.organization.slug, *more, stdout=out)
        return out.getvalue()

    span = ("--account", "main", "--since", str(trial.since), "--until", str(trial.until))
    told = json.loads(run(*span, "--json"))
    assert told["state"] == "done"
    assert len(told["days"]) == len(trial.rows())
    assert "open exceptions" in run(*span)
    with pytest.raises(CommandError, match="--account") as refused:
        run("--account", "nobody")
    assert refused.value.returncode == 2
    trial.told.scenario.secret = "another"
    trial.show()
    with pytest.raises(CommandError, match="admin key"):
        run(*span)
