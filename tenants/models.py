"""Who: organizations, their members, projects, policies, issued keys and provider accounts.

Every table but people and the installation carries its organization and is protected twice, see
`orbit.lib.access`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants import kinds, routing


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Person:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in. Staff operate the installation; the rest act through memberships."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.email


class Installation(models.Model):
    """The one row of facts that may never change under running counters."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    shards = models.SmallIntegerField(default=64)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]


class Organization(models.Model):
    class Currency(models.TextChoices):
        USD = "USD"

    class WeekStart(models.TextChoices):
        MONDAY = "monday"
        SUNDAY = "sunday"
        SATURDAY = "saturday"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, choices=Currency, default=Currency.USD)
    week_starts = models.CharField(max_length=9, choices=WeekStart, default=WeekStart.MONDAY)
    month_starts_on = models.SmallIntegerField(default=1)
    year_starts_in = models.SmallIntegerField(default=1)
    policy = models.ForeignKey("Policy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    shard = models.SmallIntegerField(editable=False)
    version = models.BigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Organization"]("id", "memberships__person_id")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(month_starts_on__range=(1, 28), year_starts_in__range=(1, 12)),
                name="organization_calendar",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        FINANCE = "finance"
        AUDITOR = "auditor"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Membership"](person_field="person_id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="one_membership"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.role}"


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
    model = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=254)
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


class Project(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="projects")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=120)
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    suspended_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Project"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "slug"], name="project_slug"),
            models.UniqueConstraint(fields=["organization", "id"], name="project_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """An issued key, stored as a keyed hash; `hint` is what we still know of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="keys")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="keys")
    name = models.SlugField(max_length=63)
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    generation = models.BigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ApiKey"]()

    class Meta:
        verbose_name = "API key"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=models.Q(revoked_at=None), name="usable_key_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderAccount(models.Model):
    """An account at a provider. Its credential is sealed here or named by reference, and never read back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="provider_accounts")
    name = models.SlugField(max_length=63)
    kind = models.CharField(max_length=24, choices=kinds.choices)
    base_url = models.CharField(max_length=500)
    prices_as = models.CharField(max_length=63)
    credential_ref = models.CharField(max_length=500, blank=True)
    credential_sealed = models.BinaryField(null=True, blank=True, editable=False)
    credential_hint = models.CharField(max_length=24, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ProviderAccount"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="account_name"),
            models.UniqueConstraint(fields=["organization", "id"], name="account_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelAlias(models.Model):
    """A model's name as applications say it, and how its calls are routed: a route.

    Time-outs that are null are the installation's. The last three facts stand above the model catalogue's.
    """

    class Affinity(models.TextChoices):
        NONE = "none"
        KEY = "key"
        END_USER = "end_user"
        CONVERSATION = "conversation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="model_aliases")
    alias = models.CharField(max_length=120)
    retries = models.SmallIntegerField(default=1)
    affinity = models.CharField(max_length=12, choices=Affinity, default=Affinity.NONE)
    connect_s = models.SmallIntegerField(null=True, blank=True)
    first_byte_s = models.SmallIntegerField(null=True, blank=True)
    gap_s = models.SmallIntegerField(null=True, blank=True)
    total_s = models.SmallIntegerField(null=True, blank=True)
    context_window = models.BigIntegerField(null=True, blank=True)
    max_output_tokens = models.BigIntegerField(null=True, blank=True)
    deprecated = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ModelAlias"]()

    class Meta:
        verbose_name_plural = "model aliases"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "alias"], name="model_alias"),
            models.UniqueConstraint(fields=["organization", "id"], name="alias_in_organization"),
            models.CheckConstraint(
                condition=models.Q(retries__range=(0, routing.MOST_RETRIES)), name="route_retries"
            ),
            models.CheckConstraint(
                condition=models.Q(affinity__in=["none", "key", "end_user", "conversation"]),
                name="route_affinity",
            ),
            *(
                models.CheckConstraint(
                    condition=models.Q(**{name: None}) | models.Q(**{f"{name}__range": (1, most)}),
                    name=f"route_{name}",
                )
                for name, most in routing.MOST_S.items()
            ),
            models.CheckConstraint(
                condition=models.Q(context_window=None) | models.Q(context_window__gte=1),
                name="route_context_window",
            ),
            models.CheckConstraint(
                condition=models.Q(max_output_tokens=None) | models.Q(max_output_tokens__gte=1),
                name="route_max_output_tokens",
            ),
        ]

    def __str__(self) -> str:
        return self.alias


class ModelTarget(models.Model):
    """Where calls of an alias may go: an account, and the model's name there. Weight 0 is a spare."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    alias = models.ForeignKey(ModelAlias, on_delete=models.CASCADE, related_name="targets")
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, related_name="targets")
    model = models.CharField(max_length=200)
    weight = models.IntegerField(default=1)
    position = models.SmallIntegerField(default=0)

    objects = ScopedManager["ModelTarget"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alias", "position"], name="target_position"),
            models.UniqueConstraint(fields=["alias", "account", "model"], name="target_once"),
            models.CheckConstraint(
                condition=models.Q(weight__range=(0, routing.MOST_WEIGHT)), name="target_weight"
            ),
            models.CheckConstraint(
                condition=models.Q(position__range=(0, routing.MOST_TARGETS - 1)), name="target_count"
            ),
        ]

    def __str__(self) -> str:
        return self.model


class ModelFallback(models.Model):
    """Whose targets are tried when an alias's own have failed. The fallback's own fallbacks are not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    alias = models.ForeignKey(ModelAlias, on_delete=models.CASCADE, related_name="fallbacks")
    fallback = models.ForeignKey(ModelAlias, on_delete=models.RESTRICT, related_name="fallback_of")
    position = models.SmallIntegerField(default=0)

    objects = ScopedManager["ModelFallback"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alias", "position"], name="fallback_position"),
            models.UniqueConstraint(fields=["alias", "fallback"], name="fallback_once"),
            models.CheckConstraint(
                condition=~models.Q(alias=models.F("fallback")), name="fallback_not_itself"
            ),
            models.CheckConstraint(
                condition=models.Q(position__range=(0, routing.MOST_FALLBACKS - 1)), name="fallback_count"
            ),
        ]

    def __str__(self) -> str:
        return str(self.fallback_id)


class ProviderObject(models.Model):
    """What a provider keeps for a key's project: a response, or an item of one. Its id opens it to nobody else."""

    class Kind(models.TextChoices):
        RESPONSE = "response"
        ITEM = "item"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    key_id = models.UUIDField()  # that asked for it; whichever key of the project may use it
    kind = models.CharField(max_length=16, choices=Kind.choices)
    object_id = models.CharField(max_length=200)
    response_id = models.CharField(max_length=200)  # whose item it is, and with which it goes
    model = models.CharField(max_length=200)  # the alias that it was asked of
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    objects = ScopedManager["ProviderObject"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "object_id"], name="provider_object_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["response", "item"]), name="provider_object_kind"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "response_id"], name="provider_object_parts")]

    def __str__(self) -> str:
        return self.object_id
