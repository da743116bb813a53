"""How an account is reconciled."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.models import BillSource
from billing.reconcile import sources
from billing.reconcile.connectors.registry import connector_of
from tenants.api.fields import Document, Flag, Strict, Text, Whole, Words
from tenants.api.resources import Putting
from tenants.models import ProviderAccount
from tenants.rights import Right


class SourceShown(serializers.Serializer[Any]):
    account = serializers.CharField()
    connector = serializers.CharField(help_text="whose reports are read; csv: what is imported")
    has_usage_credential = serializers.BooleanField()
    enabled = serializers.BooleanField(help_text="whether the night reconciles it")
    own_keys = serializers.ListField(
        child=serializers.CharField(),
        help_text="the provider's ids of the gateway's keys; empty: every key is ours",
    )
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text="the provider's projects or workspaces; empty: all"
    )
    tolerances = serializers.DictField(help_text="in place of the usual ones, by cause")
    lag_hours = serializers.IntegerField(
        allow_null=True, help_text="after which a day is final; null: the provider's own"
    )
    base_url = serializers.CharField(help_text="of its reports; empty: the provider's own")


class SourceBody(Strict):
    enabled = Flag(default=True)
    own_keys = Words(default=list)
    scopes = Words(default=list)
    tolerances = Document(default=dict)
    lag_hours = Whole(allow_null=True, default=None, min_value=0, max_value=744)
    base_url = Text(max_length=500, allow_blank=True, required=False, help_text="the operator's to name")


class SourceItem(Putting):
    """How one provider account is reconciled. PUT sets all of it."""

    scopes = {"GET": Right.RECONCILE_READ, "PUT": Right.RECONCILE_APPROVE}
    shown, body = SourceShown, SourceBody

    def find(self) -> dict[str, Any] | None:
        account = ProviderAccount.objects.filter(name=self.kwargs["account"]).first()
        if account is None:
            return None
        source = BillSource.objects.filter(account=account).first() or BillSource(account=account)
        names = ("enabled", "own_keys", "scopes", "tolerances", "lag_hours", "base_url")
        return {name: getattr(source, name) for name in names} | {
            "account": account.name,
            "connector": connector_of(account.kind),
            "has_usage_credential": account.has_usage_credential,
        }

    def save(self, wanted: dict[str, Any]) -> bool:
        """Every account has settings, so none is made."""
        self.found_shown()
        kept = {} if "base_url" in wanted else {"base_url": (self.find() or {}).get("base_url", "")}
        sources.save_source(**self.where, account=self.kwargs["account"], **wanted, **kept)
        return False
