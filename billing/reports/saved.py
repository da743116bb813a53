"""Saved reports: made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from billing.recipients import checked
from billing.reports import spans
from billing.reports.asked import question
from billing.reports.models import ReportMail, ReportView
from orbit.lib.errors import InputError
from quotas.policies import calendar_of
from tenants.rights import Right
from tenants.schema import values
from tenants.services.saved import Actor, Saved, changing, differences, valid

MOST = 100  # of an organization
FIELDS = ("name", "words", "schedule", "form", "recipients")


def save_report_view(
    *,
    organization_id: UUID,
    actor: Actor,
    name: str,
    words: Mapping[str, Any],
    schedule: str = ReportView.Schedule.NEVER,
    form: str = ReportView.Form.XLSX,
    recipients: Sequence[str] = (),
    view_id: UUID | None = None,
) -> Saved[ReportView]:
    """A new one, or the one with that id as it is given here. `words` are those that a report is asked for by.

    One that is mailed goes to members, and covers days that move on.
    """
    valid("name", values.title, name)
    if len(name) > 63:
        raise InputError("name", "must be at most 63 characters")
    _one_of("schedule", schedule, ReportView.Schedule.values)
    _one_of("form", form, ReportView.Form.values)
    with changing(organization_id, actor, Right.REPORTS_WRITE) as change:
        asked = question(words)
        span = spans.chosen(asked.words, calendar_of(change.organization), datetime.now(UTC))
        is_mailed = schedule != ReportView.Schedule.NEVER
        if is_mailed and span.name == "custom":
            raise InputError(
                "range", "never moves on, so its mail would always be the same", "choose another range"
            )
        wanted = {
            "name": name,
            "words": dict(asked.words),
            "schedule": schedule,
            "form": form,
            "recipients": checked(recipients, needed=is_mailed),
        }
        row = _found(view_id)
        if any(one != view_id for one in ReportView.objects.filter(name=name).values_list("pk", flat=True)):
            raise InputError("name", f"{name!r} is taken", "choose another")
        created = row is None
        if row is None:
            if ReportView.objects.count() >= MOST:
                raise InputError("name", f"would be more than {MOST} saved reports", "delete one first")
            row = ReportView(organization_id=organization_id, author=change.actor[:254])
        new = wanted if created else differences(row, wanted)
        before = None if created else {field: getattr(row, field) for field in new}
        if not new:
            return Saved(row, created=False)
        for field, value in new.items():
            setattr(row, field, value)
        if "schedule" in new and is_mailed:
            row.scheduled_at = datetime.now(UTC)
        row.save(force_insert=created)
        change.act("report.create" if created else "report.update", name, before, new)
    return Saved(row, created=created, fields=tuple(new))


def delete_report_view(*, organization_id: UUID, actor: Actor, view_id: UUID) -> bool:
    """Whether there was one."""
    with changing(organization_id, actor, Right.REPORTS_WRITE) as change:
        row = ReportView.objects.filter(pk=view_id).first()
        if row is None:
            return False
        ReportMail.objects.filter(view=row).delete()
        change.act("report.delete", row.name, {field: getattr(row, field) for field in FIELDS})
        row.delete()
    return True


def report_views() -> QuerySet[ReportView]:
    return ReportView.objects.order_by("name")


def _found(view_id: UUID | None) -> ReportView | None:
    if view_id is None:
        return None
    row = ReportView.objects.filter(pk=view_id).first()
    if row is None:
        raise InputError("report", "there is no such saved report")
    return row


def _one_of(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(
            field, f"{value!r} is not known", values.nearest(value, known) or f"one of: {', '.join(known)}"
        )
