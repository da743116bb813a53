"""Pages of a person and of an organization."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from console import mail, sign_up, single_sign_on
from console.access import is_local_development, sign_in
from tenants import services
from tenants.models import Membership, Person
from tenants.rights import Right, may


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Back to the invitation that somebody signed up for; straight to the organization where there is but one."""
    if not request.user.is_authenticated:
        return sign_in(request)
    invited = sign_up.forget(request)
    if invited is not None:
        return redirect("invitation", *invited)
    memberships = _memberships(request)
    if len(memberships) == 1:
        only = memberships[0]
        return redirect("dashboard" if may(only, Right.USAGE_READ) else "my_usage", only.organization.slug)
    return _organizations(request)


@require_safe
def organizations(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return sign_in(request)
    return _organizations(request)


def _organizations(request: HttpRequest) -> HttpResponse:
    may_found = isinstance(request.user, Person) and services.may_found(request.user)
    return render(
        request, "console/organizations.html", {"memberships": _memberships(request), "may_found": may_found}
    )


def _memberships(request: HttpRequest) -> list[Membership]:
    """The person's; of a session that came by a provider, those that it opens."""
    rows = Membership.objects.select_related("organization", "custom_role").order_by("organization__name")
    vouched = single_sign_on.vouched(request)
    return list(rows.filter(organization_id=vouched.organization_id) if vouched else rows)


@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    if not is_local_development(request) or not mail.is_outbox():
        raise Http404
    return render(request, "console/outbox.html", {"mails": mail.outbox()})


@require_safe
def outbox_mail(request: HttpRequest, name: str) -> HttpResponse:
    if not is_local_development(request) or not mail.is_outbox():
        raise Http404
    found = mail.outbox_mail(name)
    if found is None:
        raise Http404
    return render(request, "console/outbox_mail.html", {"mail": found})
