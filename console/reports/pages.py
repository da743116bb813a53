"""The pages of reports: one that answers, one of anomalies, and files of both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.reports import anomalies, asked, dimensions, reading, saved, shown, spans
from billing.reports.asked import Question
from billing.reports.files import FORMS
from billing.reports.models import ReportView
from console.access import organization_page
from console.reports.view import Presets, table
from orbit.lib.errors import InputError
from quotas.reports import ids_of
from tenants.models import Membership, ModelAlias, Organization, Project, ProviderAccount
from tenants.rights import Right, may

SHOWN = 100  # rows on the page; files have all
MOST_CHOICES = 200
LATELY_DAYS = 30  # of which unusual ones are looked for
NOTHING = asked.question({})


@require_safe
@organization_page(Right.USAGE_READ)
def reports_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization, wrong = membership.organization, None
    view, words = _words(request)
    try:
        question = asked.question({"most": str(SHOWN), **words})
        report = reading.report(organization, question)
    except InputError as error:
        wrong, question = error, asked.question({"most": str(SHOWN)})
        report = reading.report(organization, question)
    forecast = reading.forecast(organization, ids_of(question.narrowed), datetime.now(UTC))
    context = {
        "organization": organization,
        "report": report,
        "question": question,
        "words": words,
        "query": urlencode(words),
        "facts": shown.facts(report),
        "days": shown.days(report),
        "heads": shown.heads(report),
        "rows": table(report),
        "forecast": forecast,
        "narrowed": bool(question.narrowed),
        "forms": FORMS.values(),
        "ranges": spans.CHOICES.items(),
        "dimensions": dimensions.TITLES.items(),
        "measures": asked.MEASURES.items(),
        "by": [*question.by, "", ""][:2],
        "shown_at_most": SHOWN,
        "presets": Presets(organization.slug),
        "views": list(saved.report_views()),
        "view": view,
        "may_save": may(membership, Right.REPORTS_WRITE),
        "wrong": wrong,
        **_choices(organization),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/reports/report.html", context, status=400 if wrong else 200)


@require_safe
@organization_page(Right.USAGE_READ)
def report_file(request: HttpRequest, membership: Membership) -> HttpResponse:
    form = FORMS.get(request.GET.get("format", ""))
    try:
        if form is None:
            raise InputError("format", "is not known", f"choose one of {', '.join(FORMS)}")
        report = reading.report(membership.organization, _question(request))
    except InputError as error:
        return HttpResponse(f"{error.path}: {error.message}\n", status=400, content_type="text/plain")
    answer = HttpResponse(form.make(report), content_type=form.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{shown.file_name(report)}.{form.name}"'
    return answer


@require_safe
@organization_page(Right.USAGE_READ)
def anomalies_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    by = request.GET.get("by", "project")
    by = by if by in anomalies.DIMENSIONS else "project"
    found, wrong = list[anomalies.Anomaly](), None
    try:
        found = anomalies.anomalies(organization, by, LATELY_DAYS, datetime.now(UTC))
    except InputError as error:
        wrong = error
    context = {
        "wrong": wrong,
        "organization": organization,
        "by": by,
        "dimensions": anomalies.DIMENSIONS.items(),
        "found": found[:SHOWN],
        "more": max(0, len(found) - SHOWN),
        "days": LATELY_DAYS,
        "method": anomalies.METHOD,
    }
    return render(request, "console/reports/anomalies.html", context, status=400 if wrong else 200)


def _words(request: HttpRequest) -> tuple[ReportView | None, dict[str, str]]:
    """What is asked for: by a saved report, or by the address itself. Two dimensions may come as two fields of a form."""
    given = {
        name: request.GET.get(name, "").replace("\x00", "").strip() for name in (*asked.WORDS, "and", "view")
    }
    view = _view(given.pop("view"))
    second = given.pop("and")
    if second and given["by"]:
        given["by"] = f"{given['by']},{second}"
    words = {name: value for name, value in given.items() if value}
    if view is not None and not words:
        return view, dict(view.words)
    return view, words


def _view(text: str) -> ReportView | None:
    try:
        return ReportView.objects.filter(pk=UUID(text)).first() if text else None
    except ValueError:
        return None


def _question(request: HttpRequest) -> Question:
    return asked.question(_words(request)[1])


def _choices(organization: Organization) -> dict[str, Any]:
    """What a report can be narrowed to."""
    projects = Project.objects.order_by("slug").values_list("slug", flat=True)
    models = ModelAlias.objects.order_by("alias").values_list("alias", flat=True)
    accounts = ProviderAccount.objects.order_by("name").values_list("name", flat=True)
    return {
        "projects": list(projects[:MOST_CHOICES]),
        "models": list(models[:MOST_CHOICES]),
        "accounts": list(accounts[:MOST_CHOICES]),
    }
