"""Models as applications name them, and their routes."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from tenants import routing, services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text, Whole, Words
from tenants.api.paging import Paged
from tenants.api.resources import Listing, Putting, Removing
from tenants.models import ModelAlias
from tenants.rights import Right
from tenants.schema.routes import AFFINITIES
from tenants.schema.values import LARGEST


class TargetShown(serializers.Serializer[Any]):
    account = serializers.CharField(source="account.name")
    model = serializers.CharField()
    weight = serializers.IntegerField()


class TimeoutsShown(serializers.Serializer[Any]):
    """In seconds; null: the installation's."""

    connect_s = serializers.IntegerField(allow_null=True)
    first_byte_s = serializers.IntegerField(allow_null=True)
    gap_s = serializers.IntegerField(allow_null=True)
    total_s = serializers.IntegerField(allow_null=True)


class ModelShown(serializers.Serializer[Any]):
    alias = serializers.CharField()
    targets = TargetShown(many=True)
    fallbacks = serializers.ListField(child=serializers.CharField())
    retries = serializers.IntegerField()
    affinity = serializers.ChoiceField(AFFINITIES)
    timeouts = TimeoutsShown()
    context_window = serializers.IntegerField(allow_null=True)
    max_output_tokens = serializers.IntegerField(allow_null=True)
    deprecated = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: ModelAlias) -> Any:
        fallbacks = sorted(instance.fallbacks.all(), key=lambda one: one.position)
        own = ("alias", "retries", "affinity", "context_window", "max_output_tokens", "created_at")
        return super().to_representation(
            {name: getattr(instance, name) for name in own}
            | {
                "targets": sorted(instance.targets.all(), key=lambda one: one.position),
                "fallbacks": [one.fallback.alias for one in fallbacks],
                "timeouts": {name: getattr(instance, name) for name in routing.MOST_S},
                "deprecated": instance.deprecated or None,
            }
        )


class TargetBody(Strict):
    account = Text(max_length=63)
    model = Text(max_length=200, help_text="its name at the provider")
    weight = Whole(min_value=0, max_value=routing.MOST_WEIGHT, default=1, help_text="0: a spare")


class TimeoutsBody(Strict):
    """In whole seconds. The installation's own where it says nothing."""

    connect_s = Whole(min_value=1, max_value=routing.MOST_S["connect_s"], allow_null=True, required=False)
    first_byte_s = Whole(
        min_value=1, max_value=routing.MOST_S["first_byte_s"], allow_null=True, required=False
    )
    gap_s = Whole(min_value=1, max_value=routing.MOST_S["gap_s"], allow_null=True, required=False)
    total_s = Whole(min_value=1, max_value=routing.MOST_S["total_s"], allow_null=True, required=False)


class ModelBody(Strict):
    targets = TargetBody(many=True)
    fallbacks = Words(required=False, max_length=routing.MOST_FALLBACKS)
    retries = Whole(min_value=0, max_value=routing.MOST_RETRIES, required=False)
    affinity = serializers.ChoiceField(AFFINITIES, required=False)
    timeouts = TimeoutsBody(required=False)
    context_window = Whole(min_value=1, max_value=LARGEST, allow_null=True, required=False)
    max_output_tokens = Whole(min_value=1, max_value=LARGEST, allow_null=True, required=False)
    deprecated = Text(max_length=500, allow_null=True, required=False)


class ModelsAsked(Paged):
    account = Text(required=False, max_length=63, help_text="only those with a target there")


class Models(Listing, OrganizationEndpoint):
    """Models and their routes, by alias."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, filters, ordering = ModelShown, ModelsAsked, "alias"

    def rows(self, asked: dict[str, Any]) -> QuerySet[ModelAlias]:
        rows = _models()
        if "account" in asked:
            there = ModelAlias.objects.filter(targets__account__name=asked["account"])
            rows = rows.filter(pk__in=there.values("pk"))
        return rows


class ModelItem(Putting, Removing):
    """One model. PUT says the whole route: what is left out is as for a new one."""

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PUT": Right.MODELS_WRITE,
        "DELETE": Right.MODELS_WRITE,
    }
    shown, body = ModelShown, ModelBody

    def find(self) -> ModelAlias | None:
        alias = self.kwargs["alias"]
        if not alias.isprintable():  # NUL among others, which the database does not take
            return None
        return _models().filter(alias=alias).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        targets = [services.NewTarget(**one) for one in wanted.pop("targets")]
        return services.save_model(
            **self.where, alias=self.kwargs["alias"], targets=targets, **wanted
        ).created

    def remove(self) -> None:
        services.delete_model(**self.where, alias=self.kwargs["alias"])


def _models() -> QuerySet[ModelAlias]:
    return ModelAlias.objects.prefetch_related("targets__account", "fallbacks__fallback")
