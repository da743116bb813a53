"""Policies, what they said from when to when, and who asked for more."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models.organizations import Organization, Person


class Policy(models.Model):
    """A named policy; what it says stands in its revisions, of which `revision` is in force."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="policies")
    name = models.SlugField(max_length=63)
    revision = models.IntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Policy"]()

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="policy_name"),
            models.UniqueConstraint(fields=["organization", "id"], name="policy_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyRevision(models.Model):
    """What a policy said from one change to the next. Inserted and read, never changed; it goes with its policy.

    The database takes it along: the app has no right to delete a revision.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.DO_NOTHING, related_name="revisions")
    number = models.IntegerField()
    document = models.JSONField()
    author = models.CharField(max_length=254)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["PolicyRevision"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_revision_number"),
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"


class PolicyRequest(models.Model):
    """Somebody asks for more of a limit, or for a model, until a moment. What was approved ends then by itself."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="requests")
    limit = models.CharField(max_length=63, blank=True)
    amount = models.CharField(max_length=32, blank=True)  # as the policy writes it
    granted = models.CharField(
        max_length=32, blank=True, default="", db_default=""
    )  # where less than the amount was approved
    model = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=254)
    requester = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=500, blank=True)  # why
    revision = models.IntegerField(null=True)  # of the policy, that the approval made

    objects = ScopedManager["PolicyRequest"]()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(limit="") ^ models.Q(model=""), name="policy_request_one_thing"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "approved", "refused", "ended"]),
                name="policy_request_state",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "until"], name="policy_request_ends")]

    def __str__(self) -> str:
        return f"{self.limit or self.model} until {self.until:%F %H:%M}"
