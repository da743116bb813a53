"""Reports in another currency: each day at its own rate, from a file that nobody changes afterwards."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from billing.exchange.models import ExchangeRate
from billing.reports.asked import question
from billing.reports.figures import Figures
from billing.reports.files import FORMS
from billing.reports.reading import Report, report
from billing.reports.shown import as_json
from orbit.lib import access
from tenants.models import Organization
from tests.audit.conftest import Feed
from tests.billing.histories import fill, ledger
from tests.console.conftest import Tenant
from tests.tenants.conftest import run

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HEAD = "day,base,quote,rate\n"


@pytest.fixture
def code(settings: Settings) -> str:
    """A currency of the test's own: rates are everybody's, and stay."""
    made = "".join(secrets.choice(string.ascii_uppercase) for _ in range(3))
    settings.ORBIT_REPORTING_CURRENCY = made
    return made


def take_in(tmp_path: Path, text: str, source: str = "a bank") -> Any:
    file = tmp_path / "rates.csv"
    file.write_text(text)
    return run("rates", "import", str(file), "--source", source)


def made(organization: Organization, **words: str) -> Report:
    with access.scope(organization_id=organization.pk):
        return report(organization, question(words), NOW)


def test_each_day_has_its_own_rate(tenant: Tenant, code: str, tmp_path: Path) -> None:
    days = (
        datetime(2026, 11, 2, tzinfo=UTC),
        datetime(2026, 11, 3, 23, 45, tzinfo=UTC),
        datetime(2026, 11, 9, tzinfo=UTC),
    )
    for at, cost in zip(days, (1_000_000_000, 10_000_000_000, 100_000_000_000), strict=True):
        tenant.bucket(at, model="fast", requests=1, cost_nano=cost)
    text = f"{HEAD}2026-11-03,USD,{code},0.5\n2026-11-04,USD,{code},0.9234567891\n"
    assert take_in(tmp_path, text).out.strip() == "2 new rates."
    found = made(tenant.organization, by="model")
    assert found.whole.cost_nano == 111_000_000_000
    assert found.whole.converted_nano == Decimal("5000000000") + Decimal("92345678910.0")
    assert found.whole.unconverted_nano == 1_000_000_000
    assert any("$1.00 is from before the first rate" in note for note in found.notes)
    told = as_json(found)
    assert told["reporting_currency"] == code
    assert told["totals"]["converted"] == told["rows"][0]["converted"] == "97.34567891"
    csv = FORMS["csv"].make(found).decode()
    assert f"Cost ({code})" in csv
    for form in ("xlsx", "pdf"):
        assert FORMS[form].make(found)


def test_rows_add_up_whatever_they_are_read_from(feed: Feed, code: str, tmp_path: Path) -> None:
    fill(feed, 8, 60)
    rates = [
        (
            datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=at),
            Decimal("0.9") + at % 7 * Decimal("0.0123456789"),
        )
        for at in range(0, 330, 3)
    ]
    take_in(tmp_path, HEAD + "".join(f"{day:%Y-%m-%d},USD,{code},{rate}\n" for day, rate in rates))

    def rate_of(moment: datetime) -> Decimal:
        return [rate for day, rate in rates if day <= moment][-1]

    exact = sum(((row["cost_nano"] or 0) * rate_of(row["admitted_at"]) for row in ledger(feed)), Decimal(0))
    for by in ("none", "project,model", "end_user", "day", "cost_centre,month", "end_user,model"):
        found = made(feed.organization, by=by, **{"from": "2026-02-01", "to": "2026-11-25"})
        assert found.whole.converted_nano == exact, by
        if found.lines:
            assert Figures.added(line.figures for line in found.lines).converted_nano == exact, by


def test_a_rate_of_the_past_stays(code: str, tmp_path: Path) -> None:
    line = f"2026-11-03,USD,{code},0.5\n"
    assert take_in(tmp_path, HEAD + line).code == 0
    assert take_in(tmp_path, HEAD + line, "again").out.strip() == "0 new rates."
    wrong = take_in(tmp_path, HEAD + f"2026-11-03,USD,{code},0.6\n")
    assert (wrong.code, "is 0.5 already" in wrong.err) == (2, True)
    older = HEAD + f"2026-11-02,USD,{code},0.4\n"
    assert (take_in(tmp_path, older).code, take_in(tmp_path, older).out) == (2, "")
    late = run("rates", "import", str(tmp_path / "rates.csv"), "--source", "a bank", "--backfill")
    assert late.out.strip() == "1 new rates."
    with access.operator():
        assert {one.source for one in ExchangeRate.objects.filter(quote=code)} == {"a bank"}
    assert f"USD/{code}  2026-11-03  0.5  a bank" in run("rates", "list").out


@pytest.mark.parametrize(
    "text",
    [
        "day,from,to,rate\n",
        HEAD + "yesterday,USD,EUR,1\n",
        HEAD + "2026-11-03,USD,Euro,1\n",
        HEAD + "2026-11-03,USD,USD,1\n",
        HEAD + "2026-11-03,USD,EUR,0\n",
        HEAD + "2026-11-03,USD,EUR,-1\n",
        HEAD + "2026-11-03,USD,EUR,NaN\n",
        HEAD + "2026-11-03,USD,EUR,0.12345678901\n",
        HEAD + "2026-11-03,USD,EUR,many\n",
    ],
)
def test_a_wrong_line_is_named_and_nothing_taken_in(tmp_path: Path, code: str, text: str) -> None:
    answer = take_in(tmp_path, f"{text[: len(HEAD)]}2026-11-02,USD,{code},1\n{text[len(HEAD) :]}")
    assert answer.code == 2
    with access.operator():
        assert not ExchangeRate.objects.filter(quote=code).exists()


def test_without_a_rate_nothing_is_converted_and_it_says_so(tenant: Tenant, code: str) -> None:
    tenant.bucket(datetime(2026, 11, 2, tzinfo=UTC), requests=1, cost_nano=5)
    found = made(tenant.organization)
    assert as_json(found)["totals"]["converted"] is None
    assert f"There is no rate from USD to {code} for these days." in found.notes
