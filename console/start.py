"""Onboarding: an organization is founded, and brought step by step to its first answered call.

Which step is next is read from what there is, so that one can leave at any point and come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import organization_page, sign_in
from console.calls import reading
from console.offers import SHOWN, offered_by, prices_as, remember, remembered, suggested
from console.snippets import snippets
from console.starting_policies import BY_NAME, STARTING, Meaning, meaning
from console.typical import first_priced
from orbit.lib.errors import InputError
from proxy.offered import offered
from tenants import kinds, services
from tenants.models import ApiKey, Membership, ModelAlias, Person, Project, ProviderAccount
from tenants.rights import Right, may

DEMO_MODELS = ("gpt-4o-mini", "gpt-4o")
DEMO_CREDENTIAL = "sk-demo-orbit-gateway"  # it takes any
PROJECT = "first-project"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What somebody typed that did not do, and why. Never a secret."""

    step: str
    about: str
    text: str
    typed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    account: ProviderAccount | None
    models: list[str]
    policy: str | None
    keys: int

    @property
    def step(self) -> str:
        """The one to do now."""
        if self.account is None:
            return "account"
        if not self.models:
            return "models"
        if self.policy is None:
            return "policy"
        return "key" if not self.keys else "try"


def progress(membership: Membership) -> Progress:
    policy = membership.organization.policy
    aliases = ModelAlias.objects.order_by("created_at", "alias").values_list("alias", flat=True)
    return Progress(
        account=ProviderAccount.objects.order_by("created_at").last(),
        models=list(aliases[:SHOWN]),
        policy=policy.name if policy else None,
        keys=ApiKey.objects.filter(revoked_at=None, project__archived_at=None).count(),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new_organization(request: HttpRequest) -> HttpResponse:
    person = request.user
    if not isinstance(person, Person):
        return sign_in(request)
    name, wrong = request.POST.get("name", "").strip(), None
    slug = request.POST.get("slug", "").strip() or slugify(name)[:63]
    if request.method == "POST":
        try:
            organization = services.found_organization(slug=slug, name=name, person=person)
            return redirect("start", organization.slug)
        except InputError as error:
            wrong = Wrong("organization", error.path, _words(error))
    shown = {"wrong": wrong, "name": name, "slug": slug if request.POST.get("slug") or wrong else ""}
    return render(request, "console/new_organization.html", shown, status=400 if wrong else 200)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def start(request: HttpRequest, membership: Membership) -> HttpResponse:
    return _page(request, membership)


@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def start_account(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Asks the provider first: what it does not take is not saved."""
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    kind, secret = request.POST.get("kind", ""), request.POST.get("secret", "").strip()
    base_url = request.POST.get("base_url", "").strip()
    try:
        wanted = services.checked_account(kind=kind, base_url=base_url, prices_as=prices_as(kind))
        found = offered(kind=kind, base_url=wanted["base_url"], secret=secret)
        name = _free_name(kind)
        credential = services.NewCredential(value=secret) if secret else None
        services.save_account(**where, name=name, credential=credential, **wanted)
    except InputError as error:
        typed = {"kind": kind, "base_url": base_url}
        return _page(request, membership, Wrong("account", error.path, _words(error), typed))
    remember(request, name, found)
    return redirect("start", membership.organization.slug)


@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def start_demo(request: HttpRequest, membership: Membership) -> HttpResponse:
    """The demo provider, for the impatient: an account and two models with one click."""
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    url = demo_provider_url()
    if url is not None:
        credential = services.NewCredential(value=DEMO_CREDENTIAL)
        services.save_account(
            **where, name="demo", kind="openai", base_url=url, prices_as="openai", credential=credential
        )
        for model in DEMO_MODELS:
            services.save_model(**where, alias=model, targets=[services.NewTarget("demo", model)])
    return redirect("start", membership.organization.slug)


@require_POST
@organization_page(Right.MODELS_WRITE)
def start_models(request: HttpRequest, membership: Membership) -> HttpResponse:
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    account = progress(membership).account
    typed = request.POST.get("others", "")
    try:
        if account is None:
            raise InputError("models", "need a provider account first")
        if "ask" in request.POST:
            remember(request, account.name, offered_by(account))
            return redirect("start", membership.organization.slug)
        names = [*request.POST.getlist("models"), *typed.replace(",", " ").split()]
        if not names:
            raise InputError("models", "are none", "tick or name at least one")
        with transaction.atomic(using="default"):
            for name in dict.fromkeys(names):
                services.save_model(**where, alias=name, targets=[services.NewTarget(account.name, name)])
    except InputError as error:
        return _page(request, membership, Wrong("models", error.path, _words(error), {"others": typed}))
    return redirect("start", membership.organization.slug)


@require_POST
@organization_page(Right.POLICIES_WRITE)
def start_policy(request: HttpRequest, membership: Membership) -> HttpResponse:
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    chosen = BY_NAME.get(request.POST.get("policy", ""))
    try:
        if chosen is None:
            raise InputError("policy", "is none of these")
        services.save_policy(
            **where, name=chosen.name, document=chosen.document, reason="chosen to start with"
        )
        services.update_organization(**where, policy=chosen.name)
    except InputError as error:
        return _page(request, membership, Wrong("policy", error.path, _words(error)))
    return redirect("start", membership.organization.slug)


@require_POST
@organization_page(Right.KEYS_ISSUE)
def start_key(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Issues a key and shows it, this once, with what can be done with it."""
    where: dict[str, Any] = {"organization_id": membership.organization_id, "actor": membership}
    project = request.POST.get("project", "").strip() or PROJECT
    name = request.POST.get("name", "").strip()
    try:
        with transaction.atomic(using="default"):
            if may(membership, Right.PROJECTS_WRITE) and not Project.objects.filter(slug=project).exists():
                services.save_project(**where, slug=project, name=project.replace("-", " ").capitalize())
            _, text = services.issue_key(**where, project=project, name=name)
    except InputError as error:
        wrong = Wrong("key", error.path, _words(error), {"project": project, "name": name})
        return _page(request, membership, wrong)
    answer = _page(request, membership, key=text)
    answer["Cache-Control"] = "no-store"
    return answer


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def start_call(request: HttpRequest, membership: Membership, event_id: UUID) -> HttpResponse:
    """Figures of a call that was tried; 204 until the ledger has it."""
    call = reading.call(membership, event_id)
    if call is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    figures = ("input_tokens", "output_tokens", "cost_nano", "currency", "model", "status", "duration_ms")
    return JsonResponse({name: getattr(call, name) for name in figures})


def demo_provider_url() -> str | None:
    """Where the demo provider answers, on an installation that runs one."""
    authority = f"127.0.0.1:{settings.ORBIT_DEMO_PROVIDER_PORT}"
    runs = settings.ORBIT_DEVELOPMENT and authority in settings.ORBIT_PRIVATE_TARGETS
    return f"http://{authority}/v1" if runs else None


def _page(
    request: HttpRequest, membership: Membership, wrong: Wrong | None = None, key: str = ""
) -> HttpResponse:
    done = progress(membership)
    step = wrong.step if wrong else done.step
    offers = remembered(request, done.account)
    shown = {
        "organization": membership.organization,
        "progress": done,
        "step": step,
        "wrong": wrong,
        "kinds": kinds.choices(),
        "demo": demo_provider_url() is not None,
        "offers": [(one, one in suggested(offers)) for one in offers[:SHOWN]],
        "policies": _meanings(membership, done) if step == "policy" else [],
        "rights": {right.name.lower(): may(membership, right) for right in Right},
        "key": key,
        "nobody": UUID(int=0),  # stands for a call's id, which the page's script learns
        "project": _first_project() or PROJECT,
        "key_name": f"key-{done.keys + 1}",
        "public_url": settings.ORBIT_PUBLIC_URL,
        "snippets": snippets(settings.ORBIT_PUBLIC_URL, key, done.models[0] if done.models else "MODEL"),
    }
    return render(request, "console/start.html", shown, status=400 if wrong else 200)


def _meanings(membership: Membership, done: Progress) -> list[Meaning]:
    """What the policies mean for the first model that has a price."""
    found = first_priced(done.models)
    model, rates = (found.model, found.rates) if found else (None, None)
    return [meaning(one, membership.organization.currency, model, rates) for one in STARTING]


def _first_project() -> str | None:
    return (
        Project.objects.filter(archived_at=None).order_by("created_at").values_list("slug", flat=True).first()
    )


def _free_name(kind: str) -> str:
    taken = set(ProviderAccount.objects.values_list("name", flat=True))
    base = kind.replace("_", "-")
    return next(
        name
        for number in range(1, 1000)
        if (name := base if number == 1 else f"{base}-{number}") not in taken
    )


def _words(error: InputError) -> str:
    return error.message + (f" ({error.suggestion})" if error.suggestion else "")
