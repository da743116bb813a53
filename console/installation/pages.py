"""The operator console: the installation at a glance, its organizations, and the freezing of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console.access import sign_in
from console.installation import organizations
from console.installation.panels import look, registry
from tenants import suspending
from tenants.models import Organization, Person

REFRESH_S = 5
VIEW, SUSPEND = "tenants.view_organization", "tenants.suspend_organization"
FIGURES = "quotas.view_usagebucket"

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Person, P], HttpResponse]


def operator_page(permission: str) -> Callable[[View[P]], Callable[..., HttpResponse]]:
    """For staff with the permission, whom the middleware has asked for a second factor and made read as the operator.

    Everybody else meets what they would under any address that is not there.
    """

    def declared(view: View[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            person = request.user
            if not isinstance(person, Person):
                return sign_in(request)
            if not person.is_staff:
                raise Http404
            if not person.has_perm(permission):
                raise PermissionDenied
            return view(request, person, *args, **kwargs)

        return page

    return declared


@require_safe
@operator_page(VIEW)
def overview(request: HttpRequest, person: Person) -> HttpResponse:
    shown = {"panels": look(registry.open_to(person)), "now": timezone.now(), "refresh_s": REFRESH_S}
    fragment = "#live" if request.headers.get("HX-Request") else ""
    return render(request, f"operator/overview.html{fragment}", shown)


@require_safe
@operator_page(VIEW)
def organizations_page(request: HttpRequest, person: Person) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip()[:100].replace("\x00", "") for name in ("q", "state")}
    page = request.GET.get("page", "")
    number = min(int(page), 10_000) if page.isdecimal() and len(page) < 9 else 0
    figures = person.has_perm(FIGURES)
    shown = {
        "found": organizations.found(
            term=asked["q"], state=asked["state"], page=number, now=timezone.now(), figures=figures
        ),
        "asked": asked,
        "states": organizations.STATES,
        "page": number,
        "figures": figures,
        "may_freeze": person.has_perm(SUSPEND),
        "now": timezone.now(),
        "refresh_s": REFRESH_S,
    }
    fragment = "#live" if request.headers.get("HX-Request") else ""
    return render(request, f"operator/organizations.html{fragment}", shown)


@require_POST
@operator_page(SUSPEND)
def freeze(request: HttpRequest, person: Person, organization_id: UUID) -> HttpResponse:
    organization = _found(organization_id)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, "Nothing was frozen: say why.")
    elif suspending.suspend(organization, reason=reason, actor=person.email):
        messages.success(
            request, f"{organization.name} is frozen: its keys are refused from their next call on."
        )
    else:
        messages.warning(request, f"{organization.name} was frozen already.")
    return _back(organization)


@require_POST
@operator_page(SUSPEND)
def unfreeze(request: HttpRequest, person: Person, organization_id: UUID) -> HttpResponse:
    organization = _found(organization_id)
    if suspending.resume(organization, actor=person.email):
        messages.success(request, f"{organization.name} works again from its next call on.")
    else:
        messages.warning(request, f"{organization.name} was not frozen.")
    return _back(organization)


def _found(organization_id: UUID) -> Organization:
    organization = Organization.objects.filter(pk=organization_id, purged_at=None).first()
    if organization is None:
        raise Http404
    return organization


def _back(organization: Organization) -> HttpResponse:
    answer = redirect("operator_organizations")
    answer["Location"] += f"?q={organization.slug}"
    return answer
