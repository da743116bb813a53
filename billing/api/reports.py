"""Reports: made, as files, saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.reports import anomalies, asked, dimensions, reading, saved, shown, spans
from billing.reports.files import FORMS
from billing.reports.models import ReportView
from orbit.lib import money
from quotas.outlook import Outlook
from quotas.reports import ids_of
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text, Words
from tenants.api.paging import Paged
from tenants.api.resources import Creating, Listing, Putting, Removing
from tenants.rights import Right


class Asking(Strict):
    range = serializers.ChoiceField(
        list(spans.CHOICES), required=False, help_text="of the organization's calendar; default: month"
    )
    to = Text(required=False, max_length=40, help_text="a day, itself included, or a moment")
    by = Text(
        required=False,
        max_length=60,
        help_text=f"at most two of {', '.join(dimensions.TITLES)}, with a comma between; `none`: the whole alone; default: project",
    )
    order = serializers.ChoiceField(list(asked.MEASURES), required=False, help_text="default: cost_nano")
    most = Text(required=False, max_length=6, help_text="so many rows, and the rest as one")
    project = Text(required=False, max_length=63, help_text="only its usage")
    key = Text(required=False, max_length=127, help_text="only its usage; PROJECT/NAME or its id")
    model = Text(required=False, max_length=120, help_text="only its usage")
    account = Text(required=False, max_length=63, help_text="only its usage")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's
        first = {"from": Text(required=False, max_length=40, help_text="a day, or a moment")}
        return {**super().get_fields(), **first}


class FigureShown(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    refused = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="requests that a provider did not answer")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_nano = serializers.IntegerField(help_text="in billionths of the currency")
    cost = serializers.CharField(help_text="the same as a decimal number")
    converted = serializers.CharField(allow_null=True, help_text="the same in the reporting currency")
    cost_per_request = serializers.CharField(allow_null=True, help_text="of requests that have a price")
    cost_per_1k_tokens = serializers.CharField(
        allow_null=True, help_text="null where requests without a price are among them"
    )
    estimated_requests = serializers.IntegerField(help_text="requests whose tokens no provider told")
    estimated_percent = serializers.FloatField(allow_null=True, help_text="of requests")
    unpriced_requests = serializers.IntegerField(
        help_text="requests without a price, whose cost is not known"
    )
    unpriced = serializers.BooleanField(help_text="whether none of it had a price: then `cost` says nothing")


class RowShown(FigureShown):
    """One group; null in what `by` names: nobody, or nothing."""

    project = serializers.CharField(required=False, allow_null=True)
    cost_centre = serializers.CharField(required=False, allow_null=True)
    key = serializers.CharField(required=False, allow_null=True, help_text="PROJECT/NAME")
    model = serializers.CharField(required=False, allow_null=True)
    account = serializers.CharField(required=False, allow_null=True)
    end_user = serializers.CharField(required=False, allow_null=True)
    tag = serializers.CharField(required=False, allow_null=True)
    code = serializers.CharField(required=False, allow_null=True)
    day = serializers.CharField(required=False, allow_null=True)
    week = serializers.CharField(required=False, allow_null=True, help_text="its first day")
    month = serializers.CharField(required=False, allow_null=True, help_text="its first day")
    rest = serializers.BooleanField(help_text="all that has no row of its own")

    def to_representation(self, instance: Any) -> Any:
        return instance


class FailureShown(FigureShown):
    code = serializers.CharField()


class CurrencyShown(serializers.Serializer[Any]):
    currency = serializers.CharField()
    cost_nano = serializers.IntegerField()
    cost = serializers.CharField()


class ReportShown(serializers.Serializer[Any]):
    organization = serializers.CharField()
    currency = serializers.CharField()
    reporting_currency = serializers.CharField(
        allow_null=True, help_text="null: the installation has no other"
    )
    time_zone = serializers.CharField(help_text="of all days")
    range = serializers.ChoiceField(list(spans.CHOICES))
    since = serializers.CharField()
    until = serializers.CharField()
    first_day = serializers.CharField()
    last_day = serializers.CharField()
    complete_until = serializers.CharField(
        allow_null=True, help_text="calls admitted before it are all in the figures; null: not known"
    )
    by = serializers.ListField(child=serializers.CharField())
    only = serializers.DictField(child=serializers.CharField())
    source = serializers.ChoiceField(["rollups", "ledger"], help_text="what it was summed from")  # type: ignore[assignment]
    totals = FigureShown()
    other_currencies = CurrencyShown(many=True, help_text="charged in other currencies; in no other amount")
    failed_cost_nano = serializers.IntegerField(
        allow_null=True, help_text="what calls cost that did not end well; null: too many calls to read"
    )
    failures = FailureShown(many=True)
    rows = RowShown(many=True)
    notes = serializers.ListField(child=serializers.CharField())


class MakeReport(OrganizationEndpoint):
    """Usage and cost of a span of at most 400 days by up to two dimensions, with unit costs and what failures cost."""

    scopes = {"GET": Right.USAGE_READ}
    shown, filters = ReportShown, Asking

    def get(self) -> Response:
        report = reading.report(self.organization, asked.question(self.asked()))
        return Response(ReportShown(shown.as_json(report)).data)


class AskingFile(Asking):
    format = serializers.ChoiceField(list(FORMS), default="csv")


class MakeFile(OrganizationEndpoint):
    """The same as a file: CSV, XLSX, PDF or JSON, as `format` says."""

    scopes = {"GET": Right.USAGE_READ}
    filters = AskingFile
    files = sorted({one.content_type for one in FORMS.values()})

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """What it answers, `format` says."""
        return super().perform_content_negotiation(request, force=True)

    def handled(self, request: Request) -> Response:
        """Without an ETag: when it was made stands in it."""
        return self.get()

    def get(self) -> Response:
        wanted = self.asked()
        form = FORMS[wanted.pop("format")]
        report = reading.report(self.organization, asked.question(wanted))
        answer = HttpResponse(form.make(report), content_type=form.content_type)
        name = f"{shown.file_name(report)}.{form.name}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer  # type: ignore[return-value]  # DRF takes any


class ForecastAsked(Strict):
    per = serializers.ChoiceField(["week", "month", "quarter", "year"], default="month")
    project = Text(required=False, max_length=63)
    key = Text(required=False, max_length=127)
    model = Text(required=False, max_length=120)
    account = Text(required=False, max_length=63)


class ForecastShown(serializers.Serializer[Any]):
    """What the present period will have cost. Null where there are fewer than 14 days of history."""

    currency = serializers.CharField()
    ends_on = serializers.DateField()
    days_known = serializers.IntegerField(help_text="of history, 28 at most")
    spent_nano = serializers.IntegerField()
    expected_nano = serializers.IntegerField(allow_null=True)
    low_nano = serializers.IntegerField(allow_null=True, help_text="eight of ten periods end between these")
    high_nano = serializers.IntegerField(allow_null=True)
    expected = serializers.CharField(allow_null=True)


class Forecast(OrganizationEndpoint):
    """What the present week, month, quarter or year will have cost at its end, with the band of its error."""

    scopes = {"GET": Right.USAGE_READ}
    shown, filters = ForecastShown, ForecastAsked

    def get(self) -> Response:
        wanted = self.asked()
        per = wanted.pop("per")
        found = reading.forecast(self.organization, ids_of(wanted), datetime.now(UTC), per)
        return Response(ForecastShown(_forecast(found, self.organization.currency)).data)


def _forecast(found: Outlook, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "ends_on": found.ends_on,
        "days_known": found.days_known,
        "spent_nano": found.spent,
        "expected_nano": found.expected,
        "low_nano": found.low,
        "high_nano": found.high,
        "expected": None if found.expected is None else money.amount(found.expected),
    }


class AnomaliesAsked(Strict):
    by = serializers.ChoiceField(list(anomalies.DIMENSIONS), default="project")
    days = serializers.IntegerField(min_value=1, max_value=anomalies.MOST_DAYS, default=anomalies.USUAL_DAYS)


class AnomalyShown(serializers.Serializer[Any]):
    """A day on which something cost far more than it used to."""

    day = serializers.DateField()
    name = serializers.CharField(allow_null=True, help_text="of what `by` says")
    cost_nano = serializers.IntegerField()
    usual_nano = serializers.IntegerField(help_text="the median of the 28 days before")
    threshold_nano = serializers.IntegerField(help_text="what a day must cost more than to be told")
    words = serializers.CharField()


class AnomaliesShown(serializers.Serializer[Any]):
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    method = serializers.CharField()
    data = AnomalyShown(many=True)  # type: ignore[assignment]


class Anomalies(OrganizationEndpoint):
    """Days on which a project, model, key or account cost far more than in its own past."""

    scopes = {"GET": Right.USAGE_READ}
    shown, filters = AnomaliesShown, AnomaliesAsked

    def get(self) -> Response:
        wanted = self.asked()
        found = anomalies.anomalies(self.organization, wanted["by"], wanted["days"], datetime.now(UTC))
        answer = {
            "currency": self.organization.currency,
            "time_zone": self.organization.time_zone,
            "method": anomalies.METHOD,
            "data": [
                {
                    "day": one.day,
                    "name": one.name,
                    "cost_nano": one.cost_nano,
                    "usual_nano": one.usual_nano,
                    "threshold_nano": one.threshold_nano,
                    "words": anomalies.words(one, self.organization.currency),
                }
                for one in found
            ],
        }
        return Response(AnomaliesShown(answer).data)


class ViewShown(serializers.Serializer[Any]):
    """A saved report. `words` are those of GET …/report."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    words = serializers.DictField(child=serializers.CharField())
    schedule = serializers.ChoiceField(ReportView.Schedule.choices, help_text="how often it is mailed")
    form = serializers.ChoiceField(ReportView.Form.choices, help_text="of the file in the mail")
    recipients = serializers.ListField(child=serializers.CharField())
    author = serializers.CharField()
    created_at = serializers.DateTimeField()


