"""What a contract would have made of past calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from billing.reports import spans
from billing.repricing.posting import preview, supposed
from billing.repricing.reading import Selection
from billing.repricing.shown import as_json
from orbit.lib.errors import InputError
from quotas.api.prices import NewContractPrice, rates_asked
from quotas.models import ContractPrice
from quotas.policies import calendar_of
from tenants.api.fields import Text
from tenants.api.resources import Acting
from tenants.rights import Right

MOST = 50_000  # calls that are gone through while somebody waits
LATEST = 2**62  # the number of a contract that there is not: newer than all


class Supposing(NewContractPrice):
    range = serializers.ChoiceField(
        [one for one in spans.CHOICES if one != "custom"], default="last-month", help_text="which calls"
    )
    first = Text(required=False, max_length=40, help_text="in place of `range`: a day, or a moment")
    last = Text(required=False, max_length=40, help_text="a day, itself included, or a moment")


class RepricedRowShown(serializers.Serializer[Any]):
    account = serializers.CharField()
    model = serializers.CharField(help_text="by its provider's name")
    calls = serializers.IntegerField()
    changed = serializers.IntegerField()
    before_nano = serializers.IntegerField()
    after_nano = serializers.IntegerField()
    difference_nano = serializers.IntegerField()


class CallsLeftShown(serializers.Serializer[Any]):
    why = serializers.CharField()
    calls = serializers.IntegerField()


class PreviewShown(serializers.Serializer[Any]):
    """Exact, call by call; calls whose charge does not follow from their price are left out and counted under `left`."""

    organization = serializers.CharField()
    currency = serializers.CharField()
    since = serializers.CharField()
    until = serializers.CharField()
    calls = serializers.IntegerField()
    changed = serializers.IntegerField()
    difference_nano = serializers.IntegerField()
    difference = serializers.CharField()
    posted = serializers.IntegerField(allow_null=True, help_text="null: nothing was changed")
    rows = RepricedRowShown(many=True)
    left = CallsLeftShown(many=True)


class PreviewPrice(Acting):
    """What a contract would have made of the calls of a span, had it stood then. Nothing is changed."""

    scopes = {"POST": Right.PRICES_WRITE}
    body, shown = Supposing, PreviewShown

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        words = {"range": wanted.pop("range"), "from": wanted.pop("first", ""), "to": wanted.pop("last", "")}
        if words["from"] or words["to"]:
            words["range"] = "custom"
        span = spans.chosen(words, calendar_of(self.organization), datetime.now(UTC))
        selection = Selection(span.since, span.until, account=wanted["account"] or "")
        if selection.calls()[: MOST + 1].count() > MOST:
            raise InputError(
                "range", f"has more than {MOST:,} calls", "`manage.py reprice` has no such bound"
            )
        found = preview(selection, supposed(span.since, contracts=[self._contract(wanted)]))
        return as_json(self.organization, selection, found)

    def _contract(self, wanted: dict[str, Any]) -> ContractPrice:
        rates, percent = rates_asked(wanted)
        if (rates is None) == (percent is None):
            raise InputError("rates", "must be there, or discount_percent must", "name one of the two")
        return ContractPrice(
            pk=LATEST,
            organization_id=self.organization.pk,
            provider=wanted["provider"],
            model=wanted["model"],
            account=wanted["account"] or "",
            rates=rates,
            discount_percent=percent,
            valid_from=wanted["valid_from"],
            valid_until=wanted["valid_until"],
        )
