"""Budgets, the rules that watch them, and what these have said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from billing.alerts import rules
from billing.alerts.models import Alert, Notice
from billing.alerts.words import sentence
from billing.budgets import budgets
from orbit.lib.errors import InputError
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Flag, Strict, Text, Whole, Words
from tenants.api.paging import Paged
from tenants.api.resources import Creating, Listing, Putting, Removing
from tenants.rights import Right
from tenants.services.saved import Saved


class BudgetShown(serializers.Serializer[Any]):
    """A limit of cost, in billionths of the currency. `pace` 1 would spend all of it exactly at the end."""

    name = serializers.CharField()
    level = serializers.CharField()
    object = serializers.CharField(help_text="the organization's slug, a project's, or PROJECT/NAME of a key")
    per = serializers.CharField()
    models = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="null: of all")
    shadow = serializers.BooleanField(help_text="whether it only reports")
    limit_nano = serializers.IntegerField()
    spent_nano = serializers.IntegerField()
    held_nano = serializers.IntegerField(help_text="for calls in flight")
    percent = serializers.FloatField(help_text="of the limit that is spent")
    elapsed_percent = serializers.FloatField(allow_null=True, help_text="of its time that has gone")
    pace = serializers.FloatField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True, help_text="null: it never begins anew")
    ends_at = serializers.DateTimeField(allow_null=True)
    expected_nano = serializers.IntegerField(
        allow_null=True, help_text="at the end; null: too little history"
    )
    low_nano = serializers.IntegerField(allow_null=True, help_text="eight of ten end between these")
    high_nano = serializers.IntegerField(allow_null=True)


class BudgetsShown(serializers.Serializer[Any]):
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    data = BudgetShown(many=True)  # type: ignore[assignment]


class Budgets(OrganizationEndpoint):
    """Every limit of cost with what is spent of it, how that compares with its time, and where it will end."""

    scopes = {"GET": Right.USAGE_READ}
    shown = BudgetsShown

    def get(self) -> Response:
        self.asked()
        answer = {
            "currency": self.organization.currency,
            "time_zone": self.organization.time_zone,
            "data": budgets(self.organization),
        }
        return Response(BudgetsShown(answer).data)


class AlertShown(serializers.Serializer[Any]):
    """A rule. Of a webhook's address only the host is shown: the rest may be a secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    budget = serializers.CharField(help_text="the limits' name; empty: every limit of cost")
    percents = serializers.ListField(child=serializers.IntegerField())
    on_forecast = serializers.BooleanField()
    recipients = serializers.ListField(child=serializers.CharField())
    webhook_host = serializers.CharField(source="hook_host", help_text="empty: there is none")
    webhook_form = serializers.ChoiceField(Alert.Form.choices, source="hook_form")
    author = serializers.CharField()
    created_at = serializers.DateTimeField()


class AlertMade(AlertShown):
    webhook_secret = serializers.CharField(
        allow_blank=True, help_text="what signatures are checked with; shown this once"
    )

    def to_representation(self, instance: Saved[Alert]) -> Any:
        return {**AlertShown(instance.row).data, "webhook_secret": instance.secret}


class AlertBody(Strict):
    name = Text(max_length=63)
    budget = Text(
        max_length=63, allow_blank=True, default="", help_text="limits' name; empty: every limit of cost"
    )
    percents = serializers.ListField(
        child=Whole(min_value=1, max_value=1000), max_length=rules.MOST_PERCENTS, required=False, default=list
    )
    on_forecast = Flag(default=False, help_text="when it will not last")
    recipients = Words(required=False, default=list, help_text="addresses of members who may see figures")
    webhook_url = Text(
        max_length=rules.LONGEST_URL,
        required=False,
        allow_blank=True,
        help_text="with POST; absent: as it is, empty: none",
    )
    webhook_form = serializers.ChoiceField(
        Alert.Form.choices, required=False, help_text="absent: as it is, `orbit` of a new alert"
    )


class Alerts(Listing, Creating):
    """Rules of alerts, the newest first; POST makes one."""

    scopes = {"GET": Right.USAGE_READ, "POST": Right.REPORTS_WRITE}
    shown, created, body, filters = AlertShown, AlertMade, AlertBody, Paged

    def rows(self, asked: dict[str, Any]) -> QuerySet[Alert]:
        return Alert.objects.all()

    def create(self, wanted: dict[str, Any]) -> Saved[Alert]:
        with _named():
            saved = rules.save_alert(**self.where, **_given(wanted))
        saved.row.refresh_from_db()
        return saved


class AlertItem(Putting, Removing):
    """One rule. PUT leaves its webhook, or takes it away; a new one is a new rule, whose secret POST shows."""

    scopes = {"GET": Right.USAGE_READ, "PUT": Right.REPORTS_WRITE, "DELETE": Right.REPORTS_WRITE}
    shown, body = AlertShown, AlertBody

    def find(self) -> Alert | None:
        return Alert.objects.filter(pk=self.kwargs["alert"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        if self.find() is None:
            raise Http404  # ids are ours to give
        if wanted.get("webhook_url"):
            raise serializers.ValidationError(
                {"webhook_url": ["is set by POST alone, which shows its secret; make the alert anew"]}
            )
        with _named():
            return rules.save_alert(**self.where, **_given(wanted), alert_id=self.kwargs["alert"]).created

    def remove(self) -> None:
        rules.delete_alert(**self.where, alert_id=self.kwargs["alert"])


@contextmanager
def _named() -> Iterator[None]:
    """Errors name the fields as the body does."""
    try:
        yield
    except InputError as error:
        raise InputError(error.path.replace("hook_", "webhook_"), error.message, error.suggestion) from None


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    renamed = {"webhook_url": "hook_url", "webhook_form": "hook_form"}
    return {renamed.get(name, name): value for name, value in wanted.items()}


class WayShown(serializers.Serializer[Any]):
    way = serializers.ChoiceField(["mail", "webhook"])
    to = serializers.CharField()
    tries = serializers.IntegerField()
    sent_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField()


class NoticeShown(serializers.Serializer[Any]):
    """What a rule said, once: of one budget, one of its periods and one threshold."""

    id = serializers.UUIDField()
    alert = serializers.CharField(source="alert_name")
    threshold = serializers.CharField(help_text="a percentage, or `forecast`")
    text = serializers.SerializerMethodField()
    facts = serializers.DictField()
    silent = serializers.BooleanField(source="is_silent", help_text="passed together with a higher one")
    created_at = serializers.DateTimeField()
    deliveries = WayShown(many=True)

    def get_text(self, row: Notice) -> str:
        return sentence(row)


class Notices(Listing, OrganizationEndpoint):
    """What alerts have said, the newest first, and how it got there."""

    scopes = {"GET": Right.USAGE_READ}
    shown, filters = NoticeShown, Paged

    def rows(self, asked: dict[str, Any]) -> QuerySet[Notice]:
        return Notice.objects.prefetch_related("deliveries")
