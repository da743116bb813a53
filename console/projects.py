"""The pages of projects: listed, made, changed, suspended, archived, with their service accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from console.access import organization_page
from console.acts import attempt, gone, reason_of, typed, where
from console.glances import NOTHING, Row, calls_a_day, glances
from orbit.lib.errors import InputError
from tenants import services
from tenants.key_list import Selection, selected
from tenants.models import ApiKey, Membership, Policy, Project, ServiceAccount
from tenants.rights import Right, may

SHOWN = 50  # on one page
LATEST = 10  # keys on a project's page; the others are on the page of keys
MOST_POLICIES = 200  # to choose from


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def projects_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _list(request, membership)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def create(request: HttpRequest, membership: Membership) -> HttpResponse:
    given = typed(request, "slug", "name", "policy")
    slug = given["slug"] or slugify(given["name"])[:63]
    try:
        if Project.objects.filter(slug=slug, archived_at=None).exists():
            raise InputError("slug", f"{slug!r} is taken", "choose another")
        services.save_project(
            **where(membership), slug=slug, name=given["name"] or slug, policy=given["policy"] or None
        )
    except InputError as error:
        return _list(request, membership, wrong=error, given=given)
    made = Project.objects.get(slug=slug)
    return redirect("project", membership.organization.slug, made.pk)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def project_page(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    project = _projects().filter(pk=project_id).first()
    if project is None:
        raise Http404
    return _one(request, membership, project)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def save(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    """Name, cost centre and policy. Saving an archived project opens it again."""
    project = _projects().filter(pk=project_id).first()
    if project is None:
        return gone(request, membership, "project", "projects")
    given = typed(request, "name", "policy", "cost_centre")
    if "cost_centre" not in request.POST:
        given["cost_centre"] = project.cost_centre
    if "policy" not in request.POST:  # whoever may not attach policies is not asked for one
        given["policy"] = project.policy.name if project.policy else ""
    try:
        services.save_project(
            **where(membership),
            slug=project.slug,
            name=given["name"],
            policy=given["policy"] or None,
            cost_centre=given["cost_centre"],
        )
    except InputError as error:
        return _one(request, membership, project, wrong=error, given=given)
    attempt(request, lambda: "The project was saved.")
    return redirect("project", membership.organization.slug, project_id)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def suspend(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    def do(project: Project) -> str:
        services.suspend_project(**where(membership), slug=project.slug, reason=reason_of(request))
        return f"Calls with the keys of {project.slug} are refused from now on, until it is resumed."

    return _done(request, membership, project_id, do)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def resume(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    def do(project: Project) -> str:
        services.resume_project(**where(membership), slug=project.slug)
        return f"The keys of {project.slug} work again."

    return _done(request, membership, project_id, do)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def archive(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    def do(project: Project) -> str:
        services.archive_project(**where(membership), slug=project.slug)
        return f"{project.slug} was archived, and its keys were revoked."

    return _done(request, membership, project_id, do)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def add_account(request: HttpRequest, membership: Membership, project_id: UUID) -> HttpResponse:
    project = _projects().filter(pk=project_id).first()
    if project is None:
        return gone(request, membership, "project", "projects")
    given = typed(request, "account")
    try:
        services.create_service_account(**where(membership), project=project.slug, name=given["account"])
    except InputError as error:
        about = InputError("account", error.message, error.suggestion)
        return _one(request, membership, project, wrong=about, given=given)
    attempt(request, lambda: f"{given['account']} can own keys of {project.slug} now.")
    return redirect("project", membership.organization.slug, project_id)


@require_POST
@organization_page(Right.PROJECTS_WRITE)
def remove_account(
    request: HttpRequest, membership: Membership, project_id: UUID, service_account_id: UUID
) -> HttpResponse:
    account = ServiceAccount.objects.filter(
        pk=service_account_id, project=project_id, removed_at=None
    ).first()
    if account is None:
        return gone(request, membership, "service account", "projects")

    def do(project: Project) -> str:
        services.remove_service_account(**where(membership), project=project.slug, name=account.name)
        return f"{account.name} was removed, and its keys were revoked."

    return _done(request, membership, project_id, do)


def _done(request: HttpRequest, membership: Membership, project_id: UUID, do: Any) -> HttpResponse:
    project = _projects().filter(pk=project_id).first()
    if project is None:
        return gone(request, membership, "project", "projects")
    attempt(request, lambda: do(project))
    return redirect("project", membership.organization.slug, project_id)


def _projects() -> QuerySet[Project]:
    return Project.objects.select_related("policy")


def _list(
    request: HttpRequest,
    membership: Membership,
    wrong: InputError | None = None,
    given: dict[str, str] | None = None,
) -> HttpResponse:
    organization = membership.organization
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "state", "after")}
    found = list(_found(asked)[: SHOWN + 1])
    rows = found[:SHOWN]
    did = glances(organization, "project_id", [one.pk for one in rows])
    keys = _key_counts([one.pk for one in rows])
    shown = {
        "organization": organization,
        "rows": [(Row(one, did.get(one.pk, NOTHING)), keys.get(one.pk, 0)) for one in rows],
        "more": rows[-1].slug if len(found) > SHOWN else "",
        "asked": asked,
        "policies": _policies(),
        "may_write": may(membership, Right.PROJECTS_WRITE),
        "may_attach": may(membership, Right.POLICIES_ATTACH),
        "wrong": wrong,
        "typed": given or {},
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/projects.html", shown, status=400 if wrong else 200)


def _found(asked: dict[str, str]) -> QuerySet[Project]:
    rows = _projects().order_by("slug")
    match asked["state"]:
        case "archived":
            rows = rows.exclude(archived_at=None)
        case "suspended":
            rows = rows.filter(archived_at=None).exclude(suspended_at=None)
        case _:
            rows = rows.filter(archived_at=None)
    text = asked["q"].replace("\x00", "")
    if text:
        rows = rows.filter(Q(slug__icontains=text) | Q(name__icontains=text))
    after = asked["after"].replace("\x00", "")
    return rows.filter(slug__gt=after) if after else rows


def _one(
    request: HttpRequest,
    membership: Membership,
    project: Project,
    wrong: InputError | None = None,
    given: dict[str, str] | None = None,
) -> HttpResponse:
    organization = membership.organization
    did = glances(organization, "project_id", [project.pk]).get(project.pk, NOTHING)
    keys = _key_counts([project.pk]).get(project.pk, 0)
    accounts = ServiceAccount.objects.filter(project=project, removed_at=None).order_by("name")
    usable = Count("keys", filter=Q(keys__revoked_at=None))
    may_read_keys = may(membership, Right.KEYS_READ)
    latest: list[ApiKey] = []
    if may_read_keys and project.archived_at is None:
        latest = list(selected(Selection()).filter(project=project).order_by("-id")[:LATEST])
    of_keys = glances(organization, "key_id", [key.pk for key in latest]) if latest else {}
    shown = {
        "organization": organization,
        "project": project,
        "did": did,
        "keys": keys,
        "accounts": list(accounts.annotate(usable=usable)[:MOST_POLICIES]),
        "latest": [Row(key, of_keys.get(key.pk, NOTHING)) for key in latest],
        "policies": _policies(),
        "may_write": may(membership, Right.PROJECTS_WRITE),
        "may_attach": may(membership, Right.POLICIES_ATTACH),
        "may_issue": may(membership, Right.KEYS_ISSUE),
        "may_read_keys": may_read_keys,
        "suspending": f"Its {_keys(keys)} {'is' if keys == 1 else 'are'} refused from the next call on, and can be resumed; {calls_a_day(did)}.",
        "archiving": f"Its {_keys(keys)} {'is' if keys == 1 else 'are'} revoked for good, and its service accounts go; {calls_a_day(did)}. Its calls stay in the ledger, and the name can be opened again.",
        "wrong": wrong,
        "typed": given
        or {
            "name": project.name,
            "policy": project.policy.name if project.policy else "",
            "cost_centre": project.cost_centre,
        },
    }
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/project.html", shown, status=400 if wrong else 200)


def _keys(count: int) -> str:
    return "one key" if count == 1 else f"{count:,} keys"


def _key_counts(ids: list[UUID]) -> dict[UUID, int]:
    keys = ApiKey.objects.filter(project__in=ids, revoked_at=None).order_by()
    return dict(keys.values_list("project_id").annotate(Count("pk")))


def _policies() -> list[str]:
    return list(Policy.objects.order_by("name").values_list("name", flat=True)[:MOST_POLICIES])
