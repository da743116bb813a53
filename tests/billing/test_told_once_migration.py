"""The migration after which periods are known by their first day: nothing that was told before it is told again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
from django.conf import settings
from django.db import connections

from billing.alerts.models import Notice
from billing.models import BillException, Comparison
from billing.reports.models import ReportMail, ReportView
from orbit.lib import access
from tests.console.conftest import make_tenant

migration = import_module("billing.migrations.0005_told_once")
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
IN_BERLIN = datetime(2026, 10, 31, 23, tzinfo=UTC)


def migrate() -> None:
    """What it does to rows, once more, as the owner."""
    name = connections["default"].settings_dict["NAME"]
    url = urlunsplit(urlsplit(settings.DATABASE_OWNER_URL)._replace(path=f"/{name}"))
    with psycopg.connect(url) as owner:
        for part in (
            migration.UNBOUND,
            migration.NOTICES,
            migration.MAILS,
            migration.ALARMS,
            migration.BOUND,
        ):
            owner.execute(part.encode())


def notice(organization_id: UUID, starts_at: datetime, zone: str, **more: Any) -> UUID:
    told = {"starts_at": starts_at.isoformat(), "time_zone": zone}
    return Notice.objects.create(
        organization_id=organization_id, alert_name="x", threshold="50", starts_at=starts_at,
        **{"alert_id": uuid4(), "counter": "c", "facts": told, **more},
    ).pk  # fmt: skip


def test_notices_and_mails_are_known_by_their_first_day() -> None:
    organization = make_tenant(time_zone="Europe/Berlin").organization
    pk, twice = organization.pk, uuid4()
    with access.scope(organization_id=pk):
        moved = notice(pk, IN_BERLIN, "Europe/Berlin")
        endless = notice(pk, IN_BERLIN, "UTC", facts={"starts_at": None, "time_zone": "Europe/Berlin"})
        kept = notice(pk, NOVEMBER, "UTC", alert_id=twice)
        second = notice(pk, IN_BERLIN, "Europe/Berlin", alert_id=twice)
        view = ReportView.objects.create(organization_id=pk, name="x", author="test")
        mailed = ReportMail.objects.create(
            organization_id=pk, view=view, period=IN_BERLIN, claimed_at=IN_BERLIN
        )
    for _ in range(2):
        migrate()
        with access.scope(organization_id=pk):
            found = dict(Notice.objects.values_list("pk", "starts_at"))
            assert found == {moved: NOVEMBER, endless: IN_BERLIN, kept: NOVEMBER, second: IN_BERLIN}
            assert ReportMail.objects.get(pk=mailed.pk).period == NOVEMBER


def test_exceptions_that_were_told_count_as_told() -> None:
    pk = make_tenant().organization.pk
    account_id, day = uuid4(), date(2026, 11, 3)

    def exception(cause: str, money_nano: int, model: str, **more: Any) -> UUID:
        return BillException.objects.create(
            organization_id=pk, run_id=uuid4(), account_id=account_id, account="a", day=day, model=model,
            cause=cause, money_nano=money_nano, currency="USD", **more,
        ).pk  # fmt: skip

    with access.scope(organization_id=pk):
        Comparison.objects.create(
            organization_id=pk, run_id=uuid4(), account_id=account_id, account="a", day=day, model="m",
            ours_nano=1000, final=True,
        )  # fmt: skip
        wanted = {
            exception("outside", 5, "m"): 5,
            exception("price", 11, "m"): 11,
            exception("price", 500, "n", alarmed_nano=300): 300,
            exception("rounding", 500, "m"): None,
            exception("outside", 5, "o", state="closed"): None,
        }
        Comparison.objects.create(
            organization_id=pk, run_id=uuid4(), account_id=account_id, account="a", day=day, model="l",
            ours_nano=1000, final=True,
        )  # fmt: skip
        wanted[exception("price", 9, "l")] = None  # less than a hundredth: never told
    migrate()
    with access.scope(organization_id=pk):
        assert dict(BillException.objects.values_list("pk", "alarmed_nano")) == wanted
