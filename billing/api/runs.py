"""Runs, what they compared, and how much of what was spent that covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from billing.models import Comparison, Run
from billing.reconcile import coverage, runs, sources
from billing.reconcile.sides import Cause
from orbit.lib import money
from orbit.lib.errors import InputError
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Document, Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import Acting, Creating, Listing, Showing
from tenants.models import ProviderAccount
from tenants.rights import Right

MOST_DAYS = 400
USUAL_DAYS = 30


class RunShown(serializers.Serializer[Any]):
    """`percent` and `step` say how far it is; `problem` why it failed."""

    id = serializers.UUIDField()
    account = serializers.CharField()
    connector = serializers.CharField(help_text="whose reports: openai, anthropic, openrouter, csv")
    since = serializers.DateField()
    until = serializers.DateField(help_text="the day after the last")
    state = serializers.ChoiceField(Run.State.choices)
    step = serializers.CharField()
    percent = serializers.IntegerField()
    problem = serializers.CharField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="rows pulled, days compared, exceptions"
    )
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class NewRun(Strict):
    account = Text(max_length=63)
    since = serializers.DateField(required=False, help_text="default: the days that may have changed of late")
    until = serializers.DateField(required=False, help_text="the day after the last, in UTC; default: today")


class RunsAsked(Paged):
    account = Text(required=False, max_length=63)
    state = serializers.ChoiceField(Run.State.choices, required=False)


class Runs(Creating, Listing):
    """Reconciliations, the newest first. One that is asked for is done in the background."""

    scopes = {"GET": Right.RECONCILE_READ, "POST": Right.RECONCILE_APPROVE}
    body, shown, filters = NewRun, RunShown, RunsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Run]:
        return Run.objects.filter(**{name: asked[name] for name in ("account", "state") if name in asked})

    def create(self, wanted: dict[str, Any]) -> Run:
        return runs.request_run(**self.where, **wanted)


class RunItem(Showing):
    """One of them, with how far it is."""

    scopes = {"GET": Right.RECONCILE_READ}
    shown = RunShown

    def find(self) -> Run | None:
        return Run.objects.filter(pk=self.kwargs["run"]).first()


class NewImport(Strict):
    account = Text(max_length=63)
    csv = Text(max_length=20_000_000, trim_whitespace=False, help_text="the file's text")
    mapping = Document(help_text="which of its columns is what, see docs/reconciliation.md")


class Imports(Acting):
    """Takes in a CSV file of a provider that we cannot ask, in place of what was imported of its days, and has them compared."""

    scopes = {"POST": Right.RECONCILE_APPROVE}
    body, shown, status = NewImport, RunShown, 201

    def create(self, wanted: dict[str, Any]) -> Run:
        content = wanted["csv"].encode()
        return sources.import_csv(
            **self.where, account=wanted["account"], content=content, mapping=wanted["mapping"]
        )


class CausePartShown(serializers.Serializer[Any]):
    cause = serializers.ChoiceField([str(one) for one in Cause])
    tokens = serializers.IntegerField(help_text="theirs less ours")
    money_nano = serializers.IntegerField()
    count = serializers.IntegerField()


class ComparisonShown(serializers.Serializer[Any]):
    """One day of one model. The parts are the whole difference, to the last token and billionth."""

    id = serializers.IntegerField()
    account = serializers.CharField()
    day = serializers.DateField()
    model = serializers.CharField(help_text="without date and route; empty: costs of no model")
    final = serializers.BooleanField(help_text="whether the provider may still change the day")
    calls = serializers.IntegerField()
    ours_tokens = serializers.IntegerField()
    theirs_tokens = serializers.IntegerField()
    ours_nano = serializers.IntegerField()
    theirs_nano = serializers.IntegerField()
    estimated_nano = serializers.IntegerField(help_text="of ours, by our own counts")
    parts = CausePartShown(many=True)
    implied = serializers.DictField(
        child=serializers.CharField(), help_text="prices that the bill implies and the book does not have"
    )
    compared_at = serializers.DateTimeField()


class ComparisonsAsked(Paged):
    account = Text(required=False, max_length=63)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    model = Text(required=False, max_length=200)


class Comparisons(Listing, OrganizationEndpoint):
    """What was compared, as the latest run over each day found it."""

    scopes = {"GET": Right.RECONCILE_READ}
    shown, filters = ComparisonShown, ComparisonsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Comparison]:
        names = {"account": "account", "since": "day__gte", "until": "day__lt", "model": "model"}
        return Comparison.objects.filter(**{names[name]: asked[name] for name in names if name in asked})


class CoverageAsked(Strict):
    account = Text(required=False, max_length=63)
    since = serializers.DateField(required=False, help_text="default: thirty days before `until`")
    until = serializers.DateField(required=False, help_text="the day after the last; default: today, in UTC")


class CauseShown(serializers.Serializer[Any]):
    cause = serializers.ChoiceField([str(one) for one in Cause])
    count = serializers.IntegerField()
    tokens = serializers.IntegerField(help_text="absolute")
    money_nano = serializers.IntegerField(help_text="absolute")


class DayShown(serializers.Serializer[Any]):
    day = serializers.DateField()
    final = serializers.BooleanField()
    ours_tokens = serializers.IntegerField()
    theirs_tokens = serializers.IntegerField()
    ours_nano = serializers.IntegerField()
    theirs_nano = serializers.IntegerField()
    drift_nano = serializers.IntegerField()
    unexplained_nano = serializers.IntegerField()


class CoverageShown(serializers.Serializer[Any]):
    """Shares are null where nothing was spent, or compared."""

    since = serializers.DateField()
    until = serializers.DateField()
    currency = serializers.CharField()
    spent = serializers.CharField(help_text="by the ledger, in all")
    spent_nano = serializers.IntegerField()
    compared_nano = serializers.IntegerField(help_text="of it, on days that are final and were compared")
    exact_nano = serializers.IntegerField(help_text="of the compared, where nothing but rounding differed")
    estimated_nano = serializers.IntegerField(help_text="of the compared, by our own counts")
    ours_nano = serializers.IntegerField()
    theirs_nano = serializers.IntegerField()
    unexplained_nano = serializers.IntegerField()
    compared_share = serializers.FloatField(allow_null=True)
    exact_share = serializers.FloatField(allow_null=True)
    estimated_share = serializers.FloatField(allow_null=True)
    days = DayShown(many=True)
    causes = CauseShown(many=True)


class CoverageOf(OrganizationEndpoint):
    """How much of what was spent was reconciled, how exactly, and the difference of each day. Days are of UTC, as bills are."""

    scopes = {"GET": Right.RECONCILE_READ}
    shown, filters = CoverageShown, CoverageAsked

    def get(self) -> Response:
        asked = self.asked()
        until = asked.get("until", datetime.now(UTC).date())
        since = asked.get("since", until - timedelta(days=USUAL_DAYS))
        if not timedelta(0) < until - since <= timedelta(days=MOST_DAYS):
            raise InputError(
                "since", f"must be up to {MOST_DAYS} days before until", "ask for less at a time"
            )
        found = coverage.coverage(since, until, self._account(asked))
        shares = {f"{name}_share": found.share(name) for name in ("compared", "exact", "estimated")}
        told = {name: getattr(found, name) for name in found.__slots__}
        more = {
            "since": since,
            "until": until,
            "currency": self.organization.currency,
            "spent": money.amount(found.spent_nano),
        }
        return Response(CoverageShown(told | shares | more).data)

    def _account(self, asked: dict[str, Any]) -> Any:
        if "account" not in asked:
            return None
        account = ProviderAccount.objects.filter(name=asked["account"]).values_list("pk", flat=True).first()
        if account is None:
            raise InputError("account", f"there is no provider account {asked['account']!r}")
        return account
