"""Policies and their revisions: read, put, rolled back, tried without being kept."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.http import Http404
from rest_framework import serializers

from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Document, Strict, Text, Whole
from tenants.api.problems import below
from tenants.api.resources import Acting, ActingOn, Listing, Putting, Removing, Showing
from tenants.comparison import compare
from tenants.models import ModelAlias, PolicyRevision
from tenants.rights import Right
from tenants.schema import models_named, policy_document
from tenants.services.policies import document_in_force, find_policy

MOST_REASON = 500


class RevisionShown(serializers.Serializer[Any]):
    revision = serializers.IntegerField(source="number")
    document = serializers.DictField(help_text="the whole policy, every default filled in")
    author = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class PolicyShown(RevisionShown):
    """A policy, as its revision in force has it."""

    name = serializers.CharField(source="policy.name")


class PolicyBody(Strict):
    document = Document(help_text="as docs/policies.md says, without its name")
    reason = Text(max_length=MOST_REASON, required=False, default="", allow_blank=True)


class Policies(Listing, OrganizationEndpoint):
    """The organization's policies, each as it is in force."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, ordering = PolicyShown, "policy_name"

    def rows(self, asked: dict[str, Any]) -> QuerySet[PolicyRevision]:
        return _in_force().annotate(policy_name=F("policy__name"))


class PolicyItem(Putting, Removing):
    """One policy. PUT makes a new revision when the document says something new. One in use cannot be deleted."""

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PUT": Right.POLICIES_WRITE,
        "DELETE": Right.POLICIES_WRITE,
    }
    shown, body = PolicyShown, PolicyBody

    def find(self) -> PolicyRevision | None:
        return _in_force().filter(policy__name=self.kwargs["policy"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        with below("document"):
            return services.save_policy(**self.where, name=self.kwargs["policy"], **wanted).created

    def remove(self) -> None:
        services.delete_policy(**self.where, name=self.kwargs["policy"])


class Revisions(Listing, OrganizationEndpoint):
    """What a policy has said, the newest first."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, ordering = RevisionShown, "-number"

    def rows(self, asked: dict[str, Any]) -> QuerySet[PolicyRevision]:
        rows = PolicyRevision.objects.filter(policy__name=self.kwargs["policy"])
        if not rows.exists():  # a policy has one at least
            raise Http404
        return rows


class DifferenceShown(serializers.Serializer[Any]):
    op = serializers.ChoiceField(["added", "removed", "changed"])
    path = serializers.CharField(help_text="limits go by their names: `limits.daily.limit`")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ComparedRevisionShown(RevisionShown):
    diff = DifferenceShown(many=True, help_text="to the revision before; empty for the first")


class RevisionItem(Showing):
    """One revision, and what it changed."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown = ComparedRevisionShown

    def find(self) -> PolicyRevision | None:
        rows = PolicyRevision.objects.filter(policy__name=self.kwargs["policy"])
        return rows.filter(number=self.kwargs["number"]).first()

    def as_shown(self, found: PolicyRevision) -> Any:
        before = PolicyRevision.objects.filter(policy=found.policy_id, number=found.number - 1).first()
        diff = compare(before.document, found.document) if before else []
        shown = RevisionShown(found).data
        return {**shown, "diff": [one.as_json() for one in diff]}


class Rollback(Strict):
    revision = Whole(min_value=1, help_text="which said what shall be in force again")
    reason = Text(max_length=MOST_REASON, required=False, default="", allow_blank=True)


class RollBackPolicy(ActingOn):
    """Puts a new revision in force that says what an old one said."""

    scopes = {"POST": Right.POLICIES_WRITE}
    shown, body = PolicyShown, Rollback

    def find(self) -> PolicyRevision | None:
        return _in_force().filter(policy__name=self.kwargs["policy"]).first()

    def act(self, wanted: dict[str, Any]) -> None:
        with below("revision"):
            services.rollback_policy(
                **self.where,
                name=self.kwargs["policy"],
                number=wanted["revision"],
                reason=wanted["reason"],
            )


class Draft(Strict):
    document = Document()
    policy = Text(max_length=63, required=False, help_text="with which to compare it, by name")


class CheckedShown(serializers.Serializer[Any]):
    """The draft as it would be stored."""

    document = serializers.DictField()
    unknown_models = serializers.ListField(
        child=serializers.CharField(), help_text="that it names and the organization lacks"
    )
    diff = DifferenceShown(many=True, allow_null=True, help_text="null when no policy is named")


class CheckPolicy(Acting):
    """Tells whether a draft is a policy, and what it would change. Nothing is kept."""

    scopes = {"POST": Right.POLICIES_WRITE}  # what saving takes
    shown, body = CheckedShown, Draft

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        with below("document"):
            document = policy_document(wanted["document"])
        policy = find_policy(wanted.get("policy"))
        known = set(ModelAlias.objects.values_list("alias", flat=True))
        named = {one for one in models_named(document) if "*" not in one}
        diff = compare(document_in_force(policy), document) if policy else None
        return {
            "document": document,
            "unknown_models": sorted(named - known),
            "diff": None if diff is None else [one.as_json() for one in diff],
        }


def _in_force() -> QuerySet[PolicyRevision]:
    return PolicyRevision.objects.select_related("policy").filter(number=F("policy__revision"))
