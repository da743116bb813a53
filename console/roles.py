"""The pages of roles: what each lets one do, and the organization's own ones."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import organization_page
from console.acts import attempt, gone, where
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import CustomRole, Membership
from tenants.rights import BUILT_IN, MEANINGS, Right, may

MOST = 50  # roles in the table


@require_safe
@organization_page(Right.MEMBERS_READ)
def roles_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    own = list(CustomRole.objects.annotate(members=Count("memberships")).order_by("name")[:MOST])
    columns = [*BUILT_IN.items(), *((role.name, role.rights) for role in own)]
    shown = {
        "organization": membership.organization,
        "own": [(role, role.rights <= membership.rights) for role in own],
        "columns": [name for name, _ in columns],
        "lines": [
            (right, _meaning(right), [(name, right in rights) for name, rights in columns]) for right in Right
        ],
        "may_write": may(membership, Right.ROLES_WRITE),
    }
    return render(request, "console/roles.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.ROLES_WRITE)
def new(request: HttpRequest, membership: Membership) -> HttpResponse:
    name, rights = request.POST.get("name", "").strip(), request.POST.getlist("rights")
    if request.method != "POST":
        like = request.GET.get("like", "")
        begun = BUILT_IN.get(like, frozenset()) & membership.rights
        return _form(request, membership, None, "", [right.value for right in begun])
    try:
        if CustomRole.objects.filter(name=name.replace("\x00", "")).exists():
            raise InputError("name", f"{name!r} is taken", "choose another")
        services.save_role(**where(membership), name=name, rights=_wanted(rights))
    except InputError as error:
        return _form(request, membership, None, name, rights, wrong=error)
    attempt(request, lambda: f"{name} can be given to members now.")
    return redirect("roles", membership.organization.slug)


@require_safe
@organization_page(Right.ROLES_WRITE)
def edit(request: HttpRequest, membership: Membership, role_id: UUID) -> HttpResponse:
    role = CustomRole.objects.filter(pk=role_id).first()
    if role is None:
        raise Http404
    return _form(request, membership, role, role.name, role.words)


@require_POST
@organization_page(Right.ROLES_WRITE)
def save(request: HttpRequest, membership: Membership, role_id: UUID) -> HttpResponse:
    role = CustomRole.objects.filter(pk=role_id).first()
    if role is None:
        return gone(request, membership, "role", "roles")
    rights = request.POST.getlist("rights")
    try:
        services.save_role(**where(membership), name=role.name, rights=_wanted(rights))
    except InputError as error:
        return _form(request, membership, role, role.name, rights, wrong=error)
    attempt(request, lambda: f"Whoever holds {role.name} has these rights from their next click on.")
    return redirect("roles", membership.organization.slug)


@require_POST
@organization_page(Right.ROLES_WRITE)
def delete(request: HttpRequest, membership: Membership, role_id: UUID) -> HttpResponse:
    role = CustomRole.objects.filter(pk=role_id).first()
    if role is None:
        return gone(request, membership, "role", "roles")

    def do() -> str:
        services.delete_role(**where(membership), name=role.name)
        return f"{role.name} was deleted."

    attempt(request, do)
    return redirect("roles", membership.organization.slug)


def _meaning(right: Right) -> str:
    """As the printed table has it, which is Markdown."""
    return MEANINGS[right].replace("`", "")


def _wanted(words: list[str]) -> list[str]:
    if not words:
        raise InputError("rights", "are none", "tick at least one")
    return words


def _form(
    request: HttpRequest,
    membership: Membership,
    role: CustomRole | None,
    name: str,
    words: list[str],
    wrong: InputError | None = None,
) -> HttpResponse:
    """Rights that the member lacks cannot be ticked, nor taken: the service refuses both."""
    shown = {
        "organization": membership.organization,
        "role": role,
        "name": name,
        "rights": [
            (right, _meaning(right), right.value in words, right in membership.rights) for right in Right
        ],
        "changeable": role is None or role.rights <= membership.rights,
        "holders": Membership.objects.filter(custom_role=role).count() if role else 0,
        "wrong": wrong,
    }
    return render(request, "console/role_form.html", shown, status=400 if wrong else 200)
