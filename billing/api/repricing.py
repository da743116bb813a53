"""What a contract would have made of past calls."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.reports import spans
from billing.repricing import asking
from billing.repricing.shown import as_json
from orbit.lib.errors import InputError
from quotas.api.prices import NewContractPrice, rates_asked
from tenants.api.fields import Text
from tenants.api.resources import Acting
from tenants.rights import Right


class Supposing(NewContractPrice):
    range = serializers.ChoiceField(
        [one for one in spans.CHOICES if one != "custom"], default=asking.USUAL, help_text="which calls"
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
        rates, percent = rates_asked(wanted)
        if (rates is None) == (percent is None):
            raise InputError("rates", "must be there, or discount_percent must", "name one of the two")
        terms = wanted | {"rates": rates, "discount_percent": percent}
        selection = asking.selected(self.organization, words, account=wanted["account"] or "")
        return as_json(
            self.organization, selection, asking.with_contract(selection, self.organization, terms)
        )
