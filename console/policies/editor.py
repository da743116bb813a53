"""The editor: a draft as a form and as text, checked as one types, tried on past calls, and saved with a reason."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import organization_page
from console.policies import draft as drafts
from console.policies import form, reading, trials
from console.policies.trial_words import told
from console.policies.words import in_words
from console.starting_policies import STARTING
from console.typical import first_priced
from orbit.lib.errors import InputError
from tenants import services
from tenants.comparison import compare
from tenants.models import Membership, ModelAlias, PolicyRevision
from tenants.rights import Right
from tenants.schema import Invalid
from tenants.services.policies import Outdated

MOST_REASON = 500
DAYS = (1, 3, 7, 14, 31)
GONE = "That trial is gone: trials are kept for two days."


@dataclass(frozen=True, slots=True)
class Edited:
    """What the page shows: the draft, the text up to which the form knows it, and what it builds on."""

    name: str
    current: PolicyRevision | None
    revision: int
    draft: drafts.Draft
    base: str
    verdict: drafts.Verdict
    reason: str = ""

    @property
    def outdated(self) -> bool:
        return self.current is not None and self.revision not in (0, self.current.number)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.POLICIES_WRITE)
def new_policy(request: HttpRequest, membership: Membership) -> HttpResponse:
    if request.method == "POST":
        return _save(request, membership, request.POST.get("name", "").strip())
    starting = next((one for one in STARTING if one.name == request.GET.get("like")), STARTING[1])
    text = drafts.written(starting.document)
    return _page(request, membership, _edited("", None, 0, text, text))


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.POLICIES_WRITE)
def edit_policy(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    current = reading.in_force(policy)
    if current is None:
        raise Http404
    if request.method == "POST":
        return _save(request, membership, policy)
    trial = _trial(membership, request.GET.get("trial", ""), policy)
    if trial is not None:
        return _page(
            request, membership, _edited(policy, current, trial.revision, trial.text, trial.text), trial
        )
    text = drafts.text_of(drafts.whole(current.document))
    return _page(request, membership, _edited(policy, current, current.number, text, text))


@require_POST
@organization_page(Right.POLICIES_WRITE)
def check_policy(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What the draft means and changes, and what is wrong with it. Nothing is kept."""
    edited = _given(request.POST)
    if not request.headers.get("HX-Request"):
        return _page(request, membership, edited)
    typed = request.headers.get("HX-Trigger", "")  # the view in which somebody types is left alone
    shown = _shown(membership, edited) | {
        "swap_form": typed != "form-view",
        "swap_text": typed != "text-view",
    }
    with timezone.override(zoneinfo.ZoneInfo(membership.organization.time_zone)):
        return render(request, "console/policies/checked.html", shown)


