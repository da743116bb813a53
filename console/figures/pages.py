"""The dashboard of an organization, and of one's own keys in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit.models import ChainHead
from console import dashboard, limits
from console.access import organization_page
from console.figures import charts, csv_file, reading, spans, view
from console.figures.links import Links
from console.figures.reading import Asking, Course
from console.figures.view import LinkedChart
from console.limits import Limits
from orbit.lib.errors import InputError
from quotas import facets
from tenants.models import Membership, Organization
from tenants.rights import Right, may

REFRESH_S = 4
WORDS = ("range", "from", "to", "by", "ranked", "project", "key", "model", "account")


@require_safe
@organization_page(Right.USAGE_READ)
def dashboard_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership, None)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def my_usage_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership, reading.own_keys(membership.person_id))


@require_safe
@organization_page(Right.USAGE_READ)
def dashboard_csv(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _csv(request, membership, None)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def my_usage_csv(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _csv(request, membership, reading.own_keys(membership.person_id))


def _page(request: HttpRequest, membership: Membership, own: Sequence[UUID] | None) -> HttpResponse:
    organization, now = membership.organization, timezone.now()
    query, wrong = _query(request), None
    try:
        asked = _asked(query, organization, own, now)
    except InputError as error:
        wrong, query = error, {}
        asked = _asked(query, organization, own, now)
    standing = limits.limits(organization.pk, asked.only, mine=asked.mine)
    state = _state(request, organization, standing, now)
    if request.headers.get("HX-Request") and request.GET.get("seen") == state:
        return HttpResponse(status=204)
    page = reverse("my_usage" if asked.mine else "dashboard", args=[organization.slug])
    links = Links(organization.slug, page, query, asked, may(membership, Right.CALLS_READ))
    with timezone.override(asked.span.zone):
        shown = _shown(asked, links, organization, now) | {
            "limits": standing,
            "state": state,
            "wrong": wrong,
            "typed": request.GET if wrong else {},
        }
        fragment = "#live" if request.headers.get("HX-Request") else ""
        return render(request, f"console/dashboard.html{fragment}", shown, status=400 if wrong else 200)


def _query(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name].strip() for name in WORDS if request.GET.get(name, "").strip()}


def _asked(
    query: dict[str, str], organization: Organization, own: Sequence[UUID] | None, now: datetime
) -> Asking:
    return reading.asking(query, spans.chosen(query, organization.time_zone, now), own)


def _shown(asked: Asking, links: Links, organization: Organization, now: datetime) -> dict[str, Any]:
    course = reading.course(asked)
    groups = reading.groups(asked, course.whole)
    calls = dashboard.latest_calls(organization.pk) if links.sees_calls and not asked.only else []
    return {
        "organization": organization,
        "now": now,
        "asked": asked,
        "span": asked.span,
        "links": links,
        "tiles": view.tiles(course.whole, course.before, organization.currency),
        "whole": course.whole,
        "charts": _charts(course, links, asked.span.step, organization.currency),
        "rows": view.rows(groups, asked, links),
        "ranges": view.ranges(links),
        "dimensions": view.dimensions(links),
        "dimension": asked.dimensions[asked.by],
        "rankings": view.rankings(links),
        "breakdown_csv": links.csv(asked.by),
        "codes_csv": links.csv(facets.CODE),
        "limits_csv": links.csv(facets.LIMIT),
        "narrowed": view.narrowed(links),
        "errors": view.reasons(reading.reasons(asked, facets.CODE), links, facets.CODE),
        "refusals": view.reasons(reading.reasons(asked, facets.LIMIT), links, facets.LIMIT),
        "forecast": reading.forecast(asked, now),
        "bar_scale": limits.SCALE,
        "calls": calls,
        "day": dashboard.today(organization, now),
        "refresh_s": REFRESH_S,
        "public_url": settings.ORBIT_PUBLIC_URL,
        "model": None if calls else dashboard.first_model(organization.pk),
    }


def _charts(course: Course, links: Links, step: str, currency: str) -> list[LinkedChart]:
    hrefs = [links.calls(moment.starts_at, moment.ends_at) for moment in course.moments]
    drawn = [charts.drawn(name, course.moments, step, currency) for name in charts.KINDS]
    return [view.chart(one, hrefs, links.csv(one.name)) for one in drawn]


def _state(request: HttpRequest, organization: Organization, standing: Limits | None, now: datetime) -> str:
    """Changes when something on the page would: with the ledger, the limits, and each quarter of an hour."""
    seq = ChainHead.objects.filter(pk=organization.pk).values_list("seq", flat=True).first()
    quarter = int(now.timestamp()) // 900
    stands = (
        [(bar.status.name, bar.status.object, bar.status.spent, bar.status.held) for bar in standing.bars]
        if standing
        else None
    )
    text = repr((seq, quarter, stands, organization.suspended_at, organization.deleted_at))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _csv(request: HttpRequest, membership: Membership, own: Sequence[UUID] | None) -> HttpResponse:
    organization, now = membership.organization, timezone.now()
    of = request.GET.get("of", "")
    try:
        asked = _asked(_query(request), organization, own, now)
        with timezone.override(asked.span.zone):
            text = _text(of, asked, organization.currency)
    except InputError as error:
        return HttpResponse(f"{error.path}: {error.message}\n", status=400, content_type="text/plain")
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    days = f"{asked.span.first:%Y-%m-%d}-{asked.span.last:%Y-%m-%d}"
    answer["Content-Disposition"] = f'attachment; filename="{organization.slug}-{of}-{days}.csv"'
    return answer


def _text(of: str, asked: Asking, currency: str) -> str:
    course = reading.course(asked)
    if of in charts.KINDS:
        return csv_file.of_chart(of, course.moments, asked, currency)
    if of in asked.dimensions:
        asked = replace(asked, by=of)
        return csv_file.of_groups(asked.dimensions[of], reading.groups(asked, course.whole, None), currency)
    if of in (facets.CODE, facets.LIMIT):
        return csv_file.of_groups(of, reading.reasons(asked, of), currency)
    known = ", ".join((*charts.KINDS, *asked.dimensions, facets.CODE, facets.LIMIT))
    raise InputError("of", f"{of!r} is not known; choose one of {known}")
