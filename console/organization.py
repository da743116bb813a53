"""The settings of an organization: what it is called and counts by, its file, and its end."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from console import exports
from console.access import organization_page
from console.acts import attempt, typed, where
from console.glances import calls_a_day, of_all
from console.key_page import policies
from console.tasks import make_export
from orbit.lib import line
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Membership, Organization, Project
from tenants.rights import Right, may

REFRESH_S = 2  # while a file is being made
# As the management API has it, the file takes rights to all that is in it.
_ALL_IN_THE_FILE = (Right.ORGANIZATION_READ, Right.KEYS_READ, Right.MEMBERS_READ)
_FIELDS = ("name", "time_zone", "currency", "week_starts", "month_starts_on", "year_starts_in")
_COUNTING = _FIELDS[1:]  # by what limits and reports count
_NUMBERS = ("month_starts_on", "year_starts_in")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def settings_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.ORGANIZATION_WRITE)
def save(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What the form does not have, such as the calendar under a ceiling, stays."""
    given = {name: text for name, text in typed(request, *_FIELDS, "policy").items() if name in request.POST}
    try:
        wanted: dict[str, Any] = {
            name: _whole(name, text) if name in _NUMBERS else text for name, text in given.items()
        }
        if "policy" in wanted:
            wanted["policy"] = wanted["policy"] or None
        services.update_organization(**where(membership), **wanted)
    except InputError as error:
        return _page(request, membership, wrong=error, given=given)
    attempt(request, lambda: "The settings were saved.")
    return redirect("settings", membership.organization.slug)


@require_POST
@organization_page(*_ALL_IN_THE_FILE)
def export(request: HttpRequest, membership: Membership) -> HttpResponse:
    under_way = exports.found(membership.organization_id, membership.person_id)
    if under_way is None or not under_way.is_under_way:
        begun = exports.begin(membership.organization_id, membership.person_id)
        try:
            line.join(make_export.name, str(membership.organization_id), membership.person_id, begun.id)
        except (OperationalError, RedisError, line.Full):
            exports.forget(membership.organization_id, membership.person_id)
            messages.error(
                request, "The queue does not answer, so nobody would make the file. Try again later."
            )
    return redirect("settings", membership.organization.slug)


@require_safe
@organization_page(*_ALL_IN_THE_FILE)
def exported(request: HttpRequest, membership: Membership) -> HttpResponse:
    made = exports.found(membership.organization_id, membership.person_id)
    text = exports.content(membership.organization_id, made) if made else None
    if text is None:
        messages.error(request, "There is no file by now. Make it once more.")
        return redirect("settings", membership.organization.slug)
    name = f"{membership.organization.slug}.yaml"
    return HttpResponse(
        text,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@require_POST
@organization_page(Right.ORGANIZATION_DELETE)
def delete(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Only for who types its short name: nothing else here has such reach."""
    slug = membership.organization.slug

    def do() -> str:
        if request.POST.get("confirm", "").strip() != slug:
            raise InputError("name", f"was not typed as it is, {slug}", "nothing was deleted")
        gone = services.delete_organization(**where(membership))
        return f"The organization is deleted, and can be restored until {gone.purge_at:%d %B %Y %H:%M} UTC."

    attempt(request, do)
    return redirect("settings", slug)


@require_POST
@organization_page(Right.ORGANIZATION_DELETE)
def restore(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do() -> str:
        services.restore_organization(**where(membership))
        return "The organization is back: its keys work again with their next call."

    attempt(request, do)
    return redirect("settings", membership.organization.slug)


def _page(
    request: HttpRequest,
    membership: Membership,
    wrong: InputError | None = None,
    given: dict[str, str] | None = None,
) -> HttpResponse:
    organization = Organization.objects.select_related("policy").get(pk=membership.organization_id)
    stored = {name: getattr(organization, name) for name in _FIELDS}
    stored["policy"] = organization.policy.name if organization.policy else ""
    shown = {
        "organization": organization,
        "typed": stored | (given or {}),
        "wrong": wrong,
        "zones": sorted(available_timezones()),
        "currencies": Organization.Currency.values,
        "weeks": Organization.WeekStart.values,
        "months": list(enumerate(_MONTHS, 1)),
        "policies": policies(),
        "may_write": may(membership, Right.ORGANIZATION_WRITE) and organization.deleted_at is None,
        "may_attach": may(membership, Right.POLICIES_ATTACH),
        "may_delete": may(membership, Right.ORGANIZATION_DELETE),
        "may_count": organization.ceiling is None,
        "may_export": _may_export(membership),
        "export": exports.found(organization.pk, membership.person_id) if _may_export(membership) else None,
        "refresh_s": REFRESH_S,
        "days": settings.ORBIT_DELETION_DAYS,
        "deleting": _deleting(organization) if may(membership, Right.ORGANIZATION_DELETE) else "",
    }
    fragment = "#file" if request.headers.get("HX-Request") else ""
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, f"console/organization.html{fragment}", shown, status=400 if wrong else 200)


def _deleting(organization: Organization) -> str:
    keys = ApiKey.objects.filter(revoked_at=None, project__archived_at=None).count()
    projects = Project.objects.filter(archived_at=None).count()
    return (
        f"{keys:,} key{'' if keys == 1 else 's'} of {projects:,} project{'' if projects == 1 else 's'} "
        f"{'is' if keys == 1 else 'are'} refused from the next call on; {calls_a_day(of_all(organization))}."
    )


def _may_export(membership: Membership) -> bool:
    return all(may(membership, right) for right in _ALL_IN_THE_FILE)


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise InputError(name, "must be a whole number")
    return int(text)
