"""Pages on which an organization sets up its own sign-in: the provider, its groups, the mail domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.members import grantable
from console.openid import redirect_uri
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Domain, GroupRole, IdentityProvider, Membership
from tenants.rights import Right

_SPARE_ROWS = 3  # empty lines for groups
_ASKING_S = 30  # after which a look-up that never ended no longer keeps the next one waiting


@require_safe
@organization_page(Right.SIGN_IN_WRITE)
def settings_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    provider = IdentityProvider.objects.select_related("default_custom_role").first()
    rows = GroupRole.objects.select_related("custom_role").order_by("position")
    groups = [(row.group, row.role_name) for row in rows]
    default = ""
    if provider is not None:
        custom = provider.default_custom_role
        default = custom.name if custom else provider.default_role
    entered = {
        "issuer": provider.issuer if provider else "",
        "client_id": provider.client_id if provider else "",
        "groups_claim": provider.groups_claim if provider else "groups",
        "default_role": default,
        "takes_unmarked": provider.takes_unmarked if provider else False,
        "passwords": provider.passwords if provider else True,
        "groups": groups,
    }
    return _page(request, membership, provider, entered)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def save(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What was entered comes back with what is wrong with it, except for the secret."""
    entered = _entered(request)
    try:
        services.save_identity_provider(
            organization_id=membership.organization_id,
            actor=membership,
            client_secret=request.POST.get("client_secret", ""),
            **entered,
        )
    except InputError as error:
        messages.error(request, _words(error))
        return _page(request, membership, IdentityProvider.objects.first(), entered)
    messages.success(request, "Saved. It counts from the next sign-in on.")
    return _back(membership)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def test(request: HttpRequest, membership: Membership) -> HttpResponse:
    """What was entered stays; only its issuer is asked."""
    entered = _entered(request)

    def look() -> None:
        problems = services.try_identity_provider(
            organization_id=membership.organization_id, actor=membership, issuer=entered["issuer"]
        )
        for problem in problems:
            messages.warning(request, problem)
        if not problems:
            messages.success(request, "The provider describes itself as we need it. Nothing was saved.")

    _asking(request, membership, look)
    return _page(request, membership, IdentityProvider.objects.first(), entered)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def remove(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do() -> str:
        services.delete_identity_provider(organization_id=membership.organization_id, actor=membership)
        return "Sign-in by the provider is off. Members that it made are now managed by hand."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def add_domain(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do() -> str:
        saved = services.add_domain(
            organization_id=membership.organization_id,
            name=request.POST.get("domain", ""),
            actor=membership,
        )
        return f"Now place the TXT record of {saved.row.name}, and verify it."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def verify_domain(request: HttpRequest, membership: Membership, domain_id: UUID) -> HttpResponse:
    def look() -> None:
        domain = services.verify_domain(
            organization_id=membership.organization_id, domain_id=domain_id, actor=membership
        )
        messages.success(request, f"{domain.name} is verified.")

    _asking(request, membership, look)
    return _back(membership)


@require_POST
@organization_page(Right.SIGN_IN_WRITE)
def remove_domain(request: HttpRequest, membership: Membership, domain_id: UUID) -> HttpResponse:
    def do() -> str:
        services.remove_domain(
            organization_id=membership.organization_id, domain_id=domain_id, actor=membership
        )
        return "The domain was removed."

    return _done(request, membership, do)


def _page(
    request: HttpRequest, membership: Membership, provider: IdentityProvider | None, entered: dict[str, Any]
) -> HttpResponse:
    slug = membership.organization.slug
    shown = {
        "organization": membership.organization,
        "provider": provider,
        "entered": entered,
        "rows": [*entered["groups"], *[("", "")] * _SPARE_ROWS],
        "roles": grantable(membership),
        "redirect_uri": redirect_uri(slug),
        "direct_link": f"{settings.ORBIT_PUBLIC_URL}{reverse('sso_start', args=[slug])}",
        "domains": [(one, *services.record_of(one)) for one in Domain.objects.order_by("name")],
    }
    return render(request, "console/sign_in.html", shown)


def _entered(request: HttpRequest) -> dict[str, Any]:
    form = request.POST
    pairs = zip(form.getlist("group"), form.getlist("group_role"), strict=False)
    return {
        "issuer": form.get("issuer", ""),
        "client_id": form.get("client_id", ""),
        "groups_claim": form.get("groups_claim", ""),
        "default_role": form.get("default_role", ""),
        "takes_unmarked": "takes_unmarked" in form,
        "passwords": "passwords" in form,
        "groups": [(group.strip(), role) for group, role in pairs if group.strip()],
    }


def _asking(request: HttpRequest, membership: Membership, look: Callable[[], None]) -> None:
    """One look-up of an organization at a time: the answer may take seconds, and a connection to the database waits."""
    key = f"sign-in-look-up:{membership.organization_id}"
    if not cache.add(key, True, _ASKING_S):
        messages.error(request, "Another look-up of this organization is under way. Try again in a moment.")
        return
    try:
        look()
    except InputError as error:
        messages.error(request, _words(error))
    finally:
        cache.delete(key)


def _done(request: HttpRequest, membership: Membership, do: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, do())
    except InputError as error:
        messages.error(request, _words(error))
    return _back(membership)


def _back(membership: Membership) -> HttpResponse:
    return redirect("sign_in", membership.organization.slug)


def _words(error: InputError) -> str:
    field = {"issuer": "Issuer", "client_id": "Client id", "client_secret": "Client secret"}.get(
        error.path, ""
    )
    hint = f" ({error.suggestion})" if error.suggestion else ""
    return f"That did not work: {f'{field} ' if field else ''}{error.message}{hint}."
