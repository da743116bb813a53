"""Saved reports that are due, alerts of budgets, and reconciliation in the background."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from celery import shared_task
from django.db import DatabaseError
from redis.exceptions import RedisError

from billing import forgetting
from billing.alerts import sending, watching
from billing.reconcile import learning, runs
from billing.reports import mailing

logger = logging.getLogger(__name__)
WATCHING_S, SENDING_S = 240, 200  # of tasks that have 280
EACH_S = 20  # of an organization in a run of sending: two receivers that hang


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
    """Notes what alerts have to say; returns how much there is to be sent. It begins with another organization each minute, so that
    time that runs out keeps nobody from ever being watched."""
    told, until, rows = 0, time.monotonic() + WATCHING_S, watching.watched()
    first = int(time.time() // 60) % len(rows) if rows else 0
    for organization_id in rows[first:] + rows[:first]:
        if time.monotonic() > until:
            logger.warning("budgets were not all watched within %d seconds", WATCHING_S)
            break
        try:
            told += watching.watch(organization_id)
        except (RedisError, OSError, DatabaseError) as error:
            logger.warning("budgets of %s were not read: %s", organization_id, type(error).__name__)
        except Exception as error:
            logger.error("budgets of %s were not watched: %s", organization_id, type(error).__name__)
    return told


@shared_task(name="billing.tasks.send_notices", time_limit=280)
def send_notices() -> int:
    """Sends what waits; returns how much. Where something did not arrive, the rest for that address or host waits for the next run,
    and no organization has more than EACH_S: nobody's receiver that hangs keeps the others from theirs."""
    sent, until = 0, time.monotonic() + SENDING_S
    failing, taken = set[tuple[UUID, str]](), defaultdict[UUID, float](float)
    for one in sending.waiting(datetime.now(UTC)):
        began = time.monotonic()
        if began > until:
            break
        if (one.organization_id, one.place) in failing or taken[one.organization_id] >= EACH_S:
            continue
        try:
            arrived = sending.send(one, datetime.now(UTC))
        except Exception as error:
            logger.error("notice %s was not sent: %s", one.delivery_id, type(error).__name__)
            arrived = False
        taken[one.organization_id] += time.monotonic() - began
        sent += arrived
        if not arrived:
            failing.add((one.organization_id, one.place))
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
    """Deletes rows of reports that have had their time, and what was told long ago; returns how many rows of reports."""
    now = datetime.now(UTC)
    forgetting.forget_told(now)
    return forgetting.forget_rows(now.date())
