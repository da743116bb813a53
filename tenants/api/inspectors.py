"""Inspectors outside of the gateway. Their credentials are taken in and never told."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dlp.external import registry
from dlp.external.client import Unanswered
from orbit.lib import money
from tenants import services
from tenants.api.accounts import CredentialBody, CredentialShown
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Document, Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Listing, Putting, Removing
from tenants.models import Inspector
from tenants.rights import Right
from tenants.secrets import CredentialUnavailable
from tenants.services.inspectors import LONGEST_TRIED, why_words

KINDS = list(registry.KINDS)
PRICE = "for 1,000 requests or a gigabyte of text, in the organization's currency"


class InspectorShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    base_url = serializers.CharField()
    options = serializers.DictField()
    price = serializers.SerializerMethodField(help_text=PRICE)
    price_per = serializers.ChoiceField(Inspector.PricePer.values)
    credential = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_price(self, row: Inspector) -> str:
        return money.amount(row.price_nano)

    @extend_schema_field(CredentialShown(allow_null=True))
    def get_credential(self, row: Inspector) -> dict[str, str | None] | None:
        if row.credential_ref:
            return {"ref": row.credential_ref, "hint": ""}
        return {"ref": None, "hint": row.credential_hint} if row.credential_hint else None


class InspectorBody(Strict):
    kind = serializers.ChoiceField(KINDS)
    base_url = Text(max_length=500, required=False, help_text="default: the kind's own, where it has one")
    options = Document(required=False, default=dict, help_text="the kind's own, as docs/inspectors.md says")
    price = Text(max_length=30, required=False, default="0", help_text=PRICE)
    price_per = serializers.ChoiceField(
        Inspector.PricePer.values, default=Inspector.PricePer.THOUSAND_REQUESTS.value
    )
    credential = CredentialBody(
        required=False,
        allow_null=True,
        help_text="default: the stored one is kept, unless kind or address change, which voids it; null: it is taken away",
    )


class Inspectors(Listing, OrganizationEndpoint):
    """Inspectors outside of the gateway, by name."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, filters, ordering = InspectorShown, Paged, "name"

    def rows(self, asked: dict[str, Any]) -> QuerySet[Inspector]:
        return Inspector.objects.defer("credential_sealed")


class InspectorItem(Putting, Removing):
    """One inspector. A new address or kind voids the stored credential: it must be given again."""

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PUT": Right.ACCOUNTS_WRITE,
        "DELETE": Right.ACCOUNTS_WRITE,
    }
    shown, body = InspectorShown, InspectorBody

    def find(self) -> Inspector | None:
        return Inspector.objects.filter(name=self.kwargs["inspector"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        given = wanted.pop("credential", False)
        return services.save_inspector(
            **self.where,
            name=self.kwargs["inspector"],
            credential=services.NewCredential(**given) if given else None,
            without_credential=given is None,
            by_operator=self.caller.is_operator,
            **wanted,
        ).created

    def remove(self) -> None:
        services.delete_inspector(**self.where, name=self.kwargs["inspector"])


class InspectorTrial(Strict):
    text = Text(max_length=LONGEST_TRIED, trim_whitespace=False, help_text="is sent as it is, and not kept")


class InspectorFindingShown(serializers.Serializer[Any]):
    """Places count characters."""

    type = serializers.CharField(source="finding.kind")
    start = serializers.IntegerField(source="finding.start")
    end = serializers.IntegerField(source="finding.end")
    score = serializers.FloatField(source="finding.score")
    whole = serializers.BooleanField(help_text="about the text as a whole")
    block = serializers.BooleanField(help_text="the inspector says itself that it must not go on")


class InspectorTriedShown(serializers.Serializer[Any]):
    works = serializers.BooleanField()
    detail = serializers.CharField(help_text="why it does not")
    findings = InspectorFindingShown(many=True)


class TryInspector(ActingOn):
    """Sends a text to the inspector, and says what it finds. It may charge for that."""

    scopes = {"POST": Right.ACCOUNTS_WRITE}  # what saving takes
    shown, body, created = InspectorShown, InspectorTrial, InspectorTriedShown

    def find(self) -> Inspector | None:
        return Inspector.objects.filter(name=self.kwargs["inspector"]).first()

    def act(self, wanted: dict[str, Any]) -> dict[str, Any]:
        try:
            found = services.try_inspector(
                organization_id=self.organization.pk, name=self.kwargs["inspector"], text=wanted["text"]
            )
        except Unanswered as error:
            return {"works": False, "detail": why_words(error), "findings": []}
        except CredentialUnavailable as error:
            return {"works": False, "detail": error.reason, "findings": []}
        return {"works": True, "detail": "", "findings": found}
