"""The page of one key: what it may do, what it did, and what can be changed of it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console import key_form
from console.access import organization_page
from console.acts import attempt, gone, where
from console.glances import NOTHING, calls_a_day, glances
from console.key_form import Typed
from console.rendering import organization_answer
from orbit.lib.errors import InputError
from tenants import services
from tenants.key_list import state
from tenants.models import ApiKey, FormerSecret, Membership, Policy
from tenants.rights import Right, may

MOST_POLICIES = 200


@require_safe
@organization_page(Right.KEYS_READ)
def key_page(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    key = _key(key_id)
    if key is None:
        raise Http404
    return show(request, membership, key)


@require_POST
@organization_page(Right.KEYS_WRITE)
def save(request: HttpRequest, membership: Membership, key_id: UUID) -> HttpResponse:
    key = _key(key_id)
    if key is None:
        return gone(request, membership, "key", "keys")
    typed = key_form.read(request.POST)
    if not may(membership, Right.POLICIES_ATTACH):  # such a member is not asked for it
        typed["policy"] = key.policy.name if key.policy else ""
    try:
        wanted = key_form.wanted(typed, membership.organization)
        before = key.expires_at
        ends = wanted["expires_at"]
        if ends is not None and ends <= datetime.now(UTC) and before != ends:
            raise InputError("expires_at", "is over", "name a moment to come, or revoke the key")
        services.change_key(**where(membership), key_id=key_id, **wanted)
    except InputError as error:
        return show(request, membership, key, wrong=error, typed=typed)
    attempt(request, lambda: f"{key.name} was saved. Its next call goes by it.")
    return redirect("key", membership.organization.slug, key_id)


def show(
    request: HttpRequest,
    membership: Membership,
    key: ApiKey,
    wrong: InputError | None = None,
    typed: Typed | None = None,
) -> HttpResponse:
    organization = membership.organization
    did = glances(organization, "key_id", [key.pk]).get(key.pk, NOTHING)
    former = FormerSecret.objects.filter(key=key, works_until__gt=timezone.now()).select_related("use")
    shown = {
        "key": key,
        "state": state(key),
        "did": did,
        "former": list(former.order_by("works_until")),
        "typed": typed or key_form.stored(key, organization),
        "wrong": wrong,
        "policies": policies(),
        "endpoints": key_form.CHOICES,
        "overlaps": key_form.OVERLAPS,
        "may_write": may(membership, Right.KEYS_WRITE) and key.revoked_at is None,
        "may_attach": may(membership, Right.POLICIES_ATTACH),
        "may_issue": may(membership, Right.KEYS_ISSUE),
        "may_revoke": may(membership, Right.KEYS_REVOKE) and key.revoked_at is None,
        "suspending": f"It is refused from its next call on, and can be resumed; {calls_a_day(did)}.",
        "revoking": f"It ends for good, and applications that use it are refused; {calls_a_day(did)}.",
    }
    return organization_answer(request, organization, "console/key.html", shown)


def policies() -> list[str]:
    return list(Policy.objects.order_by("name").values_list("name", flat=True)[:MOST_POLICIES])


def _key(key_id: UUID) -> ApiKey | None:
    rows = ApiKey.objects.defer("digest")
    rows = rows.select_related("project", "policy", "use", "person", "service_account")
    return rows.filter(pk=key_id).first()
