"""What an organization used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from orbit.lib.errors import InputError
from quotas import totals
from quotas.reports import usage_report
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Moment, Strict, Text
from tenants.rights import Right
from tenants.schema import values

LONGEST = timedelta(days=400)
MOST_ROWS = 10_000
ONLY = ("project", "key", "model", "account")


class FiguresShown(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    refused = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="requests that a provider did not answer")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_nano = serializers.IntegerField(help_text="in billionths of the currency")
    cost = serializers.CharField(help_text="the same as a decimal number")
    estimated_requests = serializers.IntegerField(help_text="requests whose tokens no provider told")
    unpriced_requests = serializers.IntegerField(
        help_text="requests without a price, whose cost is not known"
    )
    duration_p50_ms = serializers.IntegerField(
        allow_null=True, help_text="of answered requests, to within a tenth; null: there were none"
    )
    duration_p95_ms = serializers.IntegerField(allow_null=True)
    first_token_p50_ms = serializers.IntegerField(allow_null=True, help_text="of streamed requests")
    first_token_p95_ms = serializers.IntegerField(allow_null=True)


class UsageRowShown(FiguresShown):
    """One group: what `by` names, and its figures."""

    project = serializers.CharField(required=False, allow_null=True)
    key = serializers.CharField(required=False, allow_null=True, help_text="PROJECT/NAME")
    model = serializers.CharField(required=False, allow_null=True)
    account = serializers.CharField(required=False, allow_null=True, help_text="null: no provider was asked")
    end_user = serializers.CharField(
        required=False, allow_null=True, help_text="null: none was named; `(other)`: see ORBIT_ROLLUP_VALUES"
    )
    tag = serializers.CharField(
        required=False, allow_null=True, help_text="NAME=VALUE; a request counts under each of its tags"
    )
    code = serializers.CharField(required=False, help_text="of requests that failed or were refused")
    limit = serializers.CharField(required=False, help_text="of requests that were refused")
    day = serializers.CharField(required=False, help_text="in the organization's time zone")

    def to_representation(self, instance: Any) -> Any:
        return instance


class UsageShown(serializers.Serializer[Any]):
    organization = serializers.CharField()
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    since = serializers.CharField(help_text="rounded down to a quarter of an hour")
    until = serializers.CharField(help_text="rounded up to a quarter of an hour")
    complete_until = serializers.CharField(help_text="calls admitted before it are all in the figures")
    totals = FiguresShown()
    rows = UsageRowShown(many=True)


class UsageAsked(Strict):
    since = Moment(
        required=False, help_text="default: the beginning of this month in the organization's time zone"
    )
    until = Moment(required=False, help_text="default: now")
    by = Text(
        required=False,
        default="",
        allow_blank=True,
        help_text=f"a comma list of {', '.join(totals.GROUPS)}; end_user, tag, code and limit go with project and day alone",
    )
    project = Text(required=False, max_length=63, help_text="only its usage")
    key = Text(required=False, max_length=127, help_text="only its usage; PROJECT/NAME or its id")
    model = Text(required=False, max_length=120, help_text="only its usage")
    account = Text(required=False, max_length=63, help_text="only its usage")

    def validate_by(self, text: str) -> list[str]:
        by = [one for one in text.split(",") if one]
        for one in by:
            if one not in totals.GROUPS:
                suggestion = values.nearest(one, totals.GROUPS) or f"one of: {', '.join(totals.GROUPS)}"
                raise serializers.ValidationError(f"{one!r} is not known; {suggestion}")
        return list(dict.fromkeys(by))


class Usage(OrganizationEndpoint):
    """Requests, tokens and cost of a span of at most 400 days, in all and by what `by` names."""

    scopes = {"GET": Right.USAGE_READ}
    shown, filters = UsageShown, UsageAsked

    def get(self) -> Response:
        asked = self.asked()
        since, until, by = asked.get("since"), asked.get("until"), asked["by"]
        if since is not None and until is not None and until <= since:
            raise InputError("until", "must be after since")
        report = usage_report(
            self.organization,
            since=since,
            until=until,
            longest=LONGEST,
            by=by,
            only={name: asked[name] for name in ONLY if name in asked},
            most_rows=MOST_ROWS,
        )
        return Response(UsageShown(report).data)
