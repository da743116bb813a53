"""Reconciliation in the background."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings

from billing.models import BilledRow
from billing.reconcile import learning, runs
from orbit.lib import access

AT_ONCE = 20_000


@shared_task(name="billing.tasks.perform_run", time_limit=7_200)
def perform_run(organization_id: str, run_id: str) -> None:
    """One reconciliation. Sent twice, it is done once."""
    runs.perform(organization_id=UUID(organization_id), run_id=UUID(run_id))


@shared_task(name="billing.tasks.reconcile_nightly", time_limit=600)
def reconcile_nightly() -> int:
    """Asks for a run of every account whose provider can be asked; returns how many. One that is under way is let be."""
    return runs.request_nightly()


@shared_task(name="billing.tasks.sweep_runs", time_limit=60)
def sweep_runs() -> int:
    """Sends runs again that no worker has got hold of."""
    return runs.sweep_runs()


@shared_task(name="billing.tasks.learn_paddings", time_limit=600)
def learn_paddings() -> int:
    """Sets the paddings that follow from what providers counted; returns how many became others."""
    return learning.learn()


@shared_task(name="billing.tasks.forget_reports", time_limit=600)
def forget_reports() -> int:
    """Deletes rows of reports that have had their time, minutes and those that were replaced first of all; returns how many."""
    now = datetime.now(UTC).date()
    kept, short = now - timedelta(days=settings.ORBIT_RECONCILE_KEEP_DAYS), now - timedelta(days=31)
    with access.operator():
        organizations = list(
            BilledRow.objects.filter(day__lt=short).values_list("organization_id", flat=True).distinct()
        )
    deleted = 0
    for organization_id in organizations:
        with access.scope(organization_id=organization_id):
            old = BilledRow.objects.filter(day__lt=kept)
            for rows in (old, BilledRow.objects.filter(kind=BilledRow.Kind.MINUTE, day__lt=short)):
                some = list(rows.values_list("pk", flat=True)[:AT_ONCE])
                deleted += BilledRow.objects.filter(pk__in=some).delete()[0]
    return deleted
