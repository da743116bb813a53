"""The page of an organization's issued keys: found, issued, rotated, suspended, revoked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console import key_form
from console.access import organization_page
from console.glances import NOTHING, Glance, glances
from console.key_page import policies
from orbit.lib.admin import as_id
from orbit.lib.errors import InputError
from tenants import services
from tenants.key_list import Selection, selected, state
from tenants.key_search import found_keys
from tenants.models import ApiKey, Membership, Organization, Project
from tenants.rights import Right, may

SHOWN = 50  # on one page


@dataclass(frozen=True, slots=True)
class Row:
    """A key with what it did this month."""

    key: ApiKey
    state: str
    calls: int
    failed: int
    cost_nano: int
    did: Glance


@require_safe
@organization_page(Right.KEYS_READ)
def keys_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.KEYS_ISSUE)
def issue(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Shows the key, this once."""
    typed: dict[str, Any] = {
        name: request.POST.get(name, "").strip() for name in ("project", "name", "owner")
    } | key_form.read(request.POST)
    try:
        _, text = services.issue_key(
            organization_id=membership.organization_id,
            actor=membership,
            project=typed["project"],
            name=typed["name"],
            owner=typed["owner"] or None,
            **key_form.wanted(typed, membership.organization),
        )
    except InputError as error:
        return _page(request, membership, wrong=error, typed=typed)
    return _page(request, membership, secret=text, of=f"{typed['project']}/{typed['name']}")


@require_POST
@organization_page(Right.KEYS_WRITE)
def rotate(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    """Shows the new secret, this once. The old one works on for as long as was asked."""
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    if not may(membership, Right.KEYS_ISSUE):
        messages.error(
            request, f"Whoever rotates a key holds one, so it also takes the right {Right.KEYS_ISSUE}."
        )
        return redirect("keys", membership.organization.slug)
    try:
        rotated = services.rotate_key(**where, key_id=key_id, overlap=_overlap(request))
    except InputError as error:
        messages.error(request, f"That did not work: {error.message}.")
        return redirect("keys", membership.organization.slug)
    key = ApiKey.objects.select_related("project").get(pk=key_id)
    return _page(request, membership, secret=rotated.secret, of=f"{key.project.slug}/{key.name}")


@require_POST
@organization_page(Right.KEYS_WRITE)
def suspend(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:200]
    return _done(
        request,
        membership,
        key_id,
        lambda where: services.suspend_key(**where, key_id=key_id, reason=reason),
        "The key is refused from its next call on, until it is resumed.",
    )


@require_POST
@organization_page(Right.KEYS_WRITE)
def resume(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    return _done(
        request,
        membership,
        key_id,
        lambda where: services.resume_key(**where, key_id=key_id),
        "The key works again.",
    )


@require_POST
@organization_page(Right.KEYS_REVOKE)
def revoke(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:500]
    return _done(
        request,
        membership,
        key_id,
        lambda where: services.revoke_key(**where, key_id=key_id, reason=reason),
        "The key was revoked.",
    )


def _overlap(request: HttpRequest) -> timedelta:
    hours = request.POST.get("overlap", "24")
    if hours not in dict(key_form.OVERLAPS):
        raise InputError("overlap", "is none of these")
    return timedelta(hours=int(hours))


def _done(
    request: HttpRequest,
    membership: Membership,
    key_id: UUID,
    do: Callable[[dict[str, Any]], object],
    said: str,
) -> HttpResponse:
    """Back to the list, or to the key's own page where the form stood there."""
    try:
        do({"organization_id": membership.organization_id, "actor": membership})
        messages.success(request, said)
    except InputError as error:
        messages.error(request, f"That did not work: {error.message}.")
    else:
        if request.POST.get("from") == "key":
            return redirect("key", membership.organization.slug, key_id)
    return redirect("keys", membership.organization.slug)


def _page(
    request: HttpRequest,
    membership: Membership,
    *,
    secret: str = "",
    of: str = "",
    wrong: InputError | None = None,
    typed: dict[str, Any] | None = None,
) -> HttpResponse:
    organization = membership.organization
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "project", "after")}
    try:
        keys, more = _found(asked)
    except InputError as error:
        messages.error(request, f"{error.path.capitalize()} {error.message}.")
        keys, more = [], False
    shown = {
        "organization": organization,
        "rows": _rows(organization, keys),
        "more": str(keys[-1].pk) if more else "",
        "asked": asked,
        "projects": list(
            Project.objects.filter(archived_at=None).order_by("slug").values_list("slug", flat=True)[:200]
        ),
        "policies": policies(),
        "endpoints": key_form.CHOICES,
        "may_attach": may(membership, Right.POLICIES_ATTACH),
        "may_issue": may(membership, Right.KEYS_ISSUE),
        "may_change": may(membership, Right.KEYS_WRITE),
        "may_revoke": may(membership, Right.KEYS_REVOKE),
        "secret": secret,
        "of": of,
        "wrong": wrong,
        "typed": typed or {"project": asked["project"]},
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        answer = render(request, "console/keys.html", shown, status=400 if wrong else 200)
    if secret:
        answer["Cache-Control"] = "no-store"
    return answer


def _found(asked: dict[str, str]) -> tuple[list[ApiKey], bool]:
    """Keys that are not revoked, the newest first, and whether there are more."""
    text = asked["q"]
    named = "@" in text or "…" in text or as_id(text) is not None
    name = None if named or not text else text if "*" in text else f"*{text}*"
    rows = selected(Selection(project=asked["project"] or None, name=name)).order_by("-id")
    if named:
        rows = found_keys(rows, text)
    if asked["after"]:
        try:
            rows = rows.filter(pk__lt=UUID(asked["after"]))
        except ValueError:
            raise InputError("page", "is none of this list") from None
    found = list(rows[: SHOWN + 1])
    return found[:SHOWN], len(found) > SHOWN


def _rows(organization: Organization, keys: Sequence[ApiKey]) -> list[Row]:
    """With what each did this calendar month where the organization is, and in the last day."""
    found = glances(organization, "key_id", [key.pk for key in keys])
    return [
        Row(key, state(key), did.calls, did.failed, did.cost_nano, did)
        for key in keys
        for did in (found.get(key.pk, NOTHING),)
    ]
