"""What is deleted when it has had its time: rows of providers' reports, and what people were told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from billing.alerts.models import Notice, NoticeDelivery
from billing.models import BilledRow
from billing.reports.models import ReportMail
from orbit.lib import access

Row = type[BilledRow] | type[ReportMail] | type[NoticeDelivery] | type[Notice]
AT_ONCE = 20_000
PASSING = timedelta(days=31)  # minutes, single calls, and what was replaced
TOLD = timedelta(days=400)
UNSENT = timedelta(days=31)  # it is tried for days: after that it only says why it never arrived


def forget_rows(today: date) -> int:
    """Rows of reports; returns how many. Minutes, single calls, and those that were replaced, go after a month."""
    kept, short = today - timedelta(days=settings.ORBIT_RECONCILE_KEEP_DAYS), today - PASSING
    passing = Q(kind__in=(BilledRow.Kind.MINUTE, BilledRow.Kind.CALL)) | Q(replaced_by__isnull=False)
    return _forgotten(BilledRow, Q(day__lt=kept) | (Q(day__lt=short) & passing))


def forget_told(now: datetime) -> int:
    """Notices, their deliveries and mails of reports; returns how many rows. What was never sent goes after a month."""
    old, unsent = now - TOLD, now - UNSENT
    return (
        _forgotten(ReportMail, Q(claimed_at__lt=old) | Q(sent_at=None, claimed_at__lt=unsent))
        + _forgotten(NoticeDelivery, Q(sent_at=None, notice__created_at__lt=unsent))
        + _forgotten(Notice, Q(created_at__lt=old))
    )


def _forgotten(model: Row, over: Q) -> int:
    with access.operator():
        rows = model.objects.filter(over).order_by().values_list("organization_id", flat=True)
        organizations = list(rows.distinct())
    return sum(_deleted(model, organization_id, over) for organization_id in organizations)


def _deleted(model: Row, organization_id: UUID, over: Q) -> int:
    """Some at a time, each in a transaction of its own."""
    deleted = 0
    while True:
        with access.scope(organization_id=organization_id):
            some: list[Any] = list(model.objects.filter(over).values_list("pk", flat=True)[:AT_ONCE])
            deleted += model.objects.filter(pk__in=some).delete()[0]
        if len(some) < AT_ONCE:
            return deleted
