"""The price book, which is everybody's, and what an organization agreed with its providers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404
from rest_framework import serializers

from orbit.lib import money
from orbit.lib.errors import InputError
from quotas import prices
from quotas.contracts import rates_document, set_contract_price, withdraw_contract_price
from quotas.models import ContractPrice, Price
from quotas.rates import PARTS, UNITS, WHOLES, Rates
from tenants.api.fields import Flag, Moment, Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import Creating, Listing, Removing
from tenants.rights import Right
from tenants.schema import values
from tenants.services.saved import valid

OF_TOKENS = f"in money for a million tokens: {', '.join([*WHOLES, *PARTS])}"
OF_UNITS = f"in money for so many as docs/prices.md says: {', '.join(UNITS)}"


class PriceShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.CharField(help_text="as events name what they were charged by")
    provider = serializers.CharField()
    model = serializers.CharField()
    currency = serializers.CharField()
    rates = serializers.SerializerMethodField(
        help_text=f"{OF_TOKENS}; `tiers`, `services` and `hours` are rates of other cases, `units` beside tokens"
    )
    valid_from = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]

    def get_rates(self, row: Price) -> dict[str, Any]:
        shown = prices.amounts(Rates.parse(row.rates, row.version))
        hours = [
            {"from": one["from"], "until": one["until"], **prices.amounts(Rates.parse(one, row.version))}
            for one in row.rates.get("hours", ())
        ]
        return shown | {"hours": hours} if hours else shown


class PricesAsked(Paged):
    provider = Text(required=False, max_length=63)
    model = Text(required=False, max_length=200, help_text="by its provider's name")
    at = Moment(
        required=False, help_text="only what was or will be in force then; default: all there ever was"
    )


class Prices(Listing):
    """The price book: what providers ask, for every organization that has no contract. Only operators change it, by command."""

    scopes = {"GET": None}
    shown, filters = PriceShown, PricesAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Price]:
        rows = Price.objects.filter(**{name: asked[name] for name in ("provider", "model") if name in asked})
        if "at" not in asked:
            return rows
        later = Q(valid_from__gt=OuterRef("valid_from")) | Q(
            valid_from=OuterRef("valid_from"), pk__gt=OuterRef("pk")
        )
        begun = Price.objects.filter(valid_from__lte=asked["at"])
        follows = begun.filter(later, provider=OuterRef("provider"), model=OuterRef("model"))
        return rows.filter(~Exists(follows), valid_from__lte=asked["at"])


class ContractPriceShown(serializers.Serializer[Any]):
    """Exactly one of `rates`, `discount_percent` and `free` says something."""

    id = serializers.IntegerField()
    version = serializers.CharField(help_text="as events name what they were charged by")
    provider = serializers.CharField()
    model = serializers.CharField(help_text="may end in `*`")
    account = serializers.CharField(allow_null=True, help_text="null: whichever account is called")
    rates = serializers.DictField(child=serializers.CharField(), allow_null=True, help_text=OF_TOKENS)
    units = serializers.DictField(child=serializers.CharField(), allow_null=True, help_text=OF_UNITS)
    discount_percent = serializers.CharField(allow_null=True, help_text="off the book's; negative: more")
    free = serializers.BooleanField()
    source = serializers.CharField()  # type: ignore[assignment]
    author = serializers.CharField()
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's
        moments = {
            "from": serializers.DateTimeField(source="valid_from", allow_null=True, help_text="null: always"),
            "until": serializers.DateTimeField(
                source="valid_until", allow_null=True, help_text="null: for good"
            ),
        }
        return super().get_fields() | moments

    def to_representation(self, instance: ContractPrice) -> Any:
        document = instance.rates or {}
        free, named = bool(document.get("free")), document.get("units")
        percent = instance.discount_percent
        told = {
            "rates": _amounts(document, (*WHOLES, *PARTS)) if instance.rates and not free else None,
            "units": _amounts(named, UNITS) if named else None,
            "discount_percent": f"{percent.normalize():f}" if percent is not None else None,
            "free": free,
            "account": instance.account or None,
        }
        plain = {
            name: field.to_representation(value)
            if (value := field.get_attribute(instance)) is not None
            else None
            for name, field in self.fields.items()
            if name not in told
        }
        return plain | told


class NewContractPrice(Strict):
    provider = Text(max_length=63, help_text="whose prices: as provider accounts say in `prices_as`")
    model = Text(max_length=200, help_text="by its provider's name; may end in `*`")
    account = Text(
        max_length=63, allow_null=True, default=None, help_text="null: whichever account is called"
    )
    rates = serializers.DictField(child=Text(max_length=40), required=False, help_text=OF_TOKENS)
    units = serializers.DictField(child=Text(max_length=40), required=False, help_text=OF_UNITS)
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=4, required=False, help_text="off the book's; negative: more"
    )
    free = Flag(default=False)
    source = Text(max_length=120, default="", allow_blank=True, help_text="where it is agreed")  # type: ignore[assignment]

    def get_fields(self) -> dict[str, Any]:
        moments = {
            "from": Moment(source="valid_from", allow_null=True, default=None, help_text="null: always"),
            "until": Moment(source="valid_until", allow_null=True, default=None, help_text="null: for good"),
        }
        return super().get_fields() | moments


class ContractPricesAsked(Paged):
    provider = Text(required=False, max_length=63)
    withdrawn = Flag(required=False, help_text="default: both")


class ContractPrices(Listing, Creating):
    """What the organization agreed with its providers. POST takes the place of what stands for the same provider, model, account and `from`."""

    scopes = {"GET": Right.USAGE_READ, "POST": Right.PRICES_WRITE}
    shown, body, filters = ContractPriceShown, NewContractPrice, ContractPricesAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[ContractPrice]:
        rows = ContractPrice.objects.all()
        if "provider" in asked:
            rows = rows.filter(provider=asked["provider"])
        return rows.filter(withdrawn_at__isnull=not asked["withdrawn"]) if "withdrawn" in asked else rows

    def create(self, wanted: dict[str, Any]) -> ContractPrice:
        rates, percent = rates_asked(wanted)
        account = wanted.pop("account") or ""
        saved = set_contract_price(
            **self.where, **wanted, account=account, rates=rates, discount_percent=percent
        )
        return ContractPrice.objects.get(pk=saved.row.pk)


class ContractPriceItem(Removing):
    """One contract price. DELETE withdraws it: events that were charged by it still name it."""

    scopes = {"GET": Right.USAGE_READ, "DELETE": Right.PRICES_WRITE}
    shown = ContractPriceShown

    def find(self) -> ContractPrice | None:
        return ContractPrice.objects.filter(pk=self.kwargs["price"]).first()

    def remove(self) -> None:
        if not ContractPrice.objects.live().filter(pk=self.kwargs["price"]).exists():
            raise Http404  # shown still, but withdrawn already
        withdraw_contract_price(**self.where, price_id=self.kwargs["price"])


def rates_asked(wanted: dict[str, Any]) -> tuple[dict[str, Any] | None, Decimal | None]:
    """Takes the terms out of a new contract price: a document of rates, or a discount. Its model is checked."""
    wanted["model"] = valid("model", values.price_pattern, wanted["model"])
    rates = _document(wanted.pop("rates", None), wanted.pop("units", None), wanted.pop("free"))
    return rates, wanted.pop("discount_percent", None)


def _amounts(document: Mapping[str, int], names: Any) -> dict[str, str]:
    return {name: money.amount(document[name]) for name in names if name in document}


def _document(
    rates: Mapping[str, str] | None, units: Mapping[str, str] | None, free: bool
) -> dict[str, Any] | None:
    """The rates that are named; None where the price is to be a discount."""
    if rates is None and units is None and not free:
        return None
    try:
        return rates_document(rates or {}, units, free=free)
    except InputError as error:
        outside = error.path == "free" or error.path.startswith("units.")
        path = error.path if outside else f"rates.{error.path}"
        raise InputError(path, error.message, error.suggestion) from None
