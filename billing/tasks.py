"""Saved reports that are due, alerts of budgets, and reconciliation in the background."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from redis.exceptions import RedisError

from billing.alerts import sending, watching
from billing.models import BilledRow
from billing.reconcile import learning, runs
from billing.reports import mailing
from orbit.lib import access

logger = logging.getLogger(__name__)
AT_ONCE = 20_000
SENDING_S = 200  # of a task that has 280


@shared_task(name="billing.tasks.send_reports", time_limit=280)
def send_reports() -> int:
    """Mails each saved report whose period has ended; returns how many. One that fails keeps none of the others back."""
    sent = 0
    for one in mailing.due():
        try:
            sent += mailing.send(one, datetime.now(UTC))
        except Exception as error:  # whatever is wrong with one is none of the others'
            logger.error("report %s was not mailed: %s", one.view_id, type(error).__name__)
    return sent


@shared_task(name="billing.tasks.watch_budgets", time_limit=280)
def watch_budgets() -> int:
    """Notes what alerts have to say, and sends what waits; returns how much was sent.

    Where something did not arrive, the rest of that organization's waits for the next minute: nobody's receiver that hangs
    keeps the others from theirs.
    """
    for organization_id in watching.watched():
        try:
            watching.watch(organization_id)
        except (RedisError, OSError, DatabaseError) as error:
            logger.warning("budgets of %s were not read: %s", organization_id, type(error).__name__)
        except Exception as error:
            logger.error("budgets of %s were not watched: %s", organization_id, type(error).__name__)
    sent, failing, until = 0, set(), time.monotonic() + SENDING_S
    for one in sending.waiting(datetime.now(UTC)):
        if one.organization_id in failing or time.monotonic() > until:
            continue
        try:
            arrived = sending.send(one, datetime.now(UTC))
        except Exception as error:
            logger.error("notice %s was not sent: %s", one.delivery_id, type(error).__name__)
            arrived = False
        sent += arrived
        if not arrived:
            failing.add(one.organization_id)
    return sent


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
    """Deletes rows of reports that have had their time; returns how many. Minutes, and those that were replaced, go after a month."""
    now = datetime.now(UTC).date()
    kept, short = now - timedelta(days=settings.ORBIT_RECONCILE_KEEP_DAYS), now - timedelta(days=31)
    passing = Q(kind=BilledRow.Kind.MINUTE) | Q(replaced_by__isnull=False)
    over = Q(day__lt=kept) | (Q(day__lt=short) & passing)
    with access.operator():
        organizations = list(
            BilledRow.objects.filter(over).values_list("organization_id", flat=True).distinct()
        )
    return sum(_forgotten(organization_id, over) for organization_id in organizations)


def _forgotten(organization_id: UUID, over: Q) -> int:
    """Some at a time, each in a transaction of its own."""
    deleted = 0
    while True:
        with access.scope(organization_id=organization_id):
            some = list(BilledRow.objects.filter(over).values_list("pk", flat=True)[:AT_ONCE])
            deleted += BilledRow.objects.filter(pk__in=some).delete()[0]
        if len(some) < AT_ONCE:
            return deleted
