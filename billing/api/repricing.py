"""Past calls at other prices: what a contract would have made of them, and what the prices that stand now do."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.reports import spans
from billing.repricing import asking
from billing.repricing.posting import as_they_stand, preview, reprice
from billing.repricing.reading import Selection
from billing.repricing.shown import as_json
from orbit.lib.errors import InputError
from quotas.api.prices import NewContractPrice, rates_asked
from tenants.api.fields import Strict, Text
from tenants.api.resources import Acting
from tenants.models import Organization
from tenants.rights import Right

RANGES = [one for one in spans.CHOICES if one != "custom"]


def _range() -> serializers.ChoiceField:
    return serializers.ChoiceField(RANGES, default=asking.USUAL, help_text="which calls")


def _first() -> Text:
    return Text(required=False, max_length=40, help_text="in place of `range`: a day, or a moment")


def _last() -> Text:
    return Text(required=False, max_length=40, help_text="a day, itself included, or a moment")


class Supposing(NewContractPrice):
    range, first, last = _range(), _first(), _last()


class CallsAsked(Strict):
    range, first, last = _range(), _first(), _last()
    account = Text(required=False, max_length=63, help_text="only calls of this provider account")
    model = Text(required=False, max_length=200, help_text="only this one, by its provider's name")


class Repricing(CallsAsked):
    reason = Text(max_length=500, help_text="why; stands in the ledger with each adjustment")
    difference_nano = serializers.IntegerField(
        required=False, help_text="as the preview told it: another one is not posted"
    )


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
        words = _words(wanted)
        rates, percent = rates_asked(wanted)
        if (rates is None) == (percent is None):
            raise InputError("rates", "must be there, or discount_percent must", "name one of the two")
        terms = wanted | {"rates": rates, "discount_percent": percent}
        selection = asking.selected(self.organization, words, account=wanted["account"] or "")
        return as_json(
            self.organization, selection, asking.with_contract(selection, self.organization, terms)
        )


class PreviewRepricing(Acting):
    """What the prices that stand now would have made of the calls of a span. Nothing is changed."""

    scopes = {"POST": Right.PRICES_WRITE}
    body, shown = CallsAsked, PreviewShown

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        selection = _selection(self.organization, wanted)
        return as_json(self.organization, selection, preview(selection, as_they_stand(selection.since)))


class PostRepricing(Acting):
    """Posts what the prices that stand now make of the calls of a span, an adjustment for each. Twice is as once."""

    scopes = {"POST": Right.PRICES_WRITE}
    body, shown = Repricing, PreviewShown

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        reason, seen = wanted.pop("reason"), wanted.pop("difference_nano", None)
        selection = _selection(self.organization, wanted)
        done = reprice(**self.where, selection=selection, reason=reason, seen_nano=seen)
        return as_json(self.organization, selection, done.trial, done.posted)


def _selection(organization: Organization, wanted: dict[str, Any]) -> Selection:
    places = {name: wanted.get(name, "") for name in ("account", "model")}
    return asking.selected(organization, _words(wanted), **places)


def _words(wanted: dict[str, Any]) -> dict[str, str]:
    """The span, taken out of the body."""
    return {"range": wanted.pop("range"), "from": wanted.pop("first", ""), "to": wanted.pop("last", "")}
