"""What is approved, or reckoned anew, stands on the ledger as it is now: nothing is corrected twice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.models import BillException
from billing.reconcile import runs, settling, sources
from billing.repricing.posting import reprice
from billing.repricing.reading import Selection
from billing.repricing.trial import COUNTED
from orbit.lib import access
from orbit.lib.errors import InputError
from tests.audit.conftest import Feed
from tests.billing.test_repricing import INPUT, NOON, OUTPUT, SELECTION, Shop

MAPPING = {
    "day": "Date", "model": "Model", "input": "In", "output": "Out", "requests": "Calls", "amount": "Cost",
}  # fmt: skip
MILLION = 1_000_000_000


@pytest.fixture
def shop(feed: Feed) -> Shop:
    return Shop(feed)


def price(given: int, made: int) -> int:
    return (given * INPUT + made * OUTPUT) // 1_000_000


def bill(shop: Shop, given: int, made: int, calls: int, nano: int) -> list[BillException]:
    """A bill of the day comes, and what it leaves to be settled. The day behind it was idle: calls of the test end today."""
    line = f"{NOON.date()},{shop.model},{given},{made},{calls},{Decimal(nano) / MILLION}\n"
    line += f"{NOON.date() + timedelta(days=1)},{shop.model},0,0,0,0"
    run = sources.import_csv(
        **shop.where,
        account="main",
        content=f"{','.join(MAPPING.values())}\n{line}\n".encode(),
        mapping=MAPPING,
    )
    done = runs.perform(organization_id=shop.feed.id, run_id=run.pk)
    assert done is not None
    assert (done.state, done.problem) == ("done", "")
    with access.scope(organization_id=shop.feed.id):
        return list(BillException.objects.filter(state="proposed").order_by("cause"))


def approve(shop: Shop, row: BillException, *, write: bool = True) -> None:
    settling.approve(organization_id=shop.feed.id, exception_id=row.pk, actor="finance")
    if write:
        shop.feed.write()


def test_who_reprices_before_the_bill_is_approved_does_not_charge_twice(shop: Shop) -> None:
    shop.call(1_000_000, 0)
    shop.feed.write()
    (row,) = bill(shop, 1_000_000, 0, 1, 2 * INPUT)
    shop.agree(rates={"input": 2 * INPUT, "output": OUTPUT})
    reprice(**shop.where, selection=SELECTION, reason="as agreed in May")
    with pytest.raises(InputError, match="the ledger has changed"):  # what waits in the outbox counts
        approve(shop, row)
    shop.feed.write()
    with pytest.raises(InputError, match="the ledger has changed"):
        approve(shop, row)
    assert bill(shop, 1_000_000, 0, 1, 2 * INPUT) == []
    assert shop.cost() == 2 * INPUT


def test_who_approves_the_bill_first_does_not_reprice_its_days(shop: Shop) -> None:
    shop.call(1_000_000, 0)
    shop.feed.write()
    (row,) = bill(shop, 1_000_000, 0, 1, 2 * INPUT)
    approve(shop, row)
    assert shop.cost() == 2 * INPUT
    shop.agree(rates={"input": 2 * INPUT, "output": OUTPUT})
    with pytest.raises(InputError, match="approved by the provider's bill"):
        shop.reprice()
    with pytest.raises(InputError, match="approved by the provider's bill"):
        shop.reprice(Selection(NOON - timedelta(hours=1), NOON, model=shop.model))
    assert shop.reprice(Selection(SELECTION.since, SELECTION.until, model="another")).posted == 0
    assert shop.reprice(Selection(SELECTION.since, NOON - timedelta(days=1))).posted == 0
    assert shop.cost() == 2 * INPUT


def test_a_call_that_was_taken_back_is_not_reckoned_anew(shop: Shop) -> None:
    shop.call(1_000_000, 0)
    shop.call(3_000_000, 70_000)
    shop.feed.write()
    (row,) = bill(shop, 1_000_000, 0, 1, INPUT)
    assert row.cause == "missing_there"
    approve(shop, row)
    assert shop.cost() == INPUT
    shop.agree(discount_percent=Decimal(50))
    done = shop.reprice()
    assert (done.posted, done.trial.left) == (1, {COUNTED: 1})
    assert shop.cost() == INPUT // 2


def test_an_estimate_that_was_counted_is_reckoned_anew_as_counted(shop: Shop) -> None:
    shop.call(1_300_000, 90_000, usage_source="estimated", status="client_gone")
    shop.feed.write()
    (row,) = bill(shop, 1_000_000, 80_000, 1, price(1_000_000, 80_000))
    assert row.cause == "estimate"
    approve(shop, row)
    assert shop.cost() == price(1_000_000, 80_000)
    assert shop.reprice().posted == 0
    shop.agree(discount_percent=Decimal(50))
    shop.reprice()
    assert shop.cost() == price(1_000_000, 80_000) // 2


def test_a_late_settlement_is_not_corrected_once_more(shop: Shop) -> None:
    event = shop.call(1_300_000, 90_000, usage_source="lease_expired", status="lease_expired")
    shop.feed.write()
    (row,) = bill(shop, 1_000_000, 80_000, 1, price(1_000_000, 80_000))
    assert row.cause == "estimate"
    late: dict[str, Any] = {"status": "settled", "usage_source": "provider"}
    late |= {"input_tokens": 1_000_000, "output_tokens": 80_000, "cost_nano": price(1_000_000, 80_000)}
    shop.feed.send({**event, **late}, kind="late")
    shop.feed.write()
    with pytest.raises(InputError, match="the ledger has changed"):
        approve(shop, row)
    assert bill(shop, 1_000_000, 80_000, 1, price(1_000_000, 80_000)) == []
    assert shop.cost() == price(1_000_000, 80_000)


def test_what_one_run_found_is_approved_one_after_the_other(shop: Shop) -> None:
    shop.call(1_000_000, 0)
    shop.call(3_000_000, 70_000)
    shop.feed.write()
    first, second = bill(shop, 1_000_000, 0, 1, 2 * INPUT)
    assert (first.cause, second.cause) == ("missing_there", "price")
    approve(shop, first)
    approve(shop, second)
    assert shop.cost() == 2 * INPUT
    assert bill(shop, 1_000_000, 0, 1, 2 * INPUT) == []
