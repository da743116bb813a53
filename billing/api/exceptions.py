"""Exceptions: what differs, why, by which events, and what would be posted."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from billing.models import BillException
from billing.reconcile import settling
from billing.reconcile.sides import Cause
from orbit.lib import money
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Changing, Listing
from tenants.rights import Right


class AdjustmentShown(serializers.Serializer[Any]):
    """Differences of one event that would be posted. Without `corrects`: of a whole day, or of a call that the ledger lacks."""

    corrects = serializers.UUIDField(required=False)
    at = serializers.DateTimeField(
        help_text="the `admitted_at` that it gets, so that it counts in that time's reports"
    )
    tokens = serializers.DictField(child=serializers.IntegerField())
    cost_nano = serializers.IntegerField()
    calls = serializers.IntegerField(help_text="calls that the provider counts more, or fewer")
    project_id = serializers.UUIDField(required=False)
    key_id = serializers.UUIDField(required=False)
    alias = serializers.CharField()


class ExceptionShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    account = serializers.CharField()
    day = serializers.DateField()
    model = serializers.CharField()
    cause = serializers.ChoiceField([str(one) for one in Cause])
    state = serializers.ChoiceField(BillException.State.choices)
    owner = serializers.CharField(help_text="a member's mail address; empty: nobody's yet")
    amount = serializers.SerializerMethodField(help_text="theirs less ours, in `currency`")
    money_nano = serializers.IntegerField()
    currency = serializers.CharField()
    tokens = serializers.DictField(child=serializers.IntegerField(), help_text="theirs less ours, by kind")
    requests = serializers.IntegerField()
    note = serializers.CharField()
    evidence = serializers.ListField(child=serializers.CharField(), help_text="ids of events, at most 200")
    adjustments = AdjustmentShown(many=True)
    proposed_by = serializers.CharField()
    settled_by = serializers.CharField()
    settled_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    def get_amount(self, row: BillException) -> str:
        return money.amount(row.money_nano)


class ExceptionsAsked(Paged):
    account = Text(required=False, max_length=63)
    state = serializers.ChoiceField(BillException.State.choices, required=False)
    cause = serializers.ChoiceField([str(one) for one in Cause], required=False)
    owner = Text(required=False, max_length=254)


class Exceptions(Listing, OrganizationEndpoint):
    """Differences that somebody has to settle, the newest first."""

    scopes = {"GET": Right.RECONCILE_READ}
    shown, filters = ExceptionShown, ExceptionsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[BillException]:
        names = ("account", "state", "cause", "owner")
        return BillException.objects.filter(**{name: asked[name] for name in names if name in asked})


class Owner(Strict):
    owner = Text(max_length=254, allow_blank=True, help_text="a member's mail address; empty: nobody")


class _One:
    kwargs: dict[str, Any]

    def find(self) -> BillException | None:
        return BillException.objects.filter(pk=self.kwargs["exception"]).first()


class ExceptionItem(_One, Changing):
    """One of them in full. PATCH gives it an owner."""

    scopes = {"GET": Right.RECONCILE_READ, "PATCH": Right.RECONCILE_APPROVE}
    shown, body = ExceptionShown, Owner

    def change(self, wanted: dict[str, Any]) -> None:
        settling.assign(**self.where, exception_id=self.kwargs["exception"], **wanted)


class ExceptionApproval(Strict):
    changed_at = Text(
        max_length=40, help_text="the exception's own, as it was read: newer figures are not approved unseen"
    )
    reason = Text(max_length=500, allow_blank=True, default="", help_text="stands in each adjustment")


class Verdict(Strict):
    reason = Text(max_length=500)


class Approve(_One, ActingOn):
    """Posts its adjustments to the ledger. Nobody approves what they proposed themselves, unless nobody else may."""

    scopes = {"POST": Right.RECONCILE_APPROVE}
    shown, body = ExceptionShown, ExceptionApproval

    def act(self, wanted: dict[str, Any]) -> Any:
        return settling.approve(**self.where, exception_id=self.kwargs["exception"], **wanted)


class Reject(_One, ActingOn):
    """Leaves the ledger as it is. The same figures are not brought up again."""

    scopes = {"POST": Right.RECONCILE_APPROVE}
    shown, body = ExceptionShown, Verdict

    def act(self, wanted: dict[str, Any]) -> Any:
        return settling.reject(**self.where, exception_id=self.kwargs["exception"], **wanted)


class Close(_One, ActingOn):
    """Of one that proposes nothing: it was looked into."""

    scopes = {"POST": Right.RECONCILE_APPROVE}
    shown, body = ExceptionShown, Verdict

    def act(self, wanted: dict[str, Any]) -> Any:
        return settling.close(**self.where, exception_id=self.kwargs["exception"], **wanted)
