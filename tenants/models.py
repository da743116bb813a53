"""Who: organizations, their members, projects, policies, issued keys and provider accounts.

Every table but people and the installation carries its organization and is protected twice, see
`orbit.lib.access`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants import kinds, rotation, routing
from tenants.rights import BUILT_IN, Right, known


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
    # Null while somebody waits for an operator; they may sign in, and see that they wait.
    approved_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    approved_by = models.CharField(max_length=254, blank=True)

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
    # The operator's policy over the organization's own: a document as revisions have it, copied, not referred to.
    ceiling = models.JSONField(null=True, blank=True)
    ceiling_revision = models.IntegerField(default=0)
    founded_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    shard = models.SmallIntegerField(editable=False)
    version = models.BigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_for = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    purge_at = models.DateTimeField(null=True, blank=True)
    # Nothing is left but this row, by whose slug the ledger is read.
    purged_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Organization"]("id", "memberships__person_id")

    class Meta:
        permissions: ClassVar = [
            ("suspend_organization", "Can suspend and resume organizations, projects and keys")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(month_starts_on__range=(1, 28), year_starts_in__range=(1, 12)),
                name="organization_calendar",
            ),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None, purge_at=None, purged_at=None)
                | models.Q(deleted_at__isnull=False, purge_at__gte=models.F("deleted_at")),
                name="organization_deletion",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_closed(self) -> bool:
        """Whether all its keys are refused."""
        return self.suspended_at is not None or self.deleted_at is not None


class CustomRole(models.Model):
    """A role of the organization's own: a named set of rights."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="custom_roles")
    name = models.SlugField(max_length=63)
    words = ArrayField(models.CharField(max_length=40), db_column="rights", verbose_name="rights")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["CustomRole"](person_field="memberships__person_id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="custom_role_name"),
            models.UniqueConstraint(fields=["organization", "id"], name="custom_role_in_organization"),
            models.CheckConstraint(
                condition=~models.Q(name__in=list(BUILT_IN)), name="custom_role_not_built_in"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rights(self) -> frozenset[Right]:
        return known(self.words)


class Membership(models.Model):
    """A person in an organization, with a built-in role or one of the organization's own."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        FINANCE = "finance"
        AUDITOR = "auditor"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, blank=True)
    custom_role = models.ForeignKey(
        CustomRole, null=True, blank=True, on_delete=models.RESTRICT, related_name="memberships"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Membership"](person_field="person_id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="one_membership"),
            models.CheckConstraint(
                condition=models.Q(role__in=list(BUILT_IN), custom_role=None)
                | models.Q(role="", custom_role__isnull=False),
                name="membership_one_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.role_name}"

    @property
    def role_name(self) -> str:
        return self.custom_role.name if self.custom_role else self.role

    @property
    def rights(self) -> frozenset[Right]:
        return self.custom_role.rights if self.custom_role else BUILT_IN[self.role]


class Invitation(models.Model):
    """An offer of membership, mailed as a link whose token is stored as a digest. Accepted once, or never.

    The role is found by its name when it is accepted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=63)
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    invited_by = models.CharField(max_length=254)
    inviter = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager["Invitation"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None), name="invitation_one_end"
            ),
        ]

    def __str__(self) -> str:
        return self.email


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
    suspended_for = models.CharField(max_length=200, blank=True)
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


class ServiceAccount(models.Model):
    """A member of a project that is no person. It owns keys, and they end with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="service_accounts")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="service_accounts")
    name = models.SlugField(max_length=63)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager["ServiceAccount"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=models.Q(removed_at=None), name="service_account_name"
            ),
            # what keys refer to, so that a key's service account is one of its own project
            models.UniqueConstraint(
                fields=["organization", "project", "id"], name="service_account_in_project"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """An issued key. Its secret of today is stored as a keyed hash; `hint` is what we still know of it.

    It may be a person's own or a service account's; else it is its project's. `allow` narrows it beside its policies,
    and says only what does: `{}` allows what they allow.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="keys")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="keys")
    name = models.SlugField(max_length=63)
    person = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="keys",
        verbose_name="own key of",
    )
    service_account = models.ForeignKey(
        ServiceAccount, null=True, blank=True, on_delete=models.RESTRICT, related_name="keys"
    )
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    allow = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()), blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_for = models.CharField(max_length=200, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotate_after_days = models.SmallIntegerField(null=True, blank=True)
    rotation_due_at = models.DateTimeField(null=True, blank=True)
    rotation_told_at = models.DateTimeField(null=True, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=models.Q(person=None) | models.Q(service_account=None), name="key_one_owner"
            ),
            models.UniqueConstraint(fields=["organization", "id"], name="key_in_organization"),
            models.CheckConstraint(
                condition=models.Q(rotate_after_days=None)
                | models.Q(rotate_after_days__range=(1, rotation.MOST_DAYS), rotation_due_at__isnull=False),
                name="key_rotate_after_days",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["rotation_due_at"],
                condition=models.Q(revoked_at=None, rotation_due_at__isnull=False),
                name="rotation_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owner(self) -> str | None:
        """As files and acts name it: a member's address or a service account's name."""
        if self.person is not None:
            return self.person.email
        return self.service_account.name if self.service_account is not None else None

    @property
    def last_use(self) -> KeyUse | None:
        """None for a key that was never used. Read along with `select_related("use")`."""
        return getattr(self, "use", None)

    @property
    def refused_from(self) -> datetime | None:
        """When the secret of today ends by itself: the key's expiry, or a rotation that nobody made."""
        due = self.rotation_due_at
        return rotation.earliest(self.expires_at, due and due + rotation.GRACE)


class FormerSecret(models.Model):
    """A secret that a rotation replaced. It works until its moment, and is known for good, should it turn up somewhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="former_secrets")
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    works_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["FormerSecret"]()

    def __str__(self) -> str:
        return self.hint


class KeyUse(models.Model):
    """When a key was last used, to the minute, and from where; kept by the ledger's writer.

    No constraint to the key: what the ledger says stands, whatever became of the key meanwhile.
    """

    key = models.OneToOneField(
        ApiKey, primary_key=True, db_constraint=False, on_delete=models.CASCADE, related_name="use"
    )
    organization_id = models.UUIDField()
    used_at = models.DateTimeField()
    address = models.CharField(max_length=64, blank=True)

    objects = ScopedManager["KeyUse"]()

    def __str__(self) -> str:
        return f"{self.used_at:%F %H:%M}"


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
