"""Keys that must end: many at once, and one that turned up somewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from console.access import organization_page
from console.acts import attempt, reason_of, typed, where, words
from console.glances import calls_a_day, glances
from orbit.lib.errors import InputError
from tenants import services
from tenants.key_list import Selection, selected
from tenants.models import ApiKey, Membership, Organization, Project
from tenants.rights import Right, may

SHOWN = 50  # of those that would end
COUNTED = 10_000  # beyond which the question says so
_FIELDS = ("project", "name", "created_by", "unused_since")


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.KEYS_REVOKE)
def revoke_many(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Shows first which keys they are; what is confirmed is the same selection, and how many it was."""
    organization = membership.organization
    if request.method == "POST":
        return _revoke(request, membership)
    asked = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    return _selection(request, organization, asked)


def _revoke(request: HttpRequest, membership: Membership) -> HttpResponse:
    asked = typed(request, *_FIELDS)
    try:
        selection = _selected(asked, membership.organization)
        count = _count(selection)
        if request.POST.get("count") != str(count):
            raise InputError("selection", "is another by now", "look once more at which keys they are")
    except InputError as error:
        return _selection(request, membership.organization, asked, wrong=error)

    def do() -> str:
        ended = services.revoke_keys(**where(membership), selection=selection, reason=reason_of(request))
        return f"{len(ended):,} key{'' if len(ended) == 1 else 's'} revoked."

    attempt(request, do)
    return redirect("keys", membership.organization.slug)


def _selection(
    request: HttpRequest, organization: Organization, asked: dict[str, str], wrong: InputError | None = None
) -> HttpResponse:
    found: list[ApiKey] = []
    count, did = 0, ""
    if any(asked.values()) and wrong is None:
        try:
            selection = _selected(asked, organization)
            count = _count(selection)
            found = list(selected(selection)[:SHOWN])
            did = _in_use(organization, found)
        except InputError as error:
            wrong = error
    shown = {
        "organization": organization,
        "asked": asked,
        "found": found,
        "count": count,
        "counted": COUNTED,
        "did": did,
        "wrong": wrong,
        "projects": list(
            Project.objects.filter(archived_at=None).order_by("slug").values_list("slug", flat=True)[:200]
        ),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/revoke_keys.html", shown, status=400 if wrong else 200)


def _selected(asked: dict[str, str], organization: Organization) -> Selection:
    since: datetime | None = None
    if asked["unused_since"]:
        try:
            since = datetime.strptime(asked["unused_since"], "%Y-%m-%d").replace(
                tzinfo=ZoneInfo(organization.time_zone)
            )
        except ValueError:
            raise InputError("unused_since", "must be a day", "such as 2026-11-30") from None
    selection = Selection(
        project=asked["project"] or None,
        name=asked["name"] or None,
        created_by=asked["created_by"].replace("\x00", "") or None,
        unused_since=since,
    )
    if selection.everything:
        raise InputError("selection", "names no key in particular", "say which")
    return selection


def _count(selection: Selection) -> int:
    return selected(selection).order_by()[: COUNTED + 1].count()


def _in_use(organization: Organization, found: list[ApiKey]) -> str:
    did = glances(organization, "key_id", [key.pk for key in found])
    used = [one for one in did.values() if one.day_calls]
    return f"{len(used)} of those shown were used in the last 24 hours" if used else ""


@sensitive_post_parameters("key")
@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.KEYS_READ)
def leaked(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Whose a pasted key is, of this organization's, and its end. The text is never shown again."""
    organization, owner, problem = membership.organization, None, ""
    key_id: UUID | None = None
    usage = ""
    if request.method == "POST":
        text, end = request.POST.get("key", "")[:500], "revoke" in request.POST
        if end and not may(membership, Right.KEYS_REVOKE):
            raise PermissionDenied
        try:
            owner = services.look_up_key(text, actor=membership, end=end, reason=reason_of(request))
            problem = "" if owner else "No key of this organization has or had this text."
        except InputError as error:
            problem = f"This {words(error)}."
        if owner is not None:
            key_id = UUID(owner.key_id)
            did = glances(organization, "key_id", [key_id]).get(key_id)
            usage = calls_a_day(did) if did else "no call came this month"
    shown: dict[str, Any] = {
        "organization": organization,
        "owner": owner,
        "key_id": key_id,
        "usage": usage,
        "problem": problem,
        "may_revoke": may(membership, Right.KEYS_REVOKE),
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        answer = render(request, "console/leaked_key.html", shown, status=400 if problem else 200)
    answer["Cache-Control"] = "no-store"
    return answer
