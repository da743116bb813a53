"""Saved reports by mail: once for each day, week or month of the organization's calendar, when it has begun."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from smtplib import SMTPException
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from redis.exceptions import RedisError

from billing import recipients
from billing.reports import reading, shown
from billing.reports.asked import question
from billing.reports.files import FORMS
from billing.reports.models import ReportMail, ReportView
from billing.reports.spans import midnight, period
from orbit.lib import access, money
from orbit.lib.errors import InputError
from quotas import usage
from quotas.policies import calendar_of
from tenants.models import Organization

GRACE = timedelta(minutes=30)  # after a period's end: what was under way then has ended
PATIENCE = timedelta(hours=6)  # with a ledger that is behind: after that the mail says so
LOST = timedelta(minutes=15)  # nobody takes so long: who claimed a mail before has died
MOST_TRIES = 5
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Due:
    organization_id: UUID
    view_id: UUID


def due() -> list[Due]:
    """Every saved report that is mailed at all; `send` says whether its time has come."""
    with access.operator():
        rows = ReportView.objects.exclude(schedule=ReportView.Schedule.NEVER).order_by(
            "organization_id", "pk"
        )
        return [Due(*row) for row in rows.values_list("organization_id", "pk")]


def send(one: Due, now: datetime) -> bool:
    """Mails the report of the period that ended last, unless that was done. False when there was nothing to do.

    The row that says so is committed before anything is sent. Should the process die while it sends, the mail is sent
    again after LOST, under the same Message-ID; mail that could not be handed over is tried MOST_TRIES times.
    """
    with access.scope(organization_id=one.organization_id):
        claimed = _claim(one, now)
    if claimed is None:
        return False
    try:
        with access.scope(organization_id=one.organization_id):
            mails = _made(claimed)
    except InputError as error:
        problem = str(error)
    else:
        problem = _hand_over(claimed, mails)
    if problem:
        with access.scope(organization_id=one.organization_id):
            ReportMail.objects.filter(pk=claimed.pk).update(problem=problem[:300])
        return False
    with access.scope(organization_id=one.organization_id):
        done = ReportMail.objects.filter(pk=claimed.pk)
        done.update(
            sent_at=datetime.now(UTC),
            problem="" if mails or claimed.sent_to else "nobody is left to write to",
        )
    return True


def _hand_over(claimed: ReportMail, mails: list[EmailMessage]) -> str:
    """Each by itself: one address that is refused keeps it from nobody else, and who has it does not get it again."""
    problem = ""
    for mail in mails:
        try:
            mail.send()
        except (OSError, SMTPException) as error:
            problem = f"{type(error).__name__}: {error}"
            continue
        claimed.sent_to.append(mail.to[0])
        with access.scope(organization_id=claimed.organization_id):
            ReportMail.objects.filter(pk=claimed.pk).update(sent_to=claimed.sent_to)
    return problem


def _claim(one: Due, now: datetime) -> ReportMail | None:
    """The mail that is ours to send; None when it is not time, is done, or somebody is at it."""
    view = ReportView.objects.filter(pk=one.view_id).first()
    organization = Organization.objects.get(pk=one.organization_id)
    if view is None or view.schedule == ReportView.Schedule.NEVER or organization.deleted_at is not None:
        return None
    begun, _ = period(view.schedule, calendar_of(organization), now)
    if now < begun + GRACE or (view.scheduled_at is not None and begun <= view.scheduled_at):
        return None
    first = _first_day(organization, begun)
    done = ReportMail.objects.filter(Q(period=first, sent_at__isnull=False) | Q(period__gt=first), view=view)
    if done.exists() or (now < begun + PATIENCE and not _is_counted(organization, begun, now)):
        return None
    fresh = ReportMail(organization_id=one.organization_id, view=view, period=first, claimed_at=now, tries=1)
    ReportMail.objects.bulk_create([fresh], ignore_conflicts=True)
    mine = ReportMail.objects.filter(pk=fresh.pk).first()
    if mine is not None:
        return mine
    unsent = ReportMail.objects.filter(view=view, period=first, sent_at=None, tries__lt=MOST_TRIES)
    taken = unsent.filter(Q(claimed_at__lt=now - LOST)).update(claimed_at=now, tries=F("tries") + 1)
    return ReportMail.objects.get(view=view, period=first) if taken else None


def _first_day(organization: Organization, begun: datetime) -> datetime:
    """Of a period, as midnight of UTC: the same after the organization has moved to another time zone."""
    return datetime.combine(begun.astimezone(ZoneInfo(organization.time_zone)).date(), time(), UTC)


def _is_counted(organization: Organization, until: datetime, now: datetime) -> bool:
    """Whether every call before `until` is in the ledger; False while nobody knows."""
    try:
        return usage.complete_until(organization.shard, now) >= until
    except (RedisError, OSError):
        return False


def _made(mail: ReportMail) -> list[EmailMessage]:
    """One for each recipient who still may see figures and has it not: nobody reads who else gets it."""
    view = ReportView.objects.get(pk=mail.view_id)
    organization = Organization.objects.get(pk=mail.organization_id)
    addresses = [one for one in recipients.present(view.recipients) if one not in mail.sent_to]
    if not addresses:
        return []
    begun = midnight(mail.period.astimezone(UTC).date(), ZoneInfo(organization.time_zone))
    as_of = begun - INSTANT if _runs_on(view) else begun
    report = reading.report(organization, question(view.words), as_of)
    form = FORMS[view.form]
    content = form.make(report)
    path = f"{reverse('reports', args=[organization.slug])}?view={view.pk}"
    told = {
        "view": view,
        "report": report,
        "facts": shown.facts(report),
        "is_counted": report.complete_until is not None and report.complete_until >= begun,
        "cost": "unpriced"
        if report.whole.is_unpriced
        else money.legible(report.whole.cost_nano, report.currency),
        "link": f"{settings.ORBIT_PUBLIC_URL}{path}",
    }
    body = render_to_string("billing/email/report.txt", told)
    subject = f"{view.name}: {shown.days(report)} ({organization.name})".replace("\n", " ")
    made = []
    for address in addresses:
        message = EmailMessage(subject, body, None, [address], headers={"Message-ID": _id(mail, address)})
        message.attach(f"{shown.file_name(report)}.{form.name}", content, form.content_type.partition(";")[0])
        made.append(message)
    return made


def _runs_on(view: ReportView) -> bool:
    """Whether the report's range ends with the present: `month` in a mail at a month's beginning is the month that ended."""
    return not view.words.get("range", "month").startswith(("last-", "yesterday"))


def _id(mail: ReportMail, address: str) -> str:
    """The same whenever it is tried again."""
    return f"<report-{mail.pk}-{hashlib.sha256(address.encode()).hexdigest()[:16]}@orbit-gateway>"
