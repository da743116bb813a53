"""Provider accounts. Their credentials are taken in and never told."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants import kinds, services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Listing, Putting, Removing
from tenants.models import ProviderAccount
from tenants.rights import Right
from tenants.secrets import CredentialUnavailable

KINDS = list(kinds.BY_NAME)


class CredentialShown(serializers.Serializer[Any]):
    """Where it is, and never what it is."""

    ref = serializers.CharField(allow_null=True, help_text="null: it is sealed in the database")
    hint = serializers.CharField(help_text="its last characters, where it is sealed and long enough")


class AccountShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    base_url = serializers.CharField()
    prices_as = serializers.CharField()
    credential = serializers.SerializerMethodField()
    usage_credential = serializers.SerializerMethodField(help_text="reads the provider's usage and costs")
    created_at = serializers.DateTimeField()

    @extend_schema_field(CredentialShown(allow_null=True))
    def get_credential(self, row: ProviderAccount) -> dict[str, str | None] | None:
        if row.credential_ref:
            return {"ref": row.credential_ref, "hint": ""}
        return {"ref": None, "hint": row.credential_hint} if row.credential_hint else None

    @extend_schema_field(CredentialShown(allow_null=True))
    def get_usage_credential(self, row: ProviderAccount) -> dict[str, str | None] | None:
        if row.usage_credential_ref:
            return {"ref": row.usage_credential_ref, "hint": ""}
        return {"ref": None, "hint": row.usage_credential_hint} if row.usage_credential_hint else None


class CredentialBody(Strict):
    """Either of the two."""

    value = Text(required=False, write_only=True, trim_whitespace=False, max_length=8000)
    ref = Text(required=False, max_length=500, help_text="of a secret store, such as vault://…")


class AccountBody(Strict):
    kind = serializers.ChoiceField(KINDS)
    base_url = Text(max_length=500, required=False, help_text="default: the kind's own, where it has one")
    prices_as = Text(max_length=63, required=False, help_text="default: the kind's own, where it has one")
    credential = CredentialBody(
        required=False,
        help_text="default: the stored one is kept, unless kind or address change, which voids it",
    )
    usage_credential = CredentialBody(
        required=False,
        allow_null=True,
        help_text="by which usage and costs are read, an admin key of the provider; default: as `credential`; null: it is taken away",
    )


class AccountsAsked(Paged):
    kind = serializers.ChoiceField(KINDS, required=False)


class Accounts(Listing, OrganizationEndpoint):
    """Accounts at providers, by name."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, filters, ordering = AccountShown, AccountsAsked, "name"

    def rows(self, asked: dict[str, Any]) -> QuerySet[ProviderAccount]:
        rows = _accounts()
        return rows.filter(kind=asked["kind"]) if "kind" in asked else rows


class AccountItem(Putting, Removing):
    """One account. A new address or kind voids the stored credential: it must be given again.

    A reference must be inside of the organization's own part of a store, unless an operator gives it.
    """

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PUT": Right.ACCOUNTS_WRITE,
        "DELETE": Right.ACCOUNTS_WRITE,
    }
    shown, body = AccountShown, AccountBody

    def find(self) -> ProviderAccount | None:
        return _accounts().filter(name=self.kwargs["account"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        given: dict[str, Any] = {
            field: services.NewCredential(**wanted.pop(field))
            for field in ("credential", "usage_credential")
            if wanted.get(field) is not None
        }
        without_usage = "usage_credential" in wanted and wanted.pop("usage_credential") is None
        return services.save_account(
            **self.where,
            name=self.kwargs["account"],
            **given,
            without_usage=without_usage,
            by_operator=self.caller.is_operator,
            **wanted,
        ).created

    def remove(self) -> None:
        services.delete_account(**self.where, name=self.kwargs["account"])


class TriedShown(serializers.Serializer[Any]):
    works = serializers.BooleanField(help_text="whether the credential can be had; no provider is asked")
    detail = serializers.CharField(help_text="where it is, or why it cannot be had")


class TryAccount(ActingOn):
    """Reads the stored credential and throws it away, to see whether it can be had. The provider is not asked."""

    scopes = {"POST": Right.ACCOUNTS_WRITE}  # what saving takes
    shown, created = AccountShown, TriedShown

    def find(self) -> ProviderAccount | None:
        return _accounts().filter(name=self.kwargs["account"]).first()

    def act(self, wanted: dict[str, Any]) -> dict[str, Any]:
        try:
            where = services.try_credential(organization_id=self.organization.pk, name=self.kwargs["account"])
        except CredentialUnavailable as error:
            return {"works": False, "detail": error.reason}
        return {"works": True, "detail": where}


def _accounts() -> QuerySet[ProviderAccount]:
    return ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed")
