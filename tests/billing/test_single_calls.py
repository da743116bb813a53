"""Where a provider can be asked for single calls, a day that does not add up is told apart call by call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from pytest_django import Settings

from audit.ledger import write_shard
from bench.bills.trials import Trial, judge
from billing.models import BilledRow, BillException, Run
from billing.reconcile import settling
from billing.reconcile.classify import Span, classify
from billing.reconcile.compare import compare
from billing.reconcile.connectors.base import DAY, CallRow, midnight
from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.records import EARLIER, taken
from billing.reconcile.sides import Call, Cause, Cell, Part
from orbit.lib import access
from orbit.lib.store import client
from tenants.models import ProviderAccount
from tests.billing.conftest import MakeTrial

TODAY = date(2026, 11, 3)
MODEL = "gpt-4o"
AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def call(number: int, **more: Any) -> Call:
    at = AT + timedelta(minutes=10 * number)
    fields: dict[str, Any] = {"upstream_id": f"gen-{number}", "cost_nano": 1_000} | more
    return Call(uuid4(), at, at, fields.pop("counts", Counts(100 + number, output=7 * number + 1)), **fields)


def told(one: Call, **more: Any) -> CallRow:
    fields: dict[str, Any] = {"at": one.at, "found": True, "model": f"openai/{MODEL}", "counts": one.counts}
    return CallRow(one.upstream_id or "", **(fields | more))


def unknown(one: Call) -> CallRow:
    return CallRow(one.upstream_id or "", one.at, found=False)


def parts(calls: Sequence[Call], rows: Sequence[CallRow], theirs: Counts, requests: int) -> list[Part]:
    """Of one day, whose parts must be the whole difference."""
    span = Span(midnight(TODAY), midnight(TODAY) + DAY, lambda day: True)
    cell = Cell(midnight(TODAY), DAY, theirs, requests)
    left = taken(calls, [cell], {row.name: row for row in rows}, MODEL, span)
    compared = compare(left.calls, left.cells, since=span.since, until=span.until, beside=left.beside)
    made = [*left.parts, *classify(compared, span)]
    ours = sum((one.counts for one in calls if one.day == TODAY), ZERO)
    assert sum((part.counts for part in made if part.day == TODAY), ZERO) == theirs - ours
    return made


def whole(rows: Sequence[Any]) -> Counts:
    return sum((row.counts for row in rows), ZERO)


def test_calls_that_are_there_as_they_are_here_are_no_difference() -> None:
    calls = [call(number) for number in range(5)]
    assert parts(calls, [told(one) for one in calls], whole(calls), 5) == []


def test_another_split_and_an_estimate_are_each_of_their_own_call() -> None:
    calls = [call(1, counts=Counts(500, output=5)), call(2, estimated=True, source="estimated"), call(3)]
    split, counted = Counts(300, cached=200, output=5), Counts(90, output=40)
    rows = [told(calls[0], counts=split), told(calls[1], counts=counted), told(calls[2])]
    found = parts(calls, rows, whole(rows), 3)
    assert {(part.cause, part.calls[0].event_id, part.sure) for part in found} == {
        (Cause.CACHE_SPLIT, calls[0].event_id, True),
        (Cause.ESTIMATE, calls[1].event_id, True),
    }


def test_a_call_without_a_record_is_missing_there() -> None:
    calls = [call(number) for number in range(6)]
    (found,) = parts(calls, [unknown(calls[0]), *map(told, calls[1:])], whole(calls[1:]), 5)
    assert (found.cause, found.calls, found.sure) == (Cause.MISSING_THERE, (calls[0],), True)


def test_a_call_whose_record_alone_is_gone_is_no_difference() -> None:
    calls = [call(number) for number in range(6)]
    assert parts(calls, [unknown(calls[0]), *map(told, calls[1:])], whole(calls), 6) == []


def test_what_may_be_the_call_without_a_record_makes_it_doubtful() -> None:
    calls = [call(number) for number in range(6)]
    more = Counts(5_000, output=900)
    found = parts(calls, [unknown(calls[0]), *map(told, calls[1:])], whole(calls[1:]) + more, 6)
    assert {(part.cause, part.sure) for part in found} == {
        (Cause.MISSING_THERE, False),
        (Cause.MISSING_HERE, False),
    }


def test_two_entries_of_one_answer_are_one_call_there() -> None:
    first, second = call(1), call(2, upstream_id="gen-1")
    (found,) = parts([first, second], [told(first)], first.counts, 1)
    assert (found.cause, found.calls, found.counts) == (Cause.DUPLICATE, (second,), -second.counts)


def test_an_earlier_try_that_was_charged_too_is_told_by_its_own_record() -> None:
    one = call(1, retried=True, earlier_ids=("gen-0",))
    earlier = CallRow("gen-0", one.at, found=True, model=f"openai/{MODEL}", counts=Counts(70, output=3))
    (found,) = parts([one], [told(one), earlier], one.counts + earlier.counts, 2)
    assert (found.cause, found.counts, found.requests) == (Cause.DUPLICATE, earlier.counts, 1)


def test_the_providers_own_time_says_which_day_a_call_is_of() -> None:
    one, other = call(1), call(2)
    rows = [told(one), told(other, at=other.at + DAY)]
    (found,) = parts([one, other], rows, one.counts, 1)
    assert (found.cause, found.calls) == (Cause.TIME_BOUNDARY, (other,))


def test_what_no_known_call_explains_is_a_call_that_we_lack() -> None:
    calls = [call(number, retried=True, earlier_ids=(f"gen-{number}x",)) for number in range(6)]
    rows = [*map(told, calls), *(CallRow(f"gen-{number}x", AT, found=False) for number in range(6))]
    more = Counts(5_000, output=900)
    (found,) = parts(calls, rows, whole(calls) + more, 7)
    assert (found.cause, found.counts, found.sure) == (Cause.MISSING_HERE, more, False)


def test_calls_that_nobody_asked_about_are_looked_for_as_before() -> None:
    calls = [call(number) for number in range(6)]
    (found,) = parts(calls, [told(one) for one in calls[:3]], whole(calls[:5]), 5)
    assert (found.cause, found.calls) == (Cause.MISSING_THERE, (calls[5],))


BOTH = Counts(1_000, output=200)


def tried(one: Call, **more: Any) -> CallRow:
    fields: dict[str, Any] = {"at": one.at, "found": True, "model": f"openai/{MODEL}", "counts": BOTH}
    return CallRow(one.earlier_ids[0], **(fields | more))


def test_an_earlier_try_that_the_ledger_holds_by_now_is_not_told_again() -> None:
    one = call(1, counts=BOTH + BOTH, requests=2, retried=True, earlier_ids=("gen-0",), added=(BOTH,))
    other = call(3)
    more = other.counts + Counts(7)
    rows = [tried(one), told(one, counts=BOTH), told(other, counts=more)]
    (found,) = parts([one, other], rows, BOTH + BOTH + more, 3)
    assert (found.calls[0].event_id, found.counts) == (other.event_id, Counts(7))


def test_what_is_left_of_the_call_beside_a_try_that_is_held_is_its_own() -> None:
    one = call(
        1, counts=BOTH + BOTH, requests=2, estimated=True, retried=True, earlier_ids=("gen-0",), added=(BOTH,)
    )
    counted = BOTH + Counts(-90, output=4)
    (found,) = parts([one], [tried(one), told(one, counts=counted)], BOTH + counted, 2)
    assert (found.cause, found.counts, found.requests) == (Cause.ESTIMATE, Counts(-90, output=4), 0)


def test_an_earlier_try_of_another_day_that_is_held_was_only_moved() -> None:
    one = call(1, counts=BOTH + BOTH, requests=2, retried=True, earlier_ids=("gen-0",), added=(BOTH,))
    (found,) = parts([one], [tried(one, at=one.at - DAY), told(one, counts=BOTH)], BOTH, 1)
    assert (found.cause, found.counts) == (Cause.TIME_BOUNDARY, -BOTH)


def test_an_earlier_try_at_another_model_is_none_of_this_models() -> None:
    one = call(1, retried=True, earlier_ids=("gen-0",))
    assert parts([one], [told(one), tried(one, model="openai/gpt-4.1")], one.counts, 1) == []


def test_which_of_two_alike_is_missing_is_not_sure_where_they_are_of_several_keys() -> None:
    first, second = (call(number, counts=BOTH, key_id=uuid4()) for number in (1, 2))
    for order in ([first, second], [second, first]):
        (found,) = parts(order, [unknown(one) for one in order], BOTH, 1)
        assert (found.cause, found.counts, found.sure) == (Cause.MISSING_THERE, -BOTH, False)


def test_which_of_two_alike_is_missing_does_not_matter_where_they_are_of_one_key() -> None:
    calls = [call(number, counts=BOTH) for number in (1, 2)]
    (found,) = parts(calls, [unknown(one) for one in calls], BOTH, 1)
    assert (found.cause, found.counts, found.sure) == (Cause.MISSING_THERE, -BOTH, True)


def test_calls_of_which_other_sums_would_fit_as_well_are_not_surely_missing() -> None:
    calls = [call(number, counts=Counts(100 + number, output=10)) for number in range(12)]
    theirs = calls[0].counts + calls[11].counts
    found = parts(calls, [unknown(one) for one in calls], theirs, 2)
    assert len(found) == 10
    assert {(part.cause, part.sure) for part in found} == {(Cause.MISSING_THERE, False)}


def test_each_planted_difference_is_found_for_what_it_is(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=1, each=2)
    run = trial.reconcile()
    found = judge(trial)
    assert found.wrong == []
    assert (found.unexplained_nano, found.false_adjustments) == (0, 0)
    assert found.found_nano == found.planted_nano > 0
    assert run.counts["lookups"] > 0
    assert run.counts["lookups_left"] == 0
    assert "lookups_stopped" not in run.counts


def known(trial: Trial) -> dict[str, int | None]:
    with access.scope(organization_id=trial.organization.pk):
        rows = BilledRow.objects.filter(kind=BilledRow.Kind.CALL, replaced_by=None)
        return dict(rows.values_list("label", "requests"))


def test_lookups_are_bounded_and_the_next_run_goes_on(make_trial: MakeTrial, settings: Settings) -> None:
    trial = make_trial("openrouter", seed=2, each=1)
    settings.ORBIT_RECONCILE_LOOKUPS = 20
    first = trial.reconcile().counts
    assert first["lookups"] == 20
    kept = known(trial)
    assert len(kept) == 20
    settings.ORBIT_RECONCILE_LOOKUPS = 500
    second = trial.reconcile().counts
    assert second["lookups_left"] == 0
    names = known(trial)
    again = [name for name, requests in kept.items() if not requests]  # may have come since
    assert second["lookups"] == first["lookups_left"] + len(again) == len(names) - len(kept) + len(again)
    assert judge(trial).wrong == []


def test_with_a_credential_of_another_account_days_are_told_apart_as_sums(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=136437232, each=1)
    scenario = trial.told.scenario
    scenario.calls = [replace(one, name=f"other-{one.name}") for one in scenario.calls]
    trial.show()
    run = trial.reconcile()
    assert run.counts["lookups_stopped"] == "the account’s credential knows none of these calls"
    assert known(trial) == {}
    assert judge(trial).false_adjustments == 0


def test_a_credential_that_may_not_look_up_stops_no_run(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=3, each=1)
    trial.told.scenario.call_secret = "sk-or-another"
    trial.show()
    run = trial.reconcile()
    assert run.state == Run.State.DONE
    assert "HTTP 401" in run.counts["lookups_stopped"]


def test_no_call_is_looked_up_where_days_add_up(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=4, each=0)
    assert "lookups" not in trial.reconcile().counts


def test_lookups_can_be_turned_off(make_trial: MakeTrial, settings: Settings) -> None:
    settings.ORBIT_RECONCILE_LOOKUPS = 0
    trial = make_trial("openrouter", seed=5, each=1)
    assert "lookups" not in trial.reconcile().counts
    assert judge(trial).false_adjustments == 0


def test_an_account_of_another_address_gives_its_credential_to_nobody(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=6, each=1)
    with access.scope(organization_id=trial.organization.pk):
        ProviderAccount.objects.update(base_url="https://llm.example.com/v1")
    counts = trial.reconcile().counts
    assert (counts["lookups"], counts["lookups_stopped"]) == (0, "the account has another address")
    assert judge(trial).false_adjustments == 0


def agree(trial: Trial, cause: Cause) -> list[BillException]:
    """Approves what is proposed of that cause."""
    some = [one for one in trial.exceptions() if (one.cause, one.state) == (cause, "proposed")]
    for one in some:
        settling.approve(organization_id=trial.organization.pk, exception_id=one.pk, actor="finance")
    while write_shard(client(), trial.organization.shard):
        pass
    return some


def test_an_approved_try_is_not_proposed_again_while_its_day_still_differs(make_trial: MakeTrial) -> None:
    trial = make_trial("openrouter", seed=5, each=2)
    trial.reconcile()
    approved = [one for one in agree(trial, Cause.DUPLICATE) if one.note == EARLIER]
    assert approved
    scenario = trial.told.scenario
    moved = set()
    tries = {name for name in scenario.by_name if name[-2:] == "-1"}
    for number, one in enumerate(scenario.calls):
        cell = one.day, one.model
        if cell not in moved and one.name and not {one.name, f"{one.name}-1"} & tries:
            scenario.calls[number] = replace(one, fresh=one.fresh + 70_000)
            moved.add(cell)
    del scenario.by_name
    with access.scope(organization_id=trial.organization.pk):
        BilledRow.objects.filter(kind=BilledRow.Kind.CALL).delete()  # as if asked for the first time
    trial.show()
    trial.reconcile()
    again = [one for one in trial.exceptions() if (one.cause, one.state) == (Cause.DUPLICATE, "proposed")]
    assert again == []
    left = {(one.day, one.model) for one in trial.exceptions() if one.cause == Cause.UNEXPLAINED}
    assert {(one.day, one.model) for one in approved} <= left
    for unexplained in (one for one in trial.exceptions() if one.cause == Cause.UNEXPLAINED):
        assert unexplained.tokens == {"fresh": 70_000}
