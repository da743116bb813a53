"""The declarative file over the API: of one organization, or of several by an operator; and its inverse."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, serializers
from rest_framework.response import Response

from orbit.lib.errors import InputError
from tenants.api.endpoint import Endpoint
from tenants.api.fields import Document, Flag, Strict, Text
from tenants.api.parsing import checked_body
from tenants.api.problems import below
from tenants.api.resources import Acting, Showing
from tenants.apply import Outcome, apply
from tenants.callers import Caller
from tenants.export import export
from tenants.rights import OperatorRight, Right


class FileBody(Strict):
    document = Document(help_text="as docs/apply.md says: version and organizations")
    dry_run = Flag(default=False, help_text="answer the plan, change nothing")
    prune = Flag(default=False, help_text="also remove what the document does not name")
    reason = Text(
        max_length=500, required=False, default="apply", help_text="stands in new revisions of policies"
    )


class StepShown(serializers.Serializer[Any]):
    op = serializers.ChoiceField(["create", "update", "delete"])
    kind = serializers.CharField()
    path = serializers.CharField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class NewKeyShown(serializers.Serializer[Any]):
    """A key that was issued, with its text, which cannot be had again."""

    organization = serializers.CharField()
    project = serializers.CharField()
    name = serializers.CharField()
    secret = serializers.CharField()


class NewSecretShown(serializers.Serializer[Any]):
    """What came with a row, such as what an alert's webhook is signed with. It cannot be had again."""

    kind = serializers.CharField()
    path = serializers.CharField()
    secret = serializers.CharField()


class OutcomeShown(serializers.Serializer[Any]):
    changed = serializers.BooleanField(help_text="whether there was anything to do")
    plan = StepShown(many=True)
    keys = NewKeyShown(many=True, help_text="none in a dry run")
    secrets = NewSecretShown(many=True, help_text="none in a dry run")
    warnings = serializers.ListField(child=serializers.CharField())


class Apply(Acting):
    """Makes the organization be as a declarative file says: all of it, or nothing.

    Takes each right that the steps would take one by one. The document holds this organization alone.
    """

    scopes = {"POST": Right.ORGANIZATION_READ}  # the services ask for more
    body, shown = FileBody, OutcomeShown

    def create(self, wanted: dict[str, Any]) -> Outcome:
        named = wanted["document"].get("organizations")
        if isinstance(named, list) and [_slug(one) for one in named] != [self.organization.slug]:
            raise InputError(
                "document.organizations",
                f"must hold {self.organization.slug!r} alone",
                "send other organizations to their own paths",
            )
        return _applied(wanted, self.caller)


class ApplyAll(Endpoint):
    """Makes organizations be as a declarative file says, for operators: all of it, or nothing.

    Takes each scope that the steps would take one by one, and `organizations.create` for new organizations.
    """

    scopes = {"POST": OperatorRight.INSTALLATION_APPLY}
    body, shown, created, status = FileBody, OutcomeShown, None, 200

    def post(self) -> Response:
        return Response(OutcomeShown(_applied(checked_body(FileBody, self.request), self.caller)).data)


class FileShown(serializers.Serializer[Any]):
    """As docs/apply.md says, without secrets."""

    version = serializers.IntegerField()
    organizations = serializers.ListField(child=serializers.DictField())


class Export(Showing):
    """The organization as a declarative file, without secrets. Takes `keys.read` and `members.read` as well."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown = FileShown

    def find(self) -> dict[str, Any]:
        for right in (Right.KEYS_READ, Right.MEMBERS_READ):
            if right not in self.caller.scopes:
                raise exceptions.PermissionDenied(
                    f"This takes the scope {right} as well, which the credential lacks."
                )
        return export([self.organization.pk])

    def as_shown(self, found: dict[str, Any]) -> Any:
        return found


def _applied(wanted: dict[str, Any], caller: Caller) -> Outcome:
    with below("document"):
        return apply(
            wanted["document"],
            actor=caller,
            reason=wanted["reason"],
            prune=wanted["prune"],
            dry_run=wanted["dry_run"],
        )


def _slug(entry: object) -> object:
    return entry.get("slug") if isinstance(entry, dict) else None
