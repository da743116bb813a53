"""The management API's answer to "why was this refused?"."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from rest_framework import serializers
from rest_framework.response import Response

from proxy import why
from proxy.api import ENDPOINTS, ExplanationShown
from proxy.explanation import Question, explain, principal_named
from proxy.why.told import OUTCOMES
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text
from tenants.rights import Right

_BOTH = "Name a request_id, or a key and a model."


class WhyAsked(Strict):
    request_id = serializers.UUIDField(required=False, help_text="of a request that was made")
    key = Text(
        required=False, max_length=127, help_text="of one that would be made now: PROJECT/NAME or its id"
    )
    model = Text(required=False, max_length=120)
    endpoint = serializers.ChoiceField(ENDPOINTS, required=False, help_text="default: chat/completions")
    end_user = Text(required=False, max_length=256, help_text="default: the request names none")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        others = attrs.keys() - {"request_id"}
        if "request_id" in attrs and others:
            raise serializers.ValidationError({min(others): [f"goes without a request_id. {_BOTH}"]})
        missing = [name for name in ("key", "model") if name not in attrs]
        if "request_id" not in attrs and missing:
            name = "request_id" if not others else missing[0]
            raise serializers.ValidationError({name: [f"is needed. {_BOTH}"]})
        return attrs


class LimitThenShown(serializers.Serializer[Any]):
    """A limit that refused, as it was at that moment. What is absent was not known."""

    limit = serializers.CharField()
    level = serializers.CharField()
    object = serializers.CharField()
    meter = serializers.CharField()
    per = serializers.CharField(allow_null=True)
    limit_value = serializers.IntegerField(required=False)
    burst = serializers.IntegerField(required=False)
    spent = serializers.IntegerField(required=False)
    held = serializers.IntegerField(required=False)
    free = serializers.IntegerField(required=False)
    held_calls = serializers.IntegerField(required=False)
    need = serializers.IntegerField(required=False)
    retry_at = serializers.CharField(required=False)

    def to_representation(self, instance: Any) -> Any:
        return instance


class ToldShown(serializers.Serializer[Any]):
    request_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(OUTCOMES)
    message = serializers.CharField(help_text="in a sentence or two")
    at = serializers.CharField(allow_null=True)
    project = serializers.CharField(allow_null=True)
    key = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    endpoint = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True, help_text="of docs/errors.md, or the provider's own")
    status = serializers.IntegerField(
        allow_null=True, help_text="HTTP: of the refusal, or of the provider's answer"
    )
    limit = LimitThenShown(allow_null=True)
    in_ledger = serializers.BooleanField(help_text="whether there is a call to look at")

    def to_representation(self, instance: Any) -> Any:
        return instance


class WhyShown(serializers.Serializer[Any]):
    request = ToldShown(allow_null=True, help_text="of a request_id")
    now = ExplanationShown(allow_null=True, help_text="of a key and a model")

    def to_representation(self, instance: Any) -> Any:
        return instance


class Why(OrganizationEndpoint):
    """Why a request was refused, or how its call ended and what it was charged; or what a key would meet now.

    A key and a model take the scope `usage.read` besides.
    """

    scopes = {"GET": Right.CALLS_READ}
    shown, filters = WhyShown, WhyAsked

    def get(self) -> Response:
        asked = self.asked()
        if "request_id" in asked:
            told = why.told(self.organization, asked["request_id"])
            return Response({"request": told.as_json(), "now": None})
        if Right.USAGE_READ not in self.caller.scopes:
            raise PermissionDenied("A key and a model take the scope usage.read besides. Ask by request_id.")
        key = asked.pop("key")
        question = Question(**asked)
        found = explain(principal_named(self.organization.pk, key), question)
        now = {"key": key, "model": question.model, "end_user": question.end_user, **found.as_json()}
        return Response({"request": None, "now": now})
