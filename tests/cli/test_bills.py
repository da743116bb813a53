"""Reconciliation and proposed prices from the command line, over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from billing.models import BillException, Run
from billing.reconcile import runs
from orbit.cli import values
from orbit.cli.failures import Exit
from orbit.lib import access
from tenants import services
from tenants.models import Organization
from tests.cli.conftest import MakeKey, Orbit
from tests.console.conftest import make_person

DAY = datetime(2026, 11, 3, tzinfo=UTC).date()
CSV = "Date,Model,In,Out,Cost\n2026-11-03,llama-3,1000,500,1.25\n"
MAPPING = "day: Date\nmodel: Model\ninput: In\noutput: Out\namount: Cost\n"


@pytest.fixture
def account(organization: Organization) -> str:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_account(**where, name="own", kind="vllm", base_url="https://llm.example.com/v1")
    services.save_model(**where, alias="llama", targets=[services.NewTarget("own", "llama-3")])
    return "own"


def exception(organization: Organization, **more: Any) -> str:
    with access.scope(organization_id=organization.pk):
        row = BillException.objects.create(
            organization_id=organization.pk,
            run_id=uuid4(),
            account_id=uuid4(),
            account="own",
            day=DAY,
            model=f"m-{uuid4().hex[:8]}",
            **{"cause": "price", "currency": "USD", "money_nano": 1_000_000_000, **more},
        )
    return str(row.pk)


def work(organization: Organization) -> None:
    """As the worker does, of which there is none here."""
    with access.scope(organization_id=organization.pk):
        waiting = list(Run.objects.filter(state="waiting").values_list("pk", flat=True))
    for run in waiting:
        runs.perform(organization_id=organization.pk, run_id=run)


def test_exceptions_are_listed_given_to_somebody_and_settled(
    orbit: Orbit, organization: Organization
) -> None:
    adjustment = {
        "at": "2026-11-03T12:00:00.000000Z",
        "tokens": {},
        "cost_nano": 1_000_000_000,
        "calls": 0,
        "alias": "m",
    }
    first = exception(organization, state="proposed", adjustments=[adjustment])
    second = exception(organization, state="proposed", adjustments=[adjustment])
    third = exception(organization, cause="outside")
    listed = orbit("reconciliation", "exceptions", "--state", "proposed").out
    assert (first in listed, second in listed, third in listed) == (True, True, False)
    assert orbit("reconciliation", "show", first, "--json").json["amount"] == "1.00"
    seen = ("--changed-at", orbit("reconciliation", "show", first, "--json").json["changed_at"])
    asked = orbit("reconciliation", "approve", first, *seen)
    assert asked.code == Exit.BAD_INPUT  # nobody is there to be asked
    done = orbit("reconciliation", "approve", first, *seen, "--reason", "as billed", "--yes", "--json").json
    assert (done["state"], done["reason"]) == ("approved", "as billed")
    assert orbit("reconciliation", "reject", second, "--reason", "no", "--json").json["state"] == "rejected"
    assert orbit("reconciliation", "close", third, "--reason", "ours", "--json").json["state"] == "closed"
    assert orbit("reconciliation", "reject", str(uuid4()), "--reason", "no").code == Exit.NOT_FOUND


def test_a_bill_is_imported_compared_and_covered(
    orbit: Orbit, organization: Organization, account: str, tmp_path: Path
) -> None:
    (tmp_path / "bill.csv").write_text(CSV)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    files = ("--csv", str(tmp_path / "bill.csv"), "--mapping", str(tmp_path / "mapping.yaml"))
    run = orbit("reconciliation", "import", "--account", account, *files, "--json").json
    assert (run["connector"], run["since"]) == ("csv", "2026-11-03")
    work(organization)
    assert orbit("reconciliation", "run-show", run["id"], "--json").json["state"] == "done"
    assert run["id"] in orbit("reconciliation", "runs", "--account", account).out
    asked = ("--since", "2026-11-01", "--until", "2026-11-05")
    told = orbit("reconciliation", "coverage", *asked, "--json").json
    assert told["theirs_nano"] == 1_250_000_000
    text = orbit("reconciliation", "coverage", *asked).out
    assert "2026-11-03" in text
    assert "CAUSE" in text
    assert "llama-3" in orbit("reconciliation", "comparisons", *asked).out


def test_a_run_that_fails_fails_the_command_that_waits(
    orbit: Orbit, organization: Organization, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = orbit("reconciliation", "run", "--account", account)
    assert refused.code == Exit.BAD_INPUT

    def fail(_: float) -> None:
        with access.scope(organization_id=organization.pk):
            Run.objects.update(state="failed", problem="the provider is away")

    monkeypatch.setattr("orbit.cli.commands.bills.time", SimpleNamespace(sleep=fail))
    services.save_account(
        organization_id=organization.pk,
        actor="test",
        name="asked",
        kind="openai",
        usage_credential=services.NewCredential(value="sk-admin-0000000000000000"),
    )
    answer = orbit("reconciliation", "run", "--account", "asked", "--since", "7d", "--wait")
    assert (answer.code, "the provider is away" in answer.err) == (Exit.FAILED, True)


def test_an_account_is_configured(orbit: Orbit, account: str) -> None:
    told = orbit(
        "reconciliation", "configure", account, "--own-keys", "key_1,key_2", "--lag-hours", "72", "--json"
    ).json
    assert (told["own_keys"], told["lag_hours"], told["enabled"]) == (["key_1", "key_2"], 72, True)
    assert "key_1, key_2" in orbit("reconciliation", "settings", account).out


def test_a_price_is_tried_proposed_and_approved_by_another_person(
    orbit: Orbit, organization: Organization, account: str, url: str, make_key: MakeKey
) -> None:
    terms = ("--provider", "vllm", "--model", "llama*", "--discount-percent", "12.5")
    assert orbit("contracts", "preview", *terms, "--json").json["posted"] is None
    made = orbit("proposals", "make", *terms, "--source", "contract of May", "--json").json
    own = orbit("proposals", "approve", made["id"])
    assert own.code == Exit.NOT_ALLOWED
    nobodys = Orbit(orbit.home, {"ORBIT_URL": url, "ORBIT_MANAGEMENT_KEY": make_key()})
    assert nobodys("proposals", "approve", made["id"]).code == Exit.NOT_ALLOWED
    where: dict[str, Any] = {"organization_id": organization.pk}
    member = services.add_member(**where, actor="test", person=make_person(), role="finance").row
    scopes = ["usage.read", "prices.write"]
    _, key = services.issue_management_key(**where, name="own", scopes=scopes, actor=member, own=True)
    other = Orbit(orbit.home, {"ORBIT_URL": url, "ORBIT_MANAGEMENT_KEY": key})
    assert other("proposals", "approve", made["id"], "--json").json["state"] == "approved"
    assert "12.5" in orbit("contracts", "list").out
    second = orbit("proposals", "make", *terms, "--json").json
    assert orbit("proposals", "refuse", second["id"], "--reason", "no", "--json").json["state"] == "refused"
    assert second["id"] in orbit("proposals", "list", "--state", "refused").out


def test_days_are_days_or_spans() -> None:
    assert values.day_ago("2026-11-03") == "2026-11-03"
    assert values.day_ago("7d") == str((datetime.now(UTC) - timedelta(days=7)).date())


def test_past_calls_are_priced_again_when_they_were_seen(orbit: Orbit, account: str) -> None:
    seen = orbit("repricing", "preview", "--account", account, "--json").json
    assert (seen["calls"], seen["posted"]) == (0, None)
    post = ("repricing", "post", "--account", account, "--reason", "contract of May", "--yes")
    assert orbit(*post, "--difference-nano", "0", "--json").json["posted"] == 0
    assert orbit(*post, "--difference-nano", "-5").code == Exit.BAD_INPUT
    assert orbit(*post[:2], "--yes").code == Exit.BAD_INPUT  # without a reason
