"""Pages of policies: all of them, one, two of its revisions side by side; attached, detached, rolled back, removed."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.policies import reading, trials
from console.policies.draft import text_of, whole
from console.policies.words import in_words
from console.typical import first_priced
from orbit.lib.errors import InputError
from tenants import services
from tenants.comparison import compare
from tenants.models import ApiKey, Membership, Policy, PolicyRevision, Project
from tenants.rights import Right, may
from tenants.schema import Invalid
from tenants.services.policies import Outdated


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def policies_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    shown = {
        "organization": organization,
        "policies": [
            (one, in_words(whole(one.revision.document), organization.currency)[0].sentences)
            for one in reading.listed(organization)
        ],
        "may_write": may(membership, Right.POLICIES_WRITE),
    }
    return _rendered(request, membership, "console/policies/list.html", shown)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def policy_page(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    organization, found = membership.organization, _found(policy)
    attached, keys = reading.attached_to(found.policy, organization)
    may_write = may(membership, Right.POLICIES_WRITE)
    may_attach = may(membership, Right.POLICIES_ATTACH)
    document = whole(found.document)
    shown = {
        "organization": organization,
        "policy": found.policy,
        "revision": found,
        "parts": in_words(document, organization.currency, first_priced()),
        "text": text_of(document),
        "attached": attached,
        "keys": keys,
        "more_keys": attached.keys - len(keys),
        "attachable": reading.attachable(organization, found.policy) if may_attach else [],
        "history": reading.history(found.policy, document),
        "trial": trials.latest(organization.pk, policy) if may_write else None,
        "may_write": may_write,
        "may_attach": may_attach,
    }
    return _rendered(request, membership, "console/policies/one.html", shown)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def compare_page(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    found = _found(policy)
    latest = found.policy.revision
    usual = {"from": str(max(1, latest - 1)), "to": str(latest)}
    numbers = [request.GET.get(name, usual[name]) for name in usual]
    older, newer = (
        reading.revision_of(found.policy, int(one)) if one.isdecimal() and len(one) < 9 else None
        for one in numbers
    )
    shown = {
        "organization": membership.organization,
        "policy": found.policy,
        "numbers": range(found.policy.revision, 0, -1)[: reading.HISTORY],
        "older": older,
        "newer": newer,
        "asked": numbers,
        "changes": compare(whole(older.document), whole(newer.document)) if older and newer else None,
        "texts": [(one, text_of(whole(one.document))) for one in (older, newer) if one],
    }
    return _rendered(request, membership, "console/policies/compare.html", shown)


@require_POST
@organization_page(Right.POLICIES_WRITE)
def rollback(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    def do() -> str:
        saved = services.rollback_policy(
            **_where(membership),
            name=policy,
            number=_number(request, "revision"),
            reason=request.POST.get("reason", "").strip(),
            based_on=_number(request, "based_on"),
        )
        if not saved.changed:
            return "That is what is in force already, so nothing was changed."
        return f"Revision {saved.row.revision} is in force from the next call on. It says what revision {request.POST['revision']} said."

    return _done(request, membership, policy, do)


@require_POST
@organization_page(Right.POLICIES_ATTACH)
def attach(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    """Puts the policy on the organization, a project or a key, in place of what was there."""
    return _done(
        request,
        membership,
        policy,
        lambda: f"{_put(membership, request.POST, policy)} is under {policy} from its next call on.",
    )


@require_POST
@organization_page(Right.POLICIES_ATTACH)
def detach(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    return _done(
        request,
        membership,
        policy,
        lambda: f"{_put(membership, request.POST, None, only=policy)} has no policy of its own any more.",
    )


@require_POST
@organization_page(Right.POLICIES_WRITE)
def remove(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    def do() -> str:
        services.delete_policy(**_where(membership), name=policy)
        return f"The policy {policy} was removed, with its revisions."

    answer = _done(request, membership, policy, do)
    gone = reading.in_force(policy) is None
    return redirect("policies", membership.organization.slug) if gone else answer


def _put(membership: Membership, given: Any, policy: str | None, only: str | None = None) -> str:
    """What is now under `policy`; `only` where it is under that one. What it is, in words."""
    kind, _, name = given.get("to", "").partition(":")
    if kind == "key" and not name:
        name = given.get("key", "").strip()
    where = _where(membership)
    if kind == "organization":
        _check(membership.organization.policy, only)
        services.update_organization(**where, policy=policy)
        return membership.organization.name
    if kind == "project":
        project = Project.objects.select_related("policy").filter(slug=name, archived_at=None).first()
        if project is None:
            raise InputError("project", f"there is no {name!r}")
        _check(project.policy, only)
        services.save_project(**where, slug=project.slug, name=project.name, policy=policy)
        return f"The project {project.slug}"
    if kind == "key":
        key = _key(name)
        _check(key.policy, only)
        services.change_key(
            **where,
            key_id=key.pk,
            policy=policy,
            allow=key.allow,
            expires_at=key.expires_at,
            rotate_after_days=key.rotate_after_days,
        )
        return f"The key {key.project.slug}/{key.name}"
    raise InputError("to", "is missing", "choose the organization, a project or a key")


def _key(path: str) -> ApiKey:
    project, _, name = path.partition("/")
    keys = ApiKey.objects.select_related("project", "policy").filter(revoked_at=None)
    key = keys.filter(project__slug=project, name=name).first()
    if key is None:
        raise InputError("key", f"there is no {path!r}", "write PROJECT/NAME")
    return key


def _check(now: Policy | None, only: str | None) -> None:
    if only is not None and (now is None or now.name != only):
        raise InputError("to", f"is not under {only} any more")


def _where(membership: Membership) -> dict[str, Any]:
    return {"organization_id": membership.organization_id, "actor": membership}


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not text.isdecimal() or len(text) > 9:
        raise InputError(name, "must be a whole number")
    return int(text)


def _found(policy: str) -> PolicyRevision:
    found = reading.in_force(policy)
    if found is None:
        raise Http404
    return found


def _done(request: HttpRequest, membership: Membership, policy: str, do: Callable[[], str]) -> HttpResponse:
    """Back to the policy with a word on what was done, or why it was not."""
    _found(policy)
    try:
        with transaction.atomic(using="default"):
            messages.success(request, do())
    except Outdated as error:
        messages.error(
            request, f"Nothing was changed: {error.message}. Look at the history, then decide anew."
        )
    except Invalid as error:
        first = error.problems[0]
        messages.error(request, f"That did not work: {first.path} {first.message}.")
    except InputError as error:
        hint = f" ({error.suggestion})" if error.suggestion else ""
        messages.error(request, f"That did not work: {error.message}{hint}.")
    except PermissionDenied as error:
        messages.error(request, f"That did not work: {error}.")
    return redirect("policy", membership.organization.slug, policy)


def _rendered(
    request: HttpRequest, membership: Membership, template: str, shown: dict[str, Any]
) -> HttpResponse:
    with timezone.override(zoneinfo.ZoneInfo(membership.organization.time_zone)):
        return render(request, template, shown)
