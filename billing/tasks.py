"""Saved reports that are due, and alerts of budgets."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from celery import shared_task
from django.db import DatabaseError
from redis.exceptions import RedisError

from billing.alerts import sending, watching
from billing.reports import mailing

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.send_reports", time_limit=280)
def send_reports() -> int:
    """Mails each saved report whose period has ended; returns how many. One that fails keeps none of the others back."""
    sent = 0
    for one in mailing.due():
        try:
            sent += mailing.send(one, datetime.now(UTC))
        except DatabaseError as error:
            logger.warning("report %s was not mailed: %s", one.view_id, type(error).__name__)
    return sent


@shared_task(name="billing.tasks.watch_budgets", time_limit=280)
def watch_budgets() -> int:
    """Notes what alerts have to say, and sends what waits; returns how much was sent."""
    for organization_id in watching.watched():
        try:
            watching.watch(organization_id)
        except (RedisError, OSError, DatabaseError) as error:
            logger.warning("budgets of %s were not read: %s", organization_id, type(error).__name__)
    sent = 0
    for one in sending.waiting(datetime.now(UTC)):
        try:
            sent += sending.send(one, datetime.now(UTC))
        except DatabaseError as error:
            logger.warning("notice %s was not sent: %s", one.delivery_id, type(error).__name__)
    return sent
