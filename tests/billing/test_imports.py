"""Reports as CSV files: read by a mapping, in their own unit and zone, replaced by later ones."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.models import BilledRow, Comparison, Run
from billing.reconcile import runs, sources
from billing.reconcile.connectors import mapped
from billing.reconcile.connectors.base import Unreadable, money, whole
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.models import Price
from tenants import services
from tenants.models import Organization, ProviderAccount
from tests.audit.conftest import Feed, feed

__all__ = ["feed"]

MAPPING = {
    "day": "Date",
    "model": "Model",
    "input": "In",
    "output": "Out",
    "requests": "Calls",
    "amount": "Cost",
}
HEAD = "Date,Model,In,Out,Calls,Cost"


def read(text: str, **more: Any) -> list[tuple[Any, Any]]:
    return list(mapped.rows(text.encode(), mapped.mapping(MAPPING | more)))


@pytest.mark.parametrize(("unit", "written"), [("whole", "1.25"), ("cents", "125"), ("micro", "1250000")])
def test_amounts_are_in_the_unit_that_the_mapping_names(unit: str, written: str) -> None:
    ((usage, cost),) = read(f"{HEAD}\n2026-11-03,m,10,5,2,{written}\n", amount_in=unit)
    assert cost.amount == Decimal("1.25")
    assert (usage.counts.fresh, usage.counts.output, usage.requests) == (10, 5, 2)


def test_a_day_of_another_zone_is_the_one_on_which_its_noon_lies() -> None:
    ((usage, _),) = read(f"{HEAD}\n2026-11-03,m,1,1,1,0\n", time_zone="Pacific/Auckland")
    assert usage.start.date() == date(2026, 11, 2)
    ((usage, _),) = read(f"{HEAD}\n2026-11-03,m,1,1,1,0\n", time_zone="America/Los_Angeles")
    assert usage.start.date() == date(2026, 11, 3)


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (f"{HEAD}\n2026-11-03,m,x,1,1,0\n", {}, "file: line 2"),
        (f"{HEAD}\nyesterday,m,1,1,1,0\n", {}, "file: line 2"),
        (f"{HEAD}\n2026-11-03,m,1,1,1,0\n2026-11-03,m,1,-1,1,0\n", {}, "file: line 3"),
        ("Date,Model\n", {}, "has no column 'In'"),
        (HEAD, {"amount_in": "pence"}, "mapping.amount_in"),
        (HEAD, {"colour": "x"}, "mapping.colour"),
        (HEAD, {"time_zone": "Mars/Olympus"}, "mapping.time_zone"),
        (HEAD, {"delimiter": ",,"}, "mapping.delimiter"),
        (HEAD, {"delimiter": '"'}, "mapping.delimiter"),
        (HEAD, {"currency": "dollars"}, "mapping.currency"),
        (f"{HEAD}\n2026-11-03,m,1E+300000,1,1,0\n", {}, "file: line 2: input is too large"),
        (f"{HEAD}\n2026-11-03,m,Infinity,1,1,0\n", {}, "file: line 2: input is no whole number"),
        (f"{HEAD}\n2026-11-03,m,NaN,1,1,0\n", {}, "file: line 2: input is no whole number"),
        (f"{HEAD}\n2026-11-03,m,sNaN,1,1,0\n", {}, "file: line 2: input is no whole number"),
        (f"{HEAD}\n2026-11-03,m,1.5,1,1,0\n", {}, "file: line 2: input is no whole number"),
        (f"{HEAD}\n2026-11-03,m,1,1,1,1E+300000\n", {}, "file: line 2: an amount is too large"),
        (f"{HEAD}\n2026-11-03,m,1,1,1,-1000000000\n", {}, "file: line 2: an amount is too large"),
        (f"{HEAD}\n9999-12-31,m,1,1,1,0\n", {}, "file: line 2: '9999-12-31' is too far away"),
        (f"{HEAD}\r2026-11-03,m,1,1,1,0\r", {}, "file: .*carriage return"),
        (f"{HEAD}\n2026-11-03,m\rn,1,1,1,0\n", {}, "file: .*carriage return"),
        (f"{HEAD}\n2026-11-03,{'m' * 140_000},1,1,1,0\n", {}, "file: .*longer than 131,072"),
        (f"{HEAD}\n2026-11-03,m\0,1,1,1,0\n", {}, "file: is no text"),
    ],
)
def test_what_does_not_fit_is_named(text: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(text, **more)


@pytest.mark.parametrize("value", ["1E+300000", "Infinity", "NaN", "1.5"])
def test_what_no_count_can_be_is_refused_of_a_provider_too(value: str) -> None:
    with pytest.raises(Unreadable):
        whole({"tokens": Decimal(value)}, "tokens")
    assert whole({"tokens": Decimal("1E+3")}, "tokens") == 1000


def test_an_amount_that_no_bill_has_is_refused_of_a_provider_too() -> None:
    with pytest.raises(Unreadable, match="too large"):
        money("1E+300000")
    assert money("-12.50") == Decimal("-12.50")


def _account(organization: Organization) -> ProviderAccount:
    provider = f"p-{secrets.token_hex(4)}"
    services.save_account(
        organization_id=organization.pk, name="own", kind="openai_compatible", base_url="https://llm.example.com/v1",
        prices_as=provider, credential=services.NewCredential(value="sk-own-000000000000"), actor="test",
    )  # fmt: skip
    Price.objects.create(
        provider=provider, model="m", source="test", valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        rates={"input": 1_000_000_000, "output": 2_000_000_000},
    )  # fmt: skip
    with access.scope(organization_id=organization.pk):
        return ProviderAccount.objects.get(name="own")


def _call(feed: Feed, account: ProviderAccount, day: date) -> None:
    moment = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9)
    feed.send(
        feed.call(
            admitted_us=int(moment.timestamp() * 1e6), account_id=str(account.pk), account="own", model="m", upstream_model="m",
            input_tokens=1000, output_tokens=500, cost_nano=2_000_000,
        )
    )  # fmt: skip
    feed.write()


def test_an_imported_file_is_compared_and_a_later_one_replaces_it(feed: Feed) -> None:
    account, day = _account(feed.organization), datetime.now(UTC).date() - timedelta(days=3)
    _call(feed, account, day)
    where: dict[str, Any] = {
        "organization_id": feed.id,
        "actor": "clerk",
        "account": "own",
        "mapping": MAPPING,
    }
    for amount, causes in (("0.002", []), ("0.01", ["price"])):
        run = sources.import_csv(**where, content=f"{HEAD}\n{day},m,1000,500,1,{amount}\n".encode())
        runs.perform(organization_id=feed.id, run_id=run.pk)
        with access.scope(organization_id=feed.id):
            assert Run.objects.get(pk=run.pk).state == "done"
            (row,) = Comparison.objects.all()
            assert (row.ours_tokens, row.theirs_tokens, row.calls) == (1500, 1500, 1)
            assert [part["cause"] for part in row.parts] == causes
            assert BilledRow.objects.filter(replaced_by=None).count() == 2
    with access.scope(organization_id=feed.id):
        assert BilledRow.objects.exclude(replaced_by=None).count() == 2


def test_nothing_of_a_file_with_an_error_is_kept(feed: Feed) -> None:
    _account(feed.organization)
    where: dict[str, Any] = {
        "organization_id": feed.id,
        "actor": "clerk",
        "account": "own",
        "mapping": MAPPING,
    }
    with pytest.raises(InputError, match="line 3"):
        sources.import_csv(**where, content=f"{HEAD}\n2026-11-03,m,1,1,1,0\nx,m,1,1,1,0\n".encode())
    with access.scope(organization_id=feed.id):
        assert not BilledRow.objects.exists()
        assert not Run.objects.exists()
