"""Saved reports that are due."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from celery import shared_task
from django.db import DatabaseError

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
