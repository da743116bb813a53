"""Pages of an organization's members, and of an invitation."""

from __future__ import annotations

from collections.abc import Callable
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console import second_factor, sign_up
from console.access import organization_page
from console.glances import NOTHING
from console.member import spend_of
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import CustomRole, Invitation, Membership, Person
from tenants.rights import BUILT_IN, Right, may

SHOWN = 50  # on one page
INVITATIONS = 200


class NotSent(Exception):
    """The mail server did not take the mail."""


def invite_by_mail(*, organization_id: UUID, email: str, role: str, actor: services.Actor) -> Invitation:
    """Invites and sends the link; neither is done when the other fails. NotSent when the mail does not leave."""
    with transaction.atomic(using="default"):
        invitation, token = services.invite(
            organization_id=organization_id, email=email, role=role, actor=actor
        )
        try:
            _send(invitation, token)
        except (OSError, SMTPException) as error:
            raise NotSent(type(error).__name__) from error
    return invitation


def _send(invitation: Invitation, token: str) -> None:
    path = reverse("invitation", args=[invitation.organization_id, token])
    shown = {"invitation": invitation, "link": f"{settings.ORBIT_PUBLIC_URL}{path}"}
    subject = f"Invitation to {invitation.organization.name}"
    body = render_to_string("console/email/invitation.txt", shown)
    send_mail(subject, body, None, [invitation.email])


@require_safe
@organization_page(Right.MEMBERS_READ)
def members_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip().replace("\x00", "") for name in ("q", "after")}
    found = list(_found(asked)[: SHOWN + 1])
    members = found[:SHOWN]
    may_require = may(membership, Right.ORGANIZATION_WRITE)
    may_see = may(membership, Right.KEYS_READ) and may(membership, Right.USAGE_READ)
    spend = spend_of(membership.organization, [one.person_id for one in members]) if may_see else {}
    with_factor = second_factor.who_has_one([one.person_id for one in members]) if may_require else None
    shown = {
        "organization": membership.organization,
        "membership": membership,
        "members": [
            (
                one,
                one.rights <= membership.rights and not one.is_managed,
                with_factor is None or one.person_id in with_factor,
                spend.get(one.person_id, NOTHING),
            )
            for one in members
        ],
        "more": members[-1].person.email if len(found) > SHOWN else "",
        "asked": asked,
        "may_see": may_see,
        "may_require": may_require,
        "proved": may_require and second_factor.is_proved(request),
        "invitations": services.open_invitations().order_by("email")[:INVITATIONS],
        "roles": grantable(membership),
        "may_invite": may(membership, Right.MEMBERS_INVITE),
        "may_change": may(membership, Right.MEMBERS_WRITE),
        "may_sign_in": may(membership, Right.SIGN_IN_WRITE),
    }
    return render(request, "console/members.html", shown)


def _found(asked: dict[str, str]) -> QuerySet[Membership]:
    rows = Membership.objects.select_related("person", "custom_role").order_by("person__email")
    if asked["q"]:
        rows = rows.filter(Q(person__email__icontains=asked["q"]) | Q(person__name__icontains=asked["q"]))
    return rows.filter(person__email__gt=asked["after"]) if asked["after"] else rows


def grantable(membership: Membership) -> list[str]:
    """Roles without a right that the member lacks."""
    roles = dict(BUILT_IN) | {one.name: one.rights for one in CustomRole.objects.order_by("name")}
    return [name for name, rights in roles.items() if rights <= membership.rights]


@require_POST
@organization_page(Right.ORGANIZATION_WRITE)
def require_mfa(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Only from a session that the organization will still be open to, so that nobody shuts themselves out."""
    required = "required" in request.POST

    def do() -> str:
        if required and not second_factor.is_proved(request):
            raise InputError("second factor", "use one yourself first", "confirm with it, or set one up")
        services.update_organization(
            organization_id=membership.organization_id, actor=membership, requires_mfa=required
        )
        return f"A second factor is {'now' if required else 'no longer'} required."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.MEMBERS_INVITE)
def invite(request: HttpRequest, membership: Membership) -> HttpResponse:
    def do() -> str:
        invitation = invite_by_mail(
            organization_id=membership.organization_id,
            email=request.POST.get("email", ""),
            role=request.POST.get("role", ""),
            actor=membership,
        )
        return f"The invitation is on its way to {invitation.email}."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.MEMBERS_INVITE)
def revoke_invitation(request: HttpRequest, membership: Membership, invitation_id: UUID) -> HttpResponse:
    def do() -> str:
        services.revoke_invitation(
            organization_id=membership.organization_id, invitation_id=invitation_id, actor=membership
        )
        return "The invitation was taken back."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.MEMBERS_WRITE)
def change_role(request: HttpRequest, membership: Membership, member_id: UUID) -> HttpResponse:
    def do() -> str:
        saved = services.change_role(
            organization_id=membership.organization_id,
            member_id=member_id,
            role=request.POST.get("role", ""),
            actor=membership,
        )
        return f"{saved.row.person.email} is now {saved.row.role_name}."

    return _done(request, membership, do)


@require_POST
@organization_page(Right.MEMBERS_WRITE)
def remove_member(request: HttpRequest, membership: Membership, member_id: UUID) -> HttpResponse:
    def do() -> str:
        services.remove_member(
            organization_id=membership.organization_id, member_id=member_id, actor=membership
        )
        return "The member was removed."

    answer = _done(request, membership, do)
    gone = not Membership.objects.filter(pk=membership.pk).exists()
    return redirect("organizations") if gone else answer


def _done(request: HttpRequest, membership: Membership, do: Callable[[], str]) -> HttpResponse:
    """Back to the members with a word on what was done, or why it was not."""
    try:
        messages.success(request, do())
    except InputError as error:
        hint = f" ({error.suggestion})" if error.suggestion else ""
        messages.error(request, f"That did not work: {error.message}{hint}.")
    except NotSent:
        messages.error(request, "The mail could not be sent, so nobody was invited. Try again later.")
    return redirect("members", membership.organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, organization_id: UUID, token: str) -> HttpResponse:
    """What the mail's link opens. One that is used, revoked, expired or invented gets the same answer."""
    found = services.find_invitation(organization_id=organization_id, token=token)
    if found is None:
        return render(request, "console/invitation.html", {"invitation": None}, status=404)
    person = request.user if isinstance(request.user, Person) else None
    if person is None:
        sign_up.remember(request, organization_id, token)
    else:
        sign_up.forget(request)
    if person and request.method == "POST" and _accepted(request, organization_id, token, person):
        return redirect("dashboard", found.organization.slug)
    shown = {
        "invitation": found,
        "place": found.organization.name,
        "proven": person is not None and services.proves(person, found),
    }
    return render(request, "console/invitation.html", shown)


def _accepted(request: HttpRequest, organization_id: UUID, token: str, person: Person) -> bool:
    try:
        services.accept_invitation(organization_id=organization_id, token=token, person=person)
    except InputError as error:
        messages.error(request, f"That did not work: {error.message}.")
        return False
    return True
