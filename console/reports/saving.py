"""The pages on which reports are saved, mailed and deleted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from billing import recipients
from billing.reports import asked, saved
from billing.reports.files import FORMS
from billing.reports.models import ReportMail, ReportView
from console.access import organization_page
from console.acts import attempt, gone, typed, where
from console.rendering import organization_answer
from orbit.lib.errors import InputError
from tenants.models import Membership
from tenants.rights import Right

SCHEDULES = {"never": "Not mailed", "day": "Every day", "week": "Every week", "month": "Every month"}
SHOWN = 10  # mails of the past
MOST_MEMBERS = 200


@require_POST
@organization_page(Right.REPORTS_WRITE)
def save_report(request: HttpRequest, membership: Membership) -> HttpResponse:
    """A new one, of what the page of reports shows."""
    given = typed(request, "name", *asked.WORDS)
    words = {name: given[name] for name in asked.WORDS if given[name]}
    made: list[ReportView] = []

    def do() -> str:
        made.append(saved.save_report_view(**where(membership), name=given["name"], words=words).row)
        return f"{given['name']} is saved. It can be mailed, too."

    if not attempt(request, do):
        response = redirect("reports", membership.organization.slug)
        response["Location"] += f"?{urlencode(words)}" if words else ""
        return response
    return redirect("saved_report", membership.organization.slug, made[0].pk)


@require_safe
@organization_page(Right.REPORTS_WRITE)
def saved_report(request: HttpRequest, membership: Membership, view_id: UUID) -> HttpResponse:
    view = ReportView.objects.filter(pk=view_id).first()
    if view is None:
        raise Http404
    return _page(request, membership, view)


@require_POST
@organization_page(Right.REPORTS_WRITE)
def change_report(request: HttpRequest, membership: Membership, view_id: UUID) -> HttpResponse:
    view = ReportView.objects.filter(pk=view_id).first()
    if view is None:
        return gone(request, membership, "saved report", "reports")
    given: dict[str, Any] = typed(request, "name", "schedule", "form")
    given["recipients"] = request.POST.getlist("recipients")
    try:
        saved.save_report_view(**where(membership), words=view.words, view_id=view.pk, **given)
    except InputError as error:
        return _page(request, membership, view, error, given)
    attempt(request, lambda: f"{given['name']} was saved.")
    return redirect("saved_report", membership.organization.slug, view.pk)


@require_POST
@organization_page(Right.REPORTS_WRITE)
def delete_report(request: HttpRequest, membership: Membership, view_id: UUID) -> HttpResponse:
    if not saved.delete_report_view(**where(membership), view_id=view_id):
        return gone(request, membership, "saved report", "reports")
    attempt(request, lambda: "The saved report was deleted. Figures are not touched by that.")
    return redirect("reports", membership.organization.slug)


def _page(
    request: HttpRequest,
    membership: Membership,
    view: ReportView,
    wrong: InputError | None = None,
    given: dict[str, Any] | None = None,
) -> HttpResponse:
    organization = membership.organization
    context = {
        "view": view,
        "title": asked.question(view.words).title,
        "query": urlencode(view.words),
        "typed": given
        or {"name": view.name, "schedule": view.schedule, "form": view.form, "recipients": view.recipients},
        "schedules": SCHEDULES.items(),
        "forms": FORMS.values(),
        "members": recipients.choices()[:MOST_MEMBERS],
        "mails": list(ReportMail.objects.filter(view=view).order_by("-period")[:SHOWN]),
        "wrong": wrong,
    }
    return organization_answer(request, organization, "console/reports/saved.html", context)