class ViewBody(Strict):
    name = Text(max_length=63)
    words = serializers.DictField(child=Text(max_length=200), help_text="as GET …/report takes them")
    schedule = serializers.ChoiceField(ReportView.Schedule.choices, default="never")
    form = serializers.ChoiceField(ReportView.Form.choices, default="xlsx")
    recipients = Words(required=False, default=list, help_text="addresses of members who may see figures")


class Views(Listing, Creating):
    """Saved reports, the newest first; POST saves one."""

    scopes = {"GET": Right.USAGE_READ, "POST": Right.REPORTS_WRITE}
    shown, body, filters = ViewShown, ViewBody, Paged

    def rows(self, asked: dict[str, Any]) -> QuerySet[ReportView]:
        return ReportView.objects.all()

    def create(self, wanted: dict[str, Any]) -> ReportView:
        row = saved.save_report_view(**self.where, **_known(wanted)).row
        row.refresh_from_db()
        return row


class ViewItem(Putting, Removing):
    """One saved report."""

    scopes = {"GET": Right.USAGE_READ, "PUT": Right.REPORTS_WRITE, "DELETE": Right.REPORTS_WRITE}
    shown, body = ViewShown, ViewBody

    def find(self) -> ReportView | None:
        return ReportView.objects.filter(pk=self.kwargs["view"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        if self.find() is None:
            raise Http404  # ids are ours to give
        return saved.save_report_view(**self.where, **_known(wanted), view_id=self.kwargs["view"]).created

    def remove(self) -> None:
        saved.delete_report_view(**self.where, view_id=self.kwargs["view"])


def _known(wanted: dict[str, Any]) -> dict[str, Any]:
    """InputError for a word that a report does not know, which would be lost in silence."""
    unknown = set(wanted["words"]) - set(asked.WORDS)
    if unknown:
        raise serializers.ValidationError({"words": [f"{min(unknown)!r} is not known"]})
    return wanted
