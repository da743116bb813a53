"""What goes when an organization is purged: addresses of members and what they were sent. Books stay. And what is sealed anew."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.alerts.rules import renewed
from billing.reports.models import ReportMail, ReportView
from tenants.secrets.local import CannotOpen
from tenants.signals import organization_purged, rewrapping

_GOING: tuple[Any, ...] = (ReportMail, ReportView, NoticeDelivery, Notice, Alert)


@receiver(organization_purged)
def forget(**_: Any) -> None:
    for model in _GOING:
        model.objects.all().delete()


@receiver(rewrapping)
def reseal(**_: Any) -> tuple[int, list[str]]:
    """Webhooks of alerts."""
    count, damaged = 0, []
    for row in Alert.objects.exclude(hook_sealed=None).order_by("name"):
        try:
            fresh = renewed(row)
        except CannotOpen:
            damaged.append(f"webhook of the alert {row.name}")
            continue
        if fresh is not None:
            Alert.objects.filter(pk=row.pk).update(hook_sealed=fresh)
            count += 1
    return count, damaged
