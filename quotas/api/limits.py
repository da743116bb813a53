"""How an organization's limits stand."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from quotas.limits import Limit
from quotas.reports import keys_named
from quotas.status import Attached, open_projects, usable_keys
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Text
from tenants.api.paging import Paged, cut
from tenants.api.resources import Listing
from tenants.models import ApiKey
from tenants.rights import Right

LEVELS = ("organization", "project", "key")


class WindowShown(serializers.Serializer[Any]):
    start = serializers.CharField()
    end = serializers.CharField()


class TemporaryShown(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    until = serializers.CharField()


class LimitShown(serializers.Serializer[Any]):
    """Amounts are in the meter's own unit; of cost in billionths of the currency."""

    name = serializers.CharField()
    level = serializers.ChoiceField([*LEVELS, "end_user"])
    object = serializers.CharField(help_text="the organization's slug, a project's, or PROJECT/NAME of a key")
    meter = serializers.CharField()
    per = serializers.CharField(allow_null=True, help_text="null: of what runs at one time")
    models = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="null: of all")
    shadow = serializers.BooleanField(help_text="whether it only reports")
    window = WindowShown(allow_null=True, help_text="null: it drains all the time, or never ends")
    limit = serializers.IntegerField()
    burst = serializers.IntegerField(allow_null=True)
    temporary = TemporaryShown(allow_null=True, help_text="an increase in force")
    spent = serializers.IntegerField(allow_null=True, help_text="null: of each end user, and none is named")
    held = serializers.IntegerField(allow_null=True)
    free = serializers.IntegerField(allow_null=True)
    held_calls = serializers.IntegerField(allow_null=True)


class LimitsAsked(Paged):
    level = serializers.ChoiceField(
        LEVELS, required=False, help_text="what the limits are on; those on its end users are with them"
    )
    project = Text(required=False, max_length=63, help_text="only on it and on its keys, by slug")
    key = Text(required=False, max_length=127, help_text="only on it; PROJECT/NAME or its id")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "key" in attrs and attrs.setdefault("level", "key") != "key":
            raise serializers.ValidationError({"key": "goes with level=key only"})
        if "project" in attrs and attrs.get("level") == "organization":
            raise serializers.ValidationError({"project": "does not go with level=organization"})
        return attrs


class Limits(Listing, OrganizationEndpoint):
    """Spent, held and free of every limit.

    The first page begins with the limits on the organization and on its projects. Those on keys follow, so many keys on a page
    as `limit` says; a page may be empty, the last is the one whose `next_cursor` is null.
    """

    scopes = {"GET": Right.USAGE_READ}
    shown, filters, ordering = LimitShown, LimitsAsked, "id"

    def get(self) -> Response:
        asked = self.asked()
        attached = Attached(self.organization)
        limits, following = [] if "cursor" in asked else _above_keys(attached, asked), None
        if asked.get("level", "key") == "key":
            keys, following = cut(self.rows(asked), self.ordering, asked)
            limits += attached.of_keys(keys)
        shown = [one.as_json() for one in attached.statuses(limits)]
        return Response({"data": shown, "next_cursor": following})

    def rows(self, asked: dict[str, Any]) -> QuerySet[ApiKey]:
        """The keys that are asked for."""
        rows = usable_keys()
        if "project" in asked:
            rows = rows.filter(project__slug=asked["project"])
        return rows.filter(pk__in=keys_named(asked["key"])) if "key" in asked else rows


def _above_keys(attached: Attached, asked: dict[str, Any]) -> list[Limit]:
    """On the organization and on projects, as far as they are asked for."""
    level, found = asked.get("level"), list[Limit]()
    if level in (None, "organization") and "project" not in asked:
        found += attached.of_whole()
    if level in (None, "project"):
        projects = open_projects().order_by("slug")
        if "project" in asked:
            projects = projects.filter(slug=asked["project"])
        found += attached.of_projects(projects)
    return found
