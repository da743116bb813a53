"""Provider accounts, the models routed to them, and what they keep for us."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants import kinds, routing
from tenants.models.keys import Project
from tenants.models.organizations import Organization


class ProviderAccount(models.Model):
    """An account at a provider. Its credentials are sealed here or named by reference, and never read back.

    The usage credential reads the provider's reports of usage and costs; calls are not made with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="provider_accounts")
    name = models.SlugField(max_length=63)
    kind = models.CharField(max_length=24, choices=kinds.choices)
    base_url = models.CharField(max_length=500)
    prices_as = models.CharField(max_length=63)
    credential_ref = models.CharField(max_length=500, blank=True)
    credential_sealed = models.BinaryField(null=True, blank=True, editable=False)
    credential_hint = models.CharField(max_length=24, blank=True, editable=False)
    credential_at = models.DateTimeField(null=True, blank=True, editable=False)  # since when it is this one
    usage_credential_ref = models.CharField(max_length=500, blank=True, db_default="")
    usage_credential_sealed = models.BinaryField(null=True, blank=True, editable=False)
    usage_credential_hint = models.CharField(max_length=24, blank=True, editable=False, db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ProviderAccount"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="account_name"),
            models.UniqueConstraint(fields=["organization", "id"], name="account_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def needs_credential(self) -> bool:
        return kinds.BY_NAME[self.kind].needs_credential

    @property
    def has_credential(self) -> bool:
        """Sealed here or by reference. What is sealed always has a hint."""
        return bool(self.credential_ref or self.credential_hint)

    @property
    def has_usage_credential(self) -> bool:
        return bool(self.usage_credential_ref or self.usage_credential_hint)


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
