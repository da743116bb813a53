"""Parts of the trail as files: asked for on the page, at once or in the background, watched, fetched, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.exports.formats import FORMATS
from audit.exports.selection import Selection
from console import acts, streaming
from console.access import organization_page
from console.acts import attempt, gone, where
from console.explorer.asked import ALL, KINDS, LABELS, TEXTS, Asked
from console.explorer.pages import read
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Membership
from tenants.rights import Right

REFRESH_S = 2
FORMAT_NAMES = {"jsonl": "JSON Lines", "csv": "CSV", "parquet": "Parquet"}


@require_safe
@organization_page(Right.LEDGER_READ)
def files_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    asked = read(request, membership)
    files = list(services.visible_exports(membership.rights))
    shown = {
        "organization": organization,
        "asked": asked,
        "complaints": list(asked.problems.items()),
        "kind": KINDS[asked.kind],
        "formats": FORMAT_NAMES.items(),
        "files": [(one, FORMAT_NAMES.get(one.format, one.format), in_words(one.asked)) for one in files],
        "under_way": any(one.is_under_way for one in files),
        "refresh_s": REFRESH_S,
        "most_streamed": services.ledger_exports.MOST_STREAMED,
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/explorer/files.html", shown, status=400 if asked.problems else 200)


@require_POST
@organization_page(Right.LEDGER_READ)
def create_file(request: HttpRequest, membership: Membership) -> HttpResponse:
    """In the background."""
    asked, selection = _asked(request, membership)
    form = request.POST.get("format", "")

    def do() -> str:
        services.request_export(**where(membership), form=form, selection=selection)
        return "The file is being made. You can leave this page, and come back for it."

    if asked.problems or not attempt(request, do):
        return _back(membership, asked)
    return redirect("ledger_files", membership.organization.slug)


@require_POST
@organization_page(Right.LEDGER_READ)
def stream_file(request: HttpRequest, membership: Membership) -> HttpResponse:
    """At once, where there is not too much."""
    asked, selection = _asked(request, membership)
    form = request.POST.get("format", "")
    if asked.problems:
        return _back(membership, asked)
    try:
        services.note_stream(**where(membership), form=form, selection=selection)
    except InputError as error:
        messages.error(request, f"That did not work: {error.path} {acts.words(error)}.")
        return _back(membership, asked)
    name = f"{membership.organization.slug}-events-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    steps = streaming.events(membership.organization_id, form, selection)
    return cast("HttpResponse", streaming.attachment(name, FORMATS[form].content_type, steps))


@require_POST
@organization_page(Right.LEDGER_READ)
def link_file(request: HttpRequest, membership: Membership, export_id: UUID) -> HttpResponse:
    """To the file itself, by a link that is good for a minute; or, with `share`, the link to give to somebody."""
    share = "share" in request.POST
    try:
        link = services.link_export(**where(membership), export_id=export_id, minutes=60 if share else 1)
    except InputError as error:
        messages.error(request, f"That did not work: {error.path} {acts.words(error)}.")
        return redirect("ledger_files", membership.organization.slug)
    if link is None:
        return gone(request, membership, "file", "ledger_files")
    if not share:
        return redirect("ledger_file", link.token)
    address = f"{settings.ORBIT_PUBLIC_URL}{reverse('ledger_file', args=[link.token])}"
    shown = {"organization": membership.organization, "address": address, "link": link}
    with timezone.override(ZoneInfo(membership.organization.time_zone)):
        return render(request, "console/explorer/link.html", shown)


@require_POST
@organization_page(Right.LEDGER_READ)
def delete_file(request: HttpRequest, membership: Membership, export_id: UUID) -> HttpResponse:
    if not services.delete_export(**where(membership), export_id=export_id):
        return gone(request, membership, "file", "ledger_files")
    messages.success(request, "The file was deleted. Links to it lead nowhere any more.")
    return redirect("ledger_files", membership.organization.slug)


def _asked(request: HttpRequest, membership: Membership) -> tuple[Asked, Selection]:
    asked = read(request, membership)
    return asked, replace(asked.selection, provable="provable" in request.POST)


def _back(membership: Membership, asked: Asked) -> HttpResponse:
    there = reverse("ledger_files", args=[membership.organization.slug])
    return redirect(f"{there}?{asked.query}")


def in_words(asked: dict[str, Any]) -> str:
    """Which events a file holds."""
    kind = KINDS.get(asked.get("kind", ALL), "Events")
    told = [f"{LABELS[name].lower()} {asked[name]}" for name in (*TEXTS, "since", "until") if name in asked]
    if "request_id" in asked:
        told.append(f"id {asked['request_id']}")
    if asked.get("provable"):
        told.append("all between the checkpoints around them")
    return ", ".join([kind, *told])
