"""Saved reports, and that each period's was mailed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7


class ReportView(models.Model):
    """A question with a name. `words` are those of its address; without a `schedule` it is mailed to nobody."""

    class Schedule(models.TextChoices):
        NEVER = "never"
        DAY = "day"
        WEEK = "week"
        MONTH = "month"

    class Form(models.TextChoices):
        CSV = "csv"
        XLSX = "xlsx"
        PDF = "pdf"
        JSON = "json"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    name = models.CharField(max_length=63)
    words = models.JSONField(default=dict)
    schedule = models.CharField(max_length=8, choices=Schedule, default=Schedule.NEVER)
    form = models.CharField(max_length=8, choices=Form, default=Form.XLSX)
    recipients = models.JSONField(default=list)  # addresses of members
    author = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now())
    scheduled_at = models.DateTimeField(null=True)  # periods that began before it are nobody's

    objects = ScopedManager["ReportView"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "name"], name="report_view_name"),
            models.UniqueConstraint(fields=["organization_id", "id"], name="report_view_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class ReportMail(models.Model):
    """That a saved report is mailed for a period. Written before it is sent, so that nobody sends it twice.

    `claimed_at` says since when somebody is at it; without `sent_at` long after, whoever it was has died.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    view = models.ForeignKey(ReportView, models.CASCADE, related_name="mails")
    # The first day of the period where the organization is, as midnight of UTC: the report is of what was before.
    period = models.DateTimeField()
    claimed_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, default="", blank=True)
    sent_to = models.JSONField(default=list)  # who has it, while others are still to get it

    objects = ScopedManager["ReportMail"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["view", "period"], name="report_mail_once"),
        ]

    def __str__(self) -> str:
        return f"{self.view_id} {self.period:%F}"
