"""What was found in an organization's calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from dlp.policy import Action
from orbit.lib.errors import InputError
from quotas.findings.report import BY, findings_report
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Moment, Strict, Text
from tenants.rights import Right
from tenants.schema import values

LONGEST = timedelta(days=400)
MOST_ROWS = 10_000
ONLY = ("project", "type", "direction", "action")


class FindingFigures(serializers.Serializer[Any]):
    findings = serializers.IntegerField(help_text="how often something was found, of rules in shadow too")
    false_positives = serializers.IntegerField(help_text="values that people said to be none")


class FindingRowShown(FindingFigures):
    """One group: what `by` names, and its figures."""

    type = serializers.CharField(required=False, help_text="`(other)`: see ORBIT_ROLLUP_VALUES")
    project = serializers.CharField(required=False)
    direction = serializers.CharField(required=False, allow_null=True, help_text="null: a false alarm")
    action = serializers.CharField(required=False, allow_null=True, help_text="null: a false alarm")
    shadow = serializers.BooleanField(required=False, help_text="true: what the action would have been")
    day = serializers.CharField(required=False, help_text="in the organization's time zone")

    def to_representation(self, instance: Any) -> Any:
        return instance


class FindingsShown(serializers.Serializer[Any]):
    organization = serializers.CharField()
    time_zone = serializers.CharField()
    since = serializers.CharField(help_text="rounded down to a quarter of an hour")
    until = serializers.CharField(help_text="rounded up to a quarter of an hour")
    complete_until = serializers.CharField(help_text="calls admitted before it are all in the figures")
    totals = FindingFigures()
    rows = FindingRowShown(many=True)


class FindingsAsked(Strict):
    since = Moment(
        required=False, help_text="default: the beginning of this month in the organization's time zone"
    )
    until = Moment(required=False, help_text="default: now")
    by = Text(
        required=False,
        default="",
        allow_blank=True,
        help_text=f"a comma list of {', '.join(BY)}; by project there are no false alarms, which are of none",
    )
    project = Text(required=False, max_length=63, help_text="only its findings")
    type = Text(required=False, max_length=256, help_text="only of this type")
    direction = serializers.ChoiceField(["request", "answer"], required=False)
    action = serializers.ChoiceField([str(one) for one in Action], required=False)

    def validate_by(self, text: str) -> list[str]:
        by = [one for one in text.split(",") if one]
        for one in by:
            if one not in BY:
                suggestion = values.nearest(one, BY) or f"one of: {', '.join(BY)}"
                raise serializers.ValidationError(f"{one!r} is not known; {suggestion}")
        return list(dict.fromkeys(by))


class Findings(OrganizationEndpoint):
    """How often personal data and secrets were found in a span of at most 400 days, in all and by what `by` names."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, filters = FindingsShown, FindingsAsked

    def get(self) -> Response:
        asked = self.asked()
        since, until = asked.get("since"), asked.get("until")
        if since is not None and until is not None and until <= since:
            raise InputError("until", "must be after since")
        report = findings_report(
            self.organization,
            since=since,
            until=until,
            by=asked["by"],
            only={name: asked[name] for name in ONLY if name in asked},
            longest=LONGEST,
            most_rows=MOST_ROWS,
        )
        return Response(FindingsShown(report).data)
