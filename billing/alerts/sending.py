"""Notices on their way: each delivery is claimed in a transaction of its own before it is sent, and marked after it.

A process that dies in between leaves a claim. After LOST another one sends it again under the same id (`webhook-id`,
Message-ID), by which a receiver knows what it has had already.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import F, Max, Q, Window
from django.db.models.functions import RowNumber
from django.template.loader import render_to_string
from django.urls import reverse

from billing import recipients
from billing.alerts import words
from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.alerts.rules import Hook, hook_of
from orbit.lib import access
from orbit.lib.errand import fetch
from orbit.lib.exchange import EgressError
from orbit.lib.signing import signature
from tenants.models import Organization
from tenants.secrets.local import CannotOpen

LOST = timedelta(minutes=5)
MOST_TRIES = 8
EACH, MOST = 10, 5_000  # of an organization, and of all: the rest is read by the next run
SECONDS, MOST_BYTES = 10.0, 65_536
KEPT = timedelta(days=3)  # later it is no news


@dataclass(frozen=True, slots=True)
class Waiting:
    """`place` is what it goes to: an address or a host."""

    organization_id: UUID
    delivery_id: UUID
    place: str = ""


class NotTaken(Exception):
    """The other side did not take it."""


def waiting(now: datetime) -> list[Waiting]:
    """What is to be sent now: the oldest EACH of every organization, one of each before any second one.

    Organizations of which something did not arrive lately come after all others, so that receivers that hang cost their own
    organizations alone.
    """
    with access.operator():
        news = NoticeDelivery.objects.filter(sent_at=None, notice__created_at__gt=now - KEPT)
        tried = news.filter(tries__gt=0).values_list("organization_id").annotate(Max("tries"))
        failing = dict(tried.order_by())
        rank = Window(RowNumber(), partition_by=F("organization_id"), order_by=[F("tries"), F("pk")])
        rows = news.filter(_free(now)).annotate(rank=rank).filter(rank__lte=EACH).order_by("rank", "pk")
        found = list(rows.values_list("organization_id", "pk", "to")[:MOST])
    return [Waiting(*row) for row in sorted(found, key=lambda row: failing.get(row[0], 0))]


def _free(now: datetime) -> Q:
    """Nobody is at it. After each try it waits twice as long, up to some hours."""
    due = Q(claimed_at=None)
    for tries in range(1, MOST_TRIES):
        due |= Q(tries=tries, claimed_at__lt=now - LOST * 2 ** (tries - 1))
    return due & Q(sent_at=None)


def send(one: Waiting, now: datetime) -> bool:
    """Whether it was ours to send, and arrived."""
    with access.scope(organization_id=one.organization_id):
        mine = NoticeDelivery.objects.filter(_free(now), pk=one.delivery_id)
        if not mine.update(claimed_at=now, tries=F("tries") + 1):
            return False
    try:
        with access.scope(organization_id=one.organization_id):
            delivery = NoticeDelivery.objects.select_related("notice").get(pk=one.delivery_id)
            organization = Organization.objects.get()
            alert = Alert.objects.filter(pk=delivery.notice.alert_id).first()
            hook = hook_of(alert) if alert is not None and delivery.way == "webhook" else None
            still = recipients.present([delivery.to]) if delivery.way == "mail" else []
        link = f"{settings.ORBIT_PUBLIC_URL}{reverse('budgets', args=[organization.slug])}"
        if hook is not None and alert is not None:
            _post(hook, delivery.notice, alert.hook_form, link)
        elif still:
            _mail(delivery, organization, link)
        problem, arrived = ("", True) if hook or still else ("nobody is left to tell", True)
    except (EgressError, NotTaken, CannotOpen, OSError, SMTPException) as error:
        problem, arrived = (str(error) or type(error).__name__)[:300], False
    with access.scope(organization_id=one.organization_id):
        done = NoticeDelivery.objects.filter(pk=one.delivery_id)
        done.update(problem=problem, sent_at=datetime.now(UTC) if arrived else None)
    return arrived


def _post(hook: Hook, notice: Notice, form: str, link: str) -> None:
    """As https://www.standardwebhooks.com describes it: the same id however often it is posted."""
    content, name, stamp = words.posted(notice, form, link), f"msg_{notice.pk.hex}", str(int(time.time()))
    try:
        key = base64.b64decode(hook.secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise NotTaken("its secret is damaged; save the webhook anew") from None
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", name),
        ("webhook-timestamp", stamp),
        ("webhook-signature", signature(key, name, stamp, content)),
    ]
    answer = fetch(
        "POST",
        hook.url,
        headers,
        content,
        private_targets=settings.ORBIT_PRIVATE_TARGETS,
        seconds=SECONDS,
        most_bytes=MOST_BYTES,
    )
    if not 200 <= answer.status < 300:
        raise NotTaken(f"answered {answer.status}")


def _mail(delivery: NoticeDelivery, organization: Organization, link: str) -> None:
    notice = delivery.notice
    told = {"notice": notice, "sentence": words.sentence(notice), "organization": organization, "link": link}
    body = render_to_string("billing/email/alert.txt", told)
    subject = f"{words.subject(notice)} ({organization.name})".replace("\n", " ")
    headers = {"Message-ID": f"<notice-{delivery.pk}@orbit-gateway>"}
    get_connection().send_messages([EmailMessage(subject, body, None, [delivery.to], headers=headers)])
