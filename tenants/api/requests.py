"""Requests for more: listed, made, approved, refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from tenants import services
from tenants.api.fields import Moment, Strict, Text
from tenants.api.paging import Paged
from tenants.api.policies import MOST_REASON
from tenants.api.resources import ActingOn, Creating, Listing, Showing
from tenants.models import PolicyRequest
from tenants.rights import Right
from tenants.schema import Invalid

# Where a policy would have what is asked for, and the field of the request that says it.
_ASKED = {".temporary.limit": "amount", ".temporary.until": "until"}


class RequestShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    policy = serializers.CharField(source="policy.name")
    limit = serializers.CharField(help_text="empty where a model is asked for")
    amount = serializers.CharField()
    granted = serializers.CharField(help_text="where less than the amount was approved")
    model = serializers.CharField(help_text="empty where a limit is to be raised")
    until = serializers.DateTimeField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(PolicyRequest.State.choices)
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(help_text="why it was decided so")
    revision = serializers.IntegerField(allow_null=True, help_text="of the policy, that an approval made")


class RequestsAsked(Paged):
    state = serializers.ChoiceField(PolicyRequest.State.choices, required=False)
    policy = Text(required=False, max_length=63)


class NewRequest(Strict):
    """Either a model, or a limit and the amount to which it shall be raised."""

    policy = Text(max_length=63)
    limit = Text(max_length=63, required=False, help_text="its name in the policy")
    amount = Text(max_length=32, required=False, help_text="as text, such as `800.00` or `2000`")
    model = Text(max_length=120, required=False)
    until = Moment()
    reason = Text(max_length=MOST_REASON)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong: dict[str, list[str]]
        if "model" in attrs:
            wrong = {one: ["a model is asked for already"] for one in ("limit", "amount") if one in attrs}
        else:
            wrong = {one: ["is missing"] for one in ("limit", "amount") if one not in attrs}
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class Requests(Listing, Creating):
    """Who asked for more of a limit or for a model, the newest first; POST asks. What is approved ends by itself."""

    scopes = {"GET": Right.ORGANIZATION_READ, "POST": Right.ORGANIZATION_READ}
    shown, body, filters = RequestShown, NewRequest, RequestsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[PolicyRequest]:
        rows = _requests()
        if "state" in asked:
            rows = rows.filter(state=asked["state"])
        return rows.filter(policy__name=asked["policy"]) if "policy" in asked else rows

    def create(self, wanted: dict[str, Any]) -> PolicyRequest:
        with _by_field():
            ask = services.request_model if "model" in wanted else services.request_more
            return ask(**self.where, **wanted)


class RequestItem(Showing):
    """One request."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown = RequestShown

    def find(self) -> PolicyRequest | None:
        return _requests().filter(pk=self.kwargs["request_id"]).first()


class _Decision(ActingOn):
    scopes = {"POST": Right.POLICIES_WRITE}
    shown = RequestShown

    def find(self) -> PolicyRequest | None:
        return _requests().filter(pk=self.kwargs["request_id"]).first()


class Approval(Strict):
    amount = Text(
        max_length=32, required=False, default="", allow_blank=True, help_text="less than was asked for"
    )
    reason = Text(max_length=MOST_REASON, required=False, default="", allow_blank=True)


class ApproveRequest(_Decision):
    """Puts what was asked for in force, as a new revision of the policy."""

    body = Approval

    def act(self, wanted: dict[str, Any]) -> None:
        with _by_field():
            services.approve_request(**self.where, request_id=self.kwargs["request_id"], **wanted)


class Refusal(Strict):
    reason = Text(max_length=MOST_REASON)


class RefuseRequest(_Decision):
    """Says no, and why."""

    body = Refusal

    def act(self, wanted: dict[str, Any]) -> None:
        services.refuse_request(**self.where, request_id=self.kwargs["request_id"], **wanted)


@contextmanager
def _by_field() -> Iterator[None]:
    """What the policy would not take is told by the field of the request, not by the policy's."""
    try:
        yield
    except Invalid as error:
        named = [
            replace(one, path=next((_ASKED[end] for end in _ASKED if one.path.endswith(end)), one.path))
            for one in error.problems
        ]
        raise Invalid(named) from None


def _requests() -> QuerySet[PolicyRequest]:
    return PolicyRequest.objects.select_related("policy")
