"""The page of findings, and its tables as files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import spreadsheet
from console.access import organization_page
from console.figures import charts, spans
from console.figures.charts import Layer
from console.figures.reading import Moment
from console.figures.view import LinkedChart, LinkedPoint
from console.findings import reading
from console.findings.asked import DIRECTIONS, WORDS, Asked, Links, asked
from console.findings.reading import Group
from console.templatetags.figures import share, whole
from orbit.lib.errors import InputError
from tenants.models import Membership
from tenants.rights import Right, may

SCALE = 1000  # of a bar's drawing
LAYERS = (
    Layer("Replaced", "accent", lambda moment: int(moment.sums["replaced"])),
    Layer("Blocked", "bad", lambda moment: int(moment.sums["blocked"])),
    Layer("Logged", "held", lambda moment: int(moment.sums["logged"])),
    Layer("Only reported", "warn", lambda moment: int(moment.sums["reported"])),
)
FILES = ("time", "type", "project", "action")


@dataclass(frozen=True, slots=True)
class ShownRow:
    """`bar` is its share of the greatest, of SCALE; `only` and `calls` are empty where they would lead nowhere."""

    group: Group
    share: str
    bar: float
    only: str
    calls: str


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def findings_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization, wrong = membership.organization, None
    query = _query(request)
    try:
        found = asked(query, spans.chosen(query, organization.time_zone, timezone.now()))
    except InputError as error:
        wrong, query = error, {}
        found = asked(query, spans.chosen(query, organization.time_zone, timezone.now()))
    links = Links(organization.slug, query, found, may(membership, Right.CALLS_READ))
    with timezone.override(found.span.zone):
        shown = _shown(found, links) | {
            "organization": organization,
            "wrong": wrong,
            "typed": request.GET if wrong else {},
        }
        return render(request, "console/findings/findings.html", shown, status=400 if wrong else 200)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def findings_csv(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization, of = membership.organization, request.GET.get("of", "")
    query = _query(request)
    try:
        found = asked(query, spans.chosen(query, organization.time_zone, timezone.now()))
        if of not in FILES:
            raise InputError("of", f"{of!r} is not known; choose one of {', '.join(FILES)}")
    except InputError as error:
        return HttpResponse(f"{error.path}: {error.message}\n", status=400, content_type="text/plain")
    days = f"{found.span.first:%Y-%m-%d}-{found.span.last:%Y-%m-%d}"
    with timezone.override(found.span.zone):
        head, rows = _file(of, found)
    return spreadsheet.answer(f"{organization.slug}-findings-{of}-{days}", head, rows)


def _query(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name].strip() for name in WORDS if request.GET.get(name, "").strip()}


def _shown(found: Asked, links: Links) -> dict[str, Any]:
    all_of_them, moments = reading.whole(found), reading.moments(found)
    return {
        "span": found.span,
        "links": links,
        "ranges": links.ranges(),
        "narrowed": links.narrowed(),
        "whole": all_of_them,
        "linked": _chart(moments, found, links),
        "tables": [
            ("type", "Type", _rows(reading.by_type(found, all_of_them), "type", links), links.csv("type")),
            (
                "project",
                "Project",
                _rows(reading.by_project(found, all_of_them), "project", links),
                links.csv("project"),
            ),
        ],
        "done": [(row, _done_links(row, links)) for row in reading.by_what_was_done(found)],
        "done_csv": links.csv("action"),
        "directions": DIRECTIONS,
        "bar_scale": SCALE,
    }


def _chart(moments: list[Moment], found: Asked, links: Links) -> LinkedChart:
    drawn = charts.chart("findings", "Findings", LAYERS, moments, found.span.step, whole)
    points = [
        LinkedPoint(point, links.calls(point.moment.starts_at, point.moment.ends_at))
        for point in drawn.points
    ]
    return LinkedChart(drawn, points, links.csv("time"))


def _rows(groups: list[Group], by: str, links: Links) -> list[ShownRow]:
    top = max((one.findings for one in groups), default=0)
    in_all = sum(one.findings for one in groups)
    return [
        ShownRow(
            one,
            share(one.findings, in_all),
            round(SCALE * one.findings / top, 1) if top else 0,
            links.with_(**{by: one.value}) if one.value and by not in links.asked.narrowed else "",
            links.all_calls(**{by: one.value}) if one.value and one.findings else "",
        )
        for one in groups
    ]


def _done_links(row: dict[str, Any], links: Links) -> str:
    """The page of what was done in the same direction."""
    narrowed = links.asked.narrowed
    if "direction" in narrowed and "action" in narrowed:
        return ""
    return links.with_(direction=row["direction"], action=row["action"])


def _file(of: str, found: Asked) -> tuple[list[str], list[list[Any]]]:
    if of == "time":
        head = [f"{found.span.step} ({found.span.zone})", *reading.FIGURES]
        return head, [_line(one, found.span.step) for one in reading.moments(found)]
    if of == "action":
        rows = reading.by_what_was_done(found)
        head = ["direction", "action", "shadow", "findings"]
        return head, [[row["direction"], row["action"], row["shadow"], row["findings"]] for row in rows]
    grouped = reading.by_type if of == "type" else reading.by_project
    groups = grouped(found, reading.whole(found), reading.MOST_ROWS)
    if of == "project":
        return ["project", "findings"], [[one.label, one.findings] for one in groups]
    return ["type", "findings", "false positives"], [
        [one.label, one.findings, one.false_positives] for one in groups
    ]


def _line(moment: Moment, step: str) -> list[Any]:
    local = timezone.localtime(moment.starts_at)
    when = f"{local:%Y-%m-%d}" if step == "day" else local.isoformat(timespec="minutes")
    return [when, *(moment.sums[name] for name in reading.FIGURES)]
