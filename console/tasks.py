"""What pages have done in the background: drafts tried on past calls, files, mail about requests, a sign of life."""

from __future__ import annotations

from contextlib import suppress
from smtplib import SMTPException
from typing import Any
from uuid import UUID

from celery import shared_task

from console import exports, pulse, request_mail
from console.bills import mail as bills_mail
from console.policies import trials
from orbit.lib import line

AGAIN_S = 2


@shared_task(name="console.tasks.try_draft", bind=True, max_retries=None, time_limit=300)
def try_draft(self: Any, organization_id: str, trial_id: str) -> None:
    """One trial of a draft; those that wait for their turn come back for it."""
    if not trials.run(UUID(organization_id), trial_id):
        raise self.retry(countdown=AGAIN_S)


@shared_task(name="console.tasks.make_export", time_limit=300)
def make_export(organization_id: str, person_id: int, export_id: str) -> str:
    """May run twice: the second time it finds the file made."""
    return exports.make(UUID(organization_id), person_id, export_id)


@shared_task(
    name="console.tasks.tell_of_request",
    bind=True,
    max_retries=5,
    time_limit=60,
)
def tell_of_request(self: Any, organization_id: str, request_id: str, state: str) -> int:
    """Mails whom a request is for; returns how many."""
    try:
        return request_mail.tell(UUID(organization_id), UUID(request_id), state)
    except (OSError, SMTPException) as error:
        raise self.retry(countdown=30 * 2**self.request.retries) from error


@shared_task(name="console.tasks.tell_of_bill", bind=True, max_retries=5, time_limit=60)
def tell_of_bill(self: Any, organization_id: str, exception_id: str) -> int:
    """Mails who may settle an exception that must not wait; returns how many."""
    try:
        return bills_mail.tell(UUID(organization_id), UUID(exception_id))
    except (OSError, SMTPException) as error:
        raise self.retry(countdown=30 * 2**self.request.retries) from error


@shared_task(name="console.tasks.sweep_bill_mails", time_limit=60)
def sweep_bill_mails() -> int:
    """Sends alarms of which nobody was told; returns how many."""
    waiting = bills_mail.waiting()
    for organization_id, exception_id in waiting:
        with suppress(line.Full):  # the next sweep comes
            line.join(tell_of_bill.name, str(organization_id), str(exception_id))
    return len(waiting)


@shared_task(name="console.tasks.beat", time_limit=10, bind=True)
def beat(self: Any) -> None:
    """Shows operators that the schedule runs, the queue that it came in carries, and a worker takes from it."""
    queue = (self.request.delivery_info or {}).get("routing_key")
    pulse.note(self.request.hostname or "worker", queue or line.QUEUES[0])