@require_POST
@organization_page(Right.POLICIES_WRITE)
def begin_trial(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    """Tries the draft on past calls in the background, and says where it can be found again."""
    if reading.in_force(policy) is None:
        raise Http404
    edited, days = _given(request.POST, policy), request.POST.get("days", "")
    wrong = ""
    if edited.verdict.document is None:
        wrong = "The draft is no policy yet: see what is wrong with it, then try it."
    else:
        try:
            trial = trials.begin(
                organization_id=membership.organization_id,
                policy=policy,
                revision=edited.revision,
                text=edited.draft.text,
                document=edited.verdict.document,
                days=int(days) if days.isdecimal() and len(days) < 4 else 0,
                by=membership.person.email,
            )
        except InputError as error:
            wrong = f"{error.path.capitalize()} {error.message}."
    if wrong and request.headers.get("HX-Request"):
        return _trial_part(request, membership, None, wrong)
    if wrong:
        messages.error(request, wrong)
        return _page(request, membership, edited, status=HTTPStatus.BAD_REQUEST)
    address = reverse("edit_policy", args=[membership.organization.slug, policy]) + f"?trial={trial.id}"
    if not request.headers.get("HX-Request"):
        return HttpResponseRedirect(f"{address}#trial")
    answer = _trial_part(request, membership, trial)
    answer["HX-Push-Url"] = address
    return answer


@require_safe
@organization_page(Right.POLICIES_WRITE)
def trial_page(request: HttpRequest, membership: Membership, policy: str, trial_id: UUID) -> HttpResponse:
    """How far a trial is, or what it found; as a part of the editor, or by itself into the editor."""
    return _told_of(request, membership, policy, _trial(membership, str(trial_id), policy))


@require_POST
@organization_page(Right.POLICIES_WRITE)
def stop_trial(request: HttpRequest, membership: Membership, policy: str, trial_id: UUID) -> HttpResponse:
    trial = _trial(membership, str(trial_id), policy)
    return _told_of(request, membership, policy, trials.stop(trial) if trial else None)


def _told_of(
    request: HttpRequest, membership: Membership, policy: str, trial: trials.Trial | None
) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return _trial_part(request, membership, trial, "" if trial else GONE)
    address = reverse("edit_policy", args=[membership.organization.slug, policy])
    if trial is None:
        messages.warning(request, GONE)
        return HttpResponseRedirect(address)
    return HttpResponseRedirect(f"{address}?trial={trial.id}#trial")


def _save(request: HttpRequest, membership: Membership, name: str) -> HttpResponse:
    edited = _given(request.POST, name)
    if not edited.verdict.ok:
        messages.error(request, "Nothing was saved: see what is wrong with the draft.")
        return _page(request, membership, edited, status=HTTPStatus.BAD_REQUEST)
    assert edited.draft.content is not None
    try:
        saved = services.save_policy(
            organization_id=membership.organization_id,
            actor=membership,
            name=name,
            document=edited.draft.content,
            reason=edited.reason[:MOST_REASON],
            based_on=edited.revision,
        )
    except Outdated as error:
        return _page(request, membership, edited, conflict=error, status=HTTPStatus.CONFLICT)
    except Invalid as error:
        messages.error(request, f"Nothing was saved: {error.problems[0].message}.")
        return _page(request, membership, edited, status=HTTPStatus.BAD_REQUEST)
    except InputError as error:
        hint = f" ({error.suggestion})" if error.suggestion else ""
        messages.error(request, f"Nothing was saved: {error.path} {error.message}{hint}.")
        return _page(request, membership, edited, status=HTTPStatus.BAD_REQUEST)
    if saved.created:
        messages.success(request, f"The policy {name} is there. Attach it to where it shall hold.")
    elif saved.changed:
        messages.success(request, f"Revision {saved.row.revision} is in force from the next call on.")
    else:
        messages.success(request, "It says what was in force already, so nothing was changed.")
    return redirect("policy", membership.organization.slug, name)


def _given(given: Mapping[str, str], name: str = "") -> Edited:
    """What was sent, with both views of it put together."""
    name = name or given.get("name", "").strip()
    text, base = given.get("document", ""), given.get("base", "")
    read = drafts.read(text)
    if read.content is not None:
        content = form.merged(drafts.read(base).content, read.content, given)
        if content != read.content:
            read = drafts.read(drafts.written(content))
        base = read.text
    revision = given.get("revision", "")
    number = int(revision) if revision.isdecimal() and len(revision) < 10 else 0
    reason = given.get("reason", "").strip()
    current = reading.in_force(name) if name and number else None
    return _edited(name, current, number, read, base, reason)


def _edited(
    name: str,
    current: PolicyRevision | None,
    revision: int,
    text: str | drafts.Draft,
    base: str,
    reason: str = "",
) -> Edited:
    read = drafts.read(text) if isinstance(text, str) else text
    verdict = drafts.judged(read, current.document if current else None)
    return Edited(name, current, revision, read, base, verdict, reason)


def _shown(membership: Membership, edited: Edited) -> dict[str, Any]:
    document = edited.verdict.document
    currency = membership.organization.currency
    return {
        "organization": membership.organization,
        "edited": edited,
        "form": form.form_of(edited.draft.content),
        "meters": form.METERS,
        "windows": form.WINDOWS,
        "whose": form.WHOSE,
        "actions": form.ACTIONS,
        "directions": form.DIRECTIONS,
        "parts": in_words(document, currency, first_priced()) if document else [],
    }


def _page(
    request: HttpRequest,
    membership: Membership,
    edited: Edited,
    trial: trials.Trial | None = None,
    *,
    conflict: Outdated | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    shown = _shown(membership, edited) | {
        "starting": STARTING,
        "days": DAYS,
        "aliases": list(ModelAlias.objects.order_by("alias").values_list("alias", flat=True)[:200]),
        "trial": trial,
        "told": told(trial, membership.organization.currency) if trial else None,
        "conflict": conflict,
        "theirs": _theirs(edited) if edited.outdated else None,
    }
    with timezone.override(zoneinfo.ZoneInfo(membership.organization.time_zone)):
        return render(request, "console/policies/edit.html", shown, status=status)


def _theirs(edited: Edited) -> Any:
    """What somebody else changed since the draft was begun."""
    assert edited.current is not None
    before = reading.revision_of(edited.current.policy, edited.revision)
    return compare(drafts.whole(before.document), drafts.whole(edited.current.document)) if before else []


def _trial(membership: Membership, trial_id: str, policy: str) -> trials.Trial | None:
    try:
        trial = trials.find(membership.organization_id, UUID(trial_id))
    except ValueError:
        return None
    return trial if trial is not None and trial.policy == policy else None


def _trial_part(
    request: HttpRequest, membership: Membership, trial: trials.Trial | None, wrong: str = ""
) -> HttpResponse:
    organization = membership.organization
    shown = {
        "organization": organization,
        "trial": trial,
        "told": told(trial, organization.currency) if trial else None,
        "wrong": wrong,
    }
    with timezone.override(zoneinfo.ZoneInfo(organization.time_zone)):
        answer = render(request, "console/policies/trial.html", shown)
    patch_vary_headers(answer, ["HX-Request"])
    return answer
