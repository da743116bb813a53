"""What providers bill: their reports as they were pulled, comparisons with our ledger, exceptions and who settled them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models import ProviderAccount


class BillSource(models.Model):
    """How one provider account is reconciled. Accounts without a row are when they have a usage credential.

    `own_keys` are the provider's ids of the keys that the gateway uses; empty: every key is ours. `scopes` narrow to some of the
    provider's projects or workspaces. `tolerances` and `lag_hours` take the place of the provider's own.
    """

    account = models.OneToOneField(ProviderAccount, models.CASCADE, primary_key=True, related_name="bills")
    organization_id = models.UUIDField()
    enabled = models.BooleanField(default=True)
    base_url = models.CharField(max_length=500, blank=True)
    own_keys = models.JSONField(default=list)
    scopes = models.JSONField(default=list)
    tolerances = models.JSONField(default=dict)
    lag_hours = models.IntegerField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["BillSource"]()

    def __str__(self) -> str:
        return f"bills of {self.account_id}"


class Run(models.Model):
    """One reconciliation of one account over [since, until), days of UTC. The account is held by id and name, which outlive it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    account_id = models.UUIDField()
    account = models.CharField(max_length=63)
    connector = models.CharField(max_length=24)
    since = models.DateField()
    until = models.DateField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    step = models.CharField(max_length=80, default="", blank=True)
    percent = models.SmallIntegerField(default=0)
    problem = models.CharField(max_length=300, default="", blank=True)
    counts = models.JSONField(default=dict)  # rows, pages, days, exceptions
    asked_by = models.CharField(max_length=300)
    asker_id = models.BigIntegerField(null=True)  # the person, whose address may change
    created_at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(db_default=Now())  # when somebody last worked at it
    tries = models.SmallIntegerField(default=0)  # also names the try that may write: the last one
    finished_at = models.DateTimeField(null=True)

    objects = ScopedManager["Run"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "-created_at"], name="run_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "account_id"],
                condition=Q(state__in=["waiting", "running"]),
                name="one_run_of_an_account",
            ),
            models.UniqueConstraint(fields=["organization_id", "id"], name="run_in_organization"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)


class BilledRow(models.Model):
    """A row of a provider's report. One that a later pull replaced stays, and says by which run; it no longer counts."""

    class Kind(models.TextChoices):
        USAGE = "usage"
        MINUTE = "minute"
        COST = "cost"
        CALL = "call"  # `label`: its name there; no `requests`: the provider knows none of that name

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    run_id = models.UUIDField()
    account_id = models.UUIDField()
    kind = models.CharField(max_length=6, choices=Kind)
    day = models.DateField()
    starts_at = models.DateTimeField()
    model = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=200, null=True, blank=True)  # null: what is not told apart by key
    scope = models.CharField(max_length=200, blank=True)
    apart = models.CharField(max_length=40, blank=True)
    requests = models.BigIntegerField(null=True)
    fresh = models.BigIntegerField(default=0)
    cached = models.BigIntegerField(default=0)
    write_short = models.BigIntegerField(default=0)
    write_long = models.BigIntegerField(default=0)
    output = models.BigIntegerField(default=0)
    label = models.CharField(max_length=200, blank=True)
    part = models.CharField(max_length=12, blank=True)
    amount = models.DecimalField(max_digits=36, decimal_places=18, null=True)
    quantity = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    raw = models.JSONField(default=dict)
    pulled_at = models.DateTimeField(db_default=Now())
    replaced_by = models.UUIDField(null=True)

    objects = ScopedManager["BilledRow"]()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "account_id", "kind", "day"],
                condition=Q(replaced_by=None),
                name="billed_now",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.day} {self.model}"


class Comparison(models.Model):
    """One day of one model, both sides, as the last run found them. `parts` are the whole difference by cause."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    run_id = models.UUIDField()
    account_id = models.UUIDField()
    account = models.CharField(max_length=63)
    day = models.DateField()
    model = models.CharField(max_length=200)
    calls = models.BigIntegerField(default=0)
    ours_tokens = models.BigIntegerField(default=0)
    theirs_tokens = models.BigIntegerField(default=0)
    ours_nano = models.BigIntegerField(default=0)
    theirs_nano = models.BigIntegerField(default=0)
    estimated_nano = models.BigIntegerField(default=0)
    unexplained_nano = models.BigIntegerField(default=0)
    final = models.BooleanField()
    parts = models.JSONField(default=list)
    implied = models.JSONField(default=dict)
    compared_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["Comparison"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "day"], name="comparison_by_day")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "account_id", "day", "model"], name="comparison_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model}"


class BillException(models.Model):
    """A difference that somebody has to settle: of one account, day, model and cause, so that a run repeated finds it again.

    `evidence` names the events behind it; `adjustments` are what would be posted, each with the differences of its counts.
    `run_id` is the last run that found it, and `checked_seq` the last entry that the ledger had then.
    """

    class State(models.TextChoices):
        OPEN = "open"
        PROPOSED = "proposed"
        APPROVED = "approved"
        REJECTED = "rejected"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    run_id = models.UUIDField()
    account_id = models.UUIDField()
    account = models.CharField(max_length=63)
    day = models.DateField()
    model = models.CharField(max_length=200)
    cause = models.CharField(max_length=16)
    tokens = models.JSONField(default=dict)
    requests = models.BigIntegerField(default=0)
    money_nano = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=500, blank=True)
    evidence = models.JSONField(default=list)
    adjustments = models.JSONField(default=list)
    facts = models.JSONField(
        default=dict
    )  # of estimates: how many calls, the input as estimated and as counted
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    owner = models.CharField(max_length=254, blank=True)
    proposed_by = models.CharField(max_length=300, blank=True)
    alarmed_nano = models.BigIntegerField(null=True)  # its money when it was told last; null: never
    mail_waits = models.BooleanField(default=False, db_default=False)
    mailed_to = models.JSONField(default=list)  # of the last alarm
    settled_by = models.CharField(max_length=300, blank=True)
    settled_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    checked_seq = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["BillException"]()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "state", "-id"], name="exception_by_state"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "account_id", "day", "model", "cause"],
                condition=Q(state__in=["open", "proposed"]),
                name="one_open_exception",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.day} {self.model}"

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.OPEN, self.State.PROPOSED)
