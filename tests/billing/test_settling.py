"""Exceptions that people settle: what is approved is posted once, to the right organization, and reports follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from audit.events import COLUMNS, exported
from audit.ledger import write_shard
from audit.models import Event
from bench.bills.trials import Trial, judge
from billing.models import BilledRow, BillException, Run
from billing.reconcile import performing, settling
from billing.reconcile.sides import Cause
from billing.reconcile.tolerance import DEFAULTS
from orbit.demo.bills.planting import OWN_KEY
from orbit.lib import access
from orbit.lib.errors import InputError
from orbit.lib.store import client
from quotas import rebuild, totals
from tenants.services import add_member
from tests.audit.test_schema import faults
from tests.billing.conftest import MakeTrial
from tests.console.conftest import make_person


def exceptions(trial: Trial, **wanted: Any) -> list[BillException]:
    with access.scope(organization_id=trial.organization.pk):
        return list(BillException.objects.filter(**wanted).order_by("day", "model", "cause"))


def approve_all(trial: Trial) -> int:
    rows = exceptions(trial, state="proposed")
    for row in rows:
        settling.approve(
            organization_id=trial.organization.pk, exception_id=row.pk, actor="finance", reason="as billed"
        )
    write(trial)
    return len(rows)


def write(trial: Trial) -> None:
    while write_shard(client(), trial.organization.shard):
        pass


def adjustments(trial: Trial) -> list[Event]:
    with access.scope(organization_id=trial.organization.pk):
        return list(Event.objects.filter(kind="adjustment").order_by("seq"))


def figures(trial: Trial) -> dict[str, int]:
    start, end = (datetime.combine(day, time(), UTC) for day in (trial.since, trial.until))
    with access.scope(organization_id=trial.organization.pk):
        found = totals.totals(start, end).totals
        by_project = totals.totals(start, end, ["project"]).rows
    assert sum(row["cost_nano"] for row in by_project) == found["cost_nano"]
    return {name: found[name] for name in ("input_tokens", "output_tokens", "cost_nano")}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_when_all_is_approved_the_ledger_says_what_the_bill_says(
    provider: str, make_trial: MakeTrial
) -> None:
    trial = make_trial(provider, each=2)
    trial.reconcile()
    before = figures(trial)
    posted = sum(len(row.adjustments) for row in exceptions(trial, state="proposed"))
    assert approve_all(trial) > 5
    events = adjustments(trial)
    assert len(events) == posted
    sums = {name: sum(getattr(one, name) or 0 for one in events) for name in before}
    after = figures(trial)
    assert after == {name: before[name] + sums[name] for name in before}
    trial.reconcile()
    left = {row.cause for row in exceptions(trial, state__in=("open", "proposed"))}
    assert left <= {"outside"}
    assert judge(trial).unexplained_nano == 0
    differing = [
        row
        for row in trial.rows()
        for part in row.parts
        if part["cause"] not in ("outside", "late", "time_boundary", "rounding")
        and not (part["cause"] == "price" and abs(part["money_nano"]) <= DEFAULTS["openai"][Cause.PRICE].nano)
    ]
    assert differing == []


def test_rollups_made_again_from_the_ledger_hold_the_adjustments(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    approve_all(trial)
    kept = figures(trial)
    rebuild.rebuild_all(trial.organization.pk)
    assert figures(trial) == kept


def test_posted_events_are_as_the_schema_says(make_trial: MakeTrial) -> None:
    trial = make_trial("anthropic", each=1)
    trial.reconcile()
    approve_all(trial)
    for event in adjustments(trial):
        assert event.organization_id == trial.organization.pk
        assert event.account == "main"
        assert faults(exported({name: getattr(event, name) for name in COLUMNS})) == []
        assert event.detail["approved_by"] == "finance"
        assert event.detail["reason"] == "as billed"


def test_adjustment_is_kept_as_long_as_its_call(make_trial: MakeTrial, settings: Any) -> None:
    settings.ORBIT_RETENTION_DAYS = 90
    trial = make_trial(each=1)
    settings.ORBIT_RETENTION_DAYS = 400
    trial.reconcile()
    approve_all(trial)
    kept = {(event.corrects is not None, event.retention) for event in adjustments(trial)}
    assert kept == {(True, 90), (False, 400)}


def test_who_approves_twice_posts_once(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    row = exceptions(trial, state="proposed")[0]
    for _ in range(2):
        made = settling.approve(organization_id=trial.organization.pk, exception_id=row.pk, actor="finance")
        assert made is not None
        assert made.state == "approved"
    write(trial)
    assert len(adjustments(trial)) == len(row.adjustments)


def test_a_run_that_is_repeated_finds_the_same_exceptions(make_trial: MakeTrial) -> None:
    trial = make_trial(each=2)
    trial.reconcile()
    first = [(row.pk, row.tokens, row.money_nano) for row in exceptions(trial)]
    trial.reconcile()
    assert [(row.pk, row.tokens, row.money_nano) for row in exceptions(trial)] == first
    with access.scope(organization_id=trial.organization.pk):
        standing = BilledRow.objects.filter(replaced_by=None, kind="usage")
        assert standing.count() == BilledRow.objects.exclude(replaced_by=None).filter(kind="usage").count()


def test_one_that_waits_to_be_posted_is_not_found_again(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    rows = exceptions(trial, state="proposed")
    for row in rows:
        settling.approve(organization_id=trial.organization.pk, exception_id=row.pk, actor="finance")
    trial.reconcile()  # before the ledger's writer came
    assert exceptions(trial, state="proposed") == []


def test_rejected_figures_are_not_brought_up_again(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    row = exceptions(trial, cause="missing_there")[0]
    settling.reject(
        organization_id=trial.organization.pk, exception_id=row.pk, actor="finance", reason="disputed"
    )
    trial.reconcile()
    assert [one.state for one in exceptions(trial, cause="missing_there", day=row.day, model=row.model)] == [
        "rejected"
    ]
    assert adjustments(trial) == []


def test_settled_ones_stay_as_they_are(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    where: dict[str, Any] = {"organization_id": trial.organization.pk, "actor": "finance"}
    outside = exceptions(trial, cause="outside")[0]
    with pytest.raises(InputError, match="proposes no adjustment"):
        settling.approve(**where, exception_id=outside.pk)
    with pytest.raises(InputError, match="reason"):
        settling.close(**where, exception_id=outside.pk, reason=" ")
    made = settling.close(**where, exception_id=outside.pk, reason="the analysts' own key")
    assert made is not None
    assert (made.state, made.settled_by) == ("closed", "finance")
    with pytest.raises(InputError, match="is closed already"):
        settling.reject(**where, exception_id=outside.pk, reason="no")
    trial.reconcile()
    assert [one.state for one in exceptions(trial, cause="outside")] == ["closed"]


def test_nobody_approves_what_they_proposed_unless_they_are_alone(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    row = exceptions(trial, state="proposed")[0]
    where: dict[str, Any] = {"organization_id": trial.organization.pk}
    person = make_person()
    member = add_member(**where, person=person, role="finance", actor="test").row
    add_member(**where, person=make_person(), role="developer", actor="test")
    add_member(**where, person=make_person(), role="owner", actor="test")
    with access.scope(**where):  # as if they had imported the report
        Run.objects.filter(pk=row.run_id).update(connector="csv", asker_id=person.pk)
    with pytest.raises(PermissionDenied, match="somebody else"):
        settling.approve(**where, exception_id=row.pk, actor=member)
    with access.scope(**where):
        type(member).objects.filter(role="owner").update(role="developer")
    assert settling.approve(**where, exception_id=row.pk, actor=member) is not None


def test_outside_traffic_is_told_before_its_day_is_final(make_trial: MakeTrial) -> None:
    trial = make_trial(each=0)
    last = trial.until - timedelta(days=1)
    scenario = trial.told.scenario
    day = int(datetime.combine(last, time(12), UTC).timestamp())
    scenario.calls.append(replace(scenario.calls[0], at=day, key="key_stolen"))
    trial.show()
    trial.reconcile()
    (row,) = exceptions(trial)
    assert (row.cause, row.day, row.adjustments) == ("outside", last, [])
    assert "key_stolen" in row.note
    with access.scope(organization_id=trial.organization.pk):
        write(trial)
    with access.operator():
        acts = Event.objects.filter(organization_id=trial.organization.pk, kind="act")
        told = [one.detail for one in acts if one.detail["action"] == "reconciliation.outside_traffic"]
    assert len(told) == 1
    assert told[0]["after"]["exception"] == str(row.pk)


def test_other_figures_of_what_waits_to_be_posted_are_no_new_exception(make_trial: MakeTrial) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    row = exceptions(trial, cause="missing_there")[0]
    settling.approve(organization_id=trial.organization.pk, exception_id=row.pk, actor="finance")
    (event_id,) = row.evidence
    gone = next(one for one in trial.told.events if one["event_id"] == event_id)
    scenario = trial.told.scenario
    planted = {one.event_id for one in trial.told.planted}
    untouched = {
        (
            one["input_tokens"] - one["cached_input_tokens"] - one["cache_write_tokens"],
            one["cached_input_tokens"],
            one["output_tokens"],
        )
        for one in trial.told.events
        if one["event_id"] not in planted
    }
    of_day = [
        one
        for one in scenario.calls
        if one.key == OWN_KEY
        and one.model.startswith(gone["model"] + "-2")
        and datetime.fromtimestamp(one.at, UTC).date() == row.day
        and (one.fresh, one.cached, one.output) in untouched
    ]
    scenario.calls.remove(of_day[0])  # the provider takes one more back
    trial.show()
    trial.reconcile()
    same = {"cause": "missing_there", "day": row.day, "model": row.model}
    assert [one.pk for one in exceptions(trial, **same)] == [row.pk]
    write(trial)
    trial.reconcile()
    (further,) = exceptions(trial, **same, state="proposed")
    assert further.money_nano != row.money_nano
    (adjustment,) = further.adjustments
    assert adjustment["corrects"] != event_id


def test_what_is_approved_while_a_run_is_under_way_is_not_found_again(
    make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(each=1)
    trial.reconcile()
    outcomes_of = performing.outcomes_of

    def meanwhile(*given: Any, **more: Any) -> Any:
        found = outcomes_of(*given, **more)
        approve_all(trial)  # and the ledger has it, before the run keeps what it read
        return found

    monkeypatch.setattr(performing, "outcomes_of", meanwhile)
    trial.reconcile()
    assert exceptions(trial, state="proposed") == []
