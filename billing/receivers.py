"""What goes when an organization is purged: addresses of members and what they were sent. Books stay."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.reports.models import ReportMail, ReportView
from tenants.signals import organization_purged

_GOING: tuple[Any, ...] = (ReportMail, ReportView, NoticeDelivery, Notice, Alert)


@receiver(organization_purged)
def forget(**_: Any) -> None:
    for model in _GOING:
        model.objects.all().delete()
