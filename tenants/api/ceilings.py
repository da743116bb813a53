"""The operator's policy over an organization's own."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orbit.lib.errors import InputError
from tenants import services
from tenants.api.fields import Document, Strict, Text
from tenants.api.problems import below
from tenants.api.resources import Putting, Removing
from tenants.models import Organization
from tenants.rights import OperatorRight


class CeilingShown(serializers.Serializer[Any]):
    document = serializers.DictField(source="ceiling")
    revision = serializers.IntegerField(source="ceiling_revision")


class CeilingBody(Strict):
    """Either of the two."""

    document = Document(required=False)
    policy = Text(
        max_length=127, required=False, help_text="ORGANIZATION/NAME: copies what this policy says at present"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"document": ["either this or policy must be given"]})
        return attrs


class Ceiling(Putting, Removing):
    """What no policy of the organization goes beyond. It narrows and never opens; no member can change it."""

    scopes = {
        "GET": OperatorRight.ORGANIZATIONS_READ,
        "PUT": OperatorRight.CEILINGS_WRITE,
        "DELETE": OperatorRight.CEILINGS_WRITE,
    }
    shown, body = CeilingShown, CeilingBody

    def find(self) -> Organization | None:
        return Organization.objects.exclude(ceiling=None).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        created = self.find() is None
        document = _copied(wanted["policy"]) if "policy" in wanted else wanted["document"]
        with below("document"):
            self._set(document)
        return created

    def remove(self) -> None:
        self._set(None)

    def _set(self, document: dict[str, Any] | None) -> None:
        # By name, since no member may do this: the scope above was the check.
        services.set_ceiling(organization_id=self.organization.pk, document=document, actor=self.caller.name)


def _copied(policy: str) -> dict[str, Any]:
    try:
        return services.named_policy(policy)
    except InputError as error:
        raise InputError("policy", error.message, error.suggestion) from None
