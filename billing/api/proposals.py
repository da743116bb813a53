"""Contract prices that one person proposes and another approves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from billing.approval import proposals
from billing.approval.models import PriceProposal
from orbit.lib import money
from quotas.api.prices import NewContractPrice, rates_asked
from quotas.rates import PARTS, UNITS, WHOLES
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Creating, Listing, Showing
from tenants.rights import Right


class ProposalShown(serializers.Serializer[Any]):
    """Terms as contract prices have them."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(PriceProposal.State.choices)
    provider = serializers.CharField()
    model = serializers.CharField(help_text="may end in `*`")
    account = serializers.CharField(allow_null=True, help_text="null: whichever account is called")
    rates = serializers.DictField(child=serializers.CharField(), allow_null=True)
    units = serializers.DictField(child=serializers.CharField(), allow_null=True)
    discount_percent = serializers.CharField(allow_null=True)
    free = serializers.BooleanField()
    source = serializers.CharField()  # type: ignore[assignment]
    author = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    price_id = serializers.IntegerField(allow_null=True, help_text="the contract price that it became")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's
        moments = {
            "from": serializers.DateTimeField(source="valid_from", allow_null=True, help_text="null: always"),
            "until": serializers.DateTimeField(
                source="valid_until", allow_null=True, help_text="null: for good"
            ),
        }
        return super().get_fields() | moments

    def to_representation(self, instance: PriceProposal) -> Any:
        document = instance.rates or {}
        free, units, percent = bool(document.get("free")), document.get("units"), instance.discount_percent
        terms = {
            "account": instance.account or None,
            "rates": _amounts(document, (*WHOLES, *PARTS)) if instance.rates and not free else None,
            "units": _amounts(units, UNITS) if units else None,
            "discount_percent": None if percent is None else f"{percent.normalize():f}",
            "free": free,
        }
        plain = {
            name: None if (value := field.get_attribute(instance)) is None else field.to_representation(value)
            for name, field in self.fields.items()
            if name not in terms
        }
        return plain | terms


def _amounts(document: Mapping[str, int], names: Iterable[str]) -> dict[str, str]:
    return {name: money.amount(document[name]) for name in names if name in document}


class ProposalsAsked(Paged):
    state = serializers.ChoiceField(PriceProposal.State.choices, required=False)


class Deciding(Strict):
    reason = Text(max_length=500, default="", allow_blank=True)


class Refusing(Strict):
    reason = Text(max_length=500)


class PriceProposals(Listing, Creating):
    """Proposed contract prices, the newest first; POST proposes one, which somebody else must approve."""

    scopes = {"GET": Right.USAGE_READ, "POST": Right.PRICES_WRITE}
    shown, body, filters = ProposalShown, NewContractPrice, ProposalsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[PriceProposal]:
        rows = PriceProposal.objects.all()
        return rows.filter(state=asked["state"]) if "state" in asked else rows

    def create(self, wanted: dict[str, Any]) -> PriceProposal:
        rates, percent = rates_asked(wanted)
        account = wanted.pop("account") or ""
        row = proposals.propose_price(
            **self.where, **wanted, account=account, rates=rates, discount_percent=percent
        )
        row.refresh_from_db()
        return row


class _OfOne(Showing):
    def find(self) -> PriceProposal | None:
        return PriceProposal.objects.filter(pk=self.kwargs["proposal"]).first()


class PriceProposalItem(_OfOne):
    """One proposed contract price."""

    scopes = {"GET": Right.USAGE_READ}
    shown = ProposalShown


class _Decision(ActingOn):
    scopes = {"POST": Right.PRICES_WRITE}
    shown = ProposalShown

    def find(self) -> PriceProposal | None:
        return PriceProposal.objects.filter(pk=self.kwargs["proposal"]).first()


class ApprovePriceProposal(_Decision):
    """Agrees on a proposed contract price, in the place of what stands for the same. Not by who proposed it."""

    body = Deciding

    def act(self, wanted: dict[str, Any]) -> None:
        proposals.approve_price(**self.where, proposal_id=self.kwargs["proposal"], **wanted)


class RefusePriceProposal(_Decision):
    """Refuses a proposed contract price, or takes one's own back."""

    body = Refusing

    def act(self, wanted: dict[str, Any]) -> None:
        proposals.refuse_price(**self.where, proposal_id=self.kwargs["proposal"], **wanted)
