"""What an organization wants to be told of its budgets, what it was told, and by which way."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7


class Alert(models.Model):
    """A rule. `budget` names the limits it watches; empty is every limit of cost.

    `hook_sealed` is a JSON object of `url` and `secret`: an address of Slack's is itself a secret. `hook_host` may be shown.
    """

    class Form(models.TextChoices):
        ORBIT = "orbit"
        SLACK = "slack"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    name = models.CharField(max_length=63)
    budget = models.CharField(max_length=63, default="", blank=True)
    percents = models.JSONField(default=list)
    on_forecast = models.BooleanField(default=False)
    recipients = models.JSONField(default=list)
    hook_form = models.CharField(max_length=8, choices=Form, default=Form.ORBIT)
    hook_host = models.CharField(max_length=260, default="", blank=True)
    hook_sealed = models.BinaryField(null=True)
    author = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now())
    watched_at = models.DateTimeField(null=True)  # of many keys: those used before it were looked at

    objects = ScopedManager["Alert"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "name"], name="alert_name"),
            models.UniqueConstraint(fields=["organization_id", "id"], name="alert_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """That a rule spoke: of one budget, one of its periods and one threshold, once.

    It stays when its rule goes. `is_silent`: it was passed together with a higher one, which was told. `starts_at` is the first
    day of the period where the organization is, as midnight of UTC.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    alert_id = models.UUIDField()
    alert_name = models.CharField(max_length=63)
    counter = models.CharField(max_length=300)
    starts_at = models.DateTimeField()
    threshold = models.CharField(max_length=16)  # a percentage, or `forecast`
    facts = models.JSONField(default=dict)
    is_silent = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["Notice"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["alert_id", "counter", "starts_at", "threshold"], name="notice_once"
            ),
            models.UniqueConstraint(fields=["organization_id", "id"], name="notice_in_organization"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization_id", "-id"], name="notice_newest")]

    def __str__(self) -> str:
        return f"{self.alert_name} {self.threshold}"


class NoticeDelivery(models.Model):
    """One way of a notice. `claimed_at` says since when somebody sends it; long after, without `sent_at`, they have died."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries")
    way = models.CharField(max_length=8)  # mail, webhook
    to = models.CharField(max_length=260)  # an address, or a host
    claimed_at = models.DateTimeField(null=True)
    tries = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, default="", blank=True)

    objects = ScopedManager["NoticeDelivery"]()

    class Meta:
        verbose_name_plural = "notice deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "way", "to"], name="notice_delivery_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["claimed_at"], name="notice_unsent", condition=models.Q(sent_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.way} {self.to}"
