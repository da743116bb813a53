"""A report that tells a part only, or nothing: what it does not tell is not taken for a difference."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.models import DroppedMonth
from billing.models import BilledRow, BillException, Comparison, Run
from billing.reconcile import performing, runs, sources
from billing.reconcile.connectors import mapped
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tests.billing.conftest import MakeTrial
from tests.billing.test_repricing import INPUT, NOON, Shop
from tests.billing.test_settling import exceptions

DAY = NOON.date()
NEXT = DAY + timedelta(days=1)
COLUMNS = {
    "day": "Date", "model": "Model", "key": "Key", "input": "In", "output": "Out", "requests": "Calls", "amount": "Cost",
}  # fmt: skip


@pytest.fixture
def shop(feed: Any) -> Shop:
    """One call on the day, and one the day after, a dollar for half a million tokens."""
    shop = Shop(feed)
    for day in (0, 1):
        moment = int((NOON + timedelta(days=day)).timestamp()) * 1_000_000
        shop.call(1_000_000 + day, 0, admitted_us=moment)
    feed.write()
    return shop


def take(shop: Shop, columns: str, *lines: tuple[object, ...]) -> Run:
    names = columns.split()
    mapping = {name: COLUMNS[name] for name in names}
    text = "\n".join(",".join(map(str, line)) for line in [tuple(mapping.values()), *lines])
    run = sources.import_csv(**shop.where, account="main", content=text.encode(), mapping=mapping)
    done = runs.perform(organization_id=shop.feed.id, run_id=run.pk)
    assert done is not None
    assert (done.state, done.problem) == ("done", "")
    return done


def compared(shop: Shop) -> list[Comparison]:
    with access.scope(organization_id=shop.feed.id):
        return list(Comparison.objects.order_by("day", "model"))


def causes(shop: Shop) -> list[tuple[date, str, int]]:
    with access.scope(organization_id=shop.feed.id):
        rows = BillException.objects.filter(state__in=("open", "proposed")).order_by("day", "cause")
        return [(row.day, row.cause, len(row.adjustments)) for row in rows]


def dollars(nano: int) -> Decimal:
    return Decimal(nano) / 1_000_000_000


def test_a_file_of_costs_takes_no_calls_back(shop: Shop) -> None:
    take(shop, "day model amount", (DAY, shop.model, dollars(INPUT)), (NEXT, shop.model, 2 * dollars(INPUT)))
    assert causes(shop) == [(NEXT, "price", 1)]
    assert all(row.ours_tokens == row.theirs_tokens > 0 for row in compared(shop))
    with access.scope(organization_id=shop.feed.id):
        assert not BilledRow.objects.exclude(kind="cost").exists()


def test_a_file_of_tokens_says_nothing_of_money(shop: Shop) -> None:
    take(shop, "day model input output", (DAY, shop.model, 1_000_000, 0), (NEXT, shop.model, 1_000_001, 0))
    assert causes(shop) == []
    assert [row.theirs_nano - row.ours_nano for row in compared(shop)] == [0, 0]


def test_half_of_the_tokens_are_compared_in_money_alone(shop: Shop) -> None:
    take(shop, "day model input amount", (DAY, shop.model, 7, dollars(INPUT)))
    assert causes(shop) == []
    with pytest.raises(InputError, match=r"mapping\.output"):
        mapped.mapping({"day": "Date", "input": "In"})


def test_a_file_that_names_no_models_is_compared_by_day_and_proposes_nothing(shop: Shop) -> None:
    shop.call(5_000, 0, upstream_model=f"{shop.model}-small")
    shop.feed.write()
    whole = 2 * shop.cost()
    take(shop, "day input output", (DAY, 1_005_000, 0))
    assert causes(shop) == []
    assert [(row.model, row.ours_tokens) for row in compared(shop)] == [("", 1_005_000)]
    take(shop, "day input output amount", (DAY, 1_000_000, 0, dollars(whole)))
    assert {(day, adjustments) for day, _, adjustments in causes(shop)} == {(DAY, 0)}
    assert "price" not in {cause for _, cause, _ in causes(shop)}


def test_of_a_day_that_is_not_in_the_file_nothing_is_proposed(shop: Shop) -> None:
    shop.call(9, 0, admitted_us=int((NOON - timedelta(days=1)).timestamp()) * 1_000_000)
    shop.feed.write()
    before = (DAY - timedelta(days=1), shop.model, 9, 0, 1)
    take(shop, "day model input output requests", before, (NEXT, shop.model, 1_000_001, 0, 1))
    assert causes(shop) == [(DAY, "unexplained", 0)]
    with access.scope(organization_id=shop.feed.id):
        assert "nothing of this day" in BillException.objects.get().note


def test_without_a_column_of_keys_own_keys_put_nothing_outside(shop: Shop) -> None:
    sources.save_source(**shop.where, account="main", own_keys=["ours"])
    take(shop, "day model input output requests", (DAY, shop.model, 1_000_000, 0, 1))
    assert causes(shop) == []
    take(shop, "day model key input output requests", (DAY, shop.model, "theirs", 1_000_000, 0, 1))
    assert "outside" in {cause for _, cause, _ in causes(shop)}


def test_own_keys_are_refused_where_reports_name_none(shop: Shop) -> None:
    services.save_account(
        **shop.where,
        name="broker",
        kind="openrouter",
        usage_credential=services.NewCredential(value="sk-or-v1-pretend"),
    )
    with pytest.raises(InputError, match="own_keys"):
        sources.save_source(**shop.where, account="broker", own_keys=["key_1"])


def test_an_empty_answer_takes_no_calls_back(make_trial: MakeTrial) -> None:
    trial = make_trial(each=0, calls=20)
    trial.told.scenario.calls.clear()
    trial.show()
    trial.reconcile()
    rows = exceptions(trial)
    assert {row.cause for row in rows} == {"unexplained"}
    assert sum(len(row.adjustments) for row in rows) == 0


def test_a_day_of_too_many_calls_is_said_to_be(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "MOST_CALLS", 1)
    shop.call(70_000, 0)
    shop.feed.write()
    file = (DAY, shop.model, 1_000_000, 0, 1), (NEXT, shop.model, 1_000_000, 0, 1)
    take(shop, "day model input output requests", *file)
    with access.scope(organization_id=shop.feed.id):
        row = BillException.objects.get(day=DAY)
        assert (row.cause, row.note) == ("unexplained", "2 calls, too many to look at")


def test_days_with_calls_that_are_not_in_the_ledger_yet_are_not_final(shop: Shop) -> None:
    file = (DAY, shop.model, 1_000_700, 0, 2), (NEXT, shop.model, 1_000_001, 0, 1)
    shop.call(700, 0)  # the ledger's writer has not come yet
    take(shop, "day model input output requests", *file)
    assert causes(shop) == []
    assert not compared(shop)[0].final
    shop.feed.write()
    take(shop, "day model input output requests", *file)
    assert causes(shop) == []
    row = compared(shop)[0]
    assert (row.final, row.parts) == (True, [])


def test_an_exception_stays_while_its_day_is_not_final_again(shop: Shop) -> None:
    take(shop, "day model input output requests", (DAY, shop.model, 1_000_700, 0, 2))
    (there,) = causes(shop)
    shop.call(700, 0)
    take(shop, "day model input output requests", (DAY, shop.model, 1_000_700, 0, 2))
    assert causes(shop) == [there]
    shop.feed.write()
    take(shop, "day model input output requests", (DAY, shop.model, 1_000_700, 0, 2))
    assert causes(shop) == []


def drop_month(shop: Shop, month: date) -> None:
    with access.ledger():
        DroppedMonth.objects.create(
            organization_id=shop.feed.id, month=month, retention=30, events=2, first_seq=1, last_seq=2
        )


def test_days_whose_calls_retention_took_are_not_compared(shop: Shop) -> None:
    drop_month(shop, DAY.replace(day=1))
    with pytest.raises(InputError, match="retention has taken"):
        take(shop, "day model input output", (DAY, shop.model, 1_000_000, 0))
    services.save_account(
        **shop.where,
        name="asked",
        kind="openai",
        usage_credential=services.NewCredential(value="sk-admin-pretend-0"),
    )
    asked: dict[str, Any] = {**shop.where, "account": "asked", "here": True}
    with pytest.raises(InputError, match="behind November 2026"):
        runs.request_run(**asked, since=DAY, until=NEXT)
    runs.request_run(**asked, since=date(2026, 9, 29), until=date(2026, 10, 2))
