"""The pages of inspectors outside of the gateway: listed, connected, tried with a text, changed, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import organization_page
from console.acts import attempt, gone, typed, where, words
from dlp.external.base import Found
from dlp.external.client import Unanswered
from dlp.external.registry import KINDS
from orbit.lib import money
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Inspector, Membership
from tenants.rights import Right, may
from tenants.secrets import CredentialUnavailable
from tenants.services.inspectors import LONGEST_TRIED, policies_naming, why_words

MOST_FOUND = 100  # shown of a trial
NOTES = {
    "openai_moderation": 'Scores each text for hate, violence and the like. Rules can log or block. Options: {"model": "omni-moderation-latest"}',
    "presidio": 'Your own Presidio analyzer: names, places, numbers. Options: {"language": "en", "entities": ["PERSON"]}',
    "google": 'Finds the types that you name. The credential is a service account’s key. Options: {"project": "my-project-123", "location": "europe-west1", "info_types": ["PERSON_NAME"], "min_likelihood": "POSSIBLE"}',
    "webhook": "A service of yours that gets signed JSON and answers what it finds. The credential is the secret of signatures, whsec_ and base64.",
}
_FIELDS = ("name", "kind", "base_url", "options", "price", "price_per", "ref")
# The form's name of what a service calls so.
_FORM = {"credential": "secret", "credential.value": "secret", "credential.ref": "ref"}


@dataclass(frozen=True, slots=True)
class Tried:
    text: str
    wrong: str = ""
    whole: tuple[Found, ...] = ()
    spans: tuple[tuple[Found, str], ...] = ()


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def inspectors_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    shown = {
        "organization": membership.organization,
        "rows": list(Inspector.objects.defer("credential_sealed").order_by("name")),
        "may_write": may(membership, Right.ACCOUNTS_WRITE),
    }
    return render(request, "console/inspectors.html", shown)


@sensitive_post_parameters("secret")
@sensitive_variables("credential")
@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Right.ACCOUNTS_WRITE)
def new(request: HttpRequest, membership: Membership) -> HttpResponse:
    given = typed(request, *_FIELDS)
    if request.method != "POST":
        kind = request.GET.get("kind", "presidio")
        return _form(request, membership, None, given | {"kind": kind, "price": "0"})
    try:
        if Inspector.objects.filter(name=given["name"]).exists():
            raise InputError("name", f"{given['name']!r} is taken", "choose another")
        saved = _saved(request, membership, given["name"], given)
    except InputError as error:
        return _form(request, membership, None, given, wrong=error)
    attempt(request, lambda: f"{given['name']} is saved. Try it with a text, then name it in a policy.")
    return redirect("inspector", membership.organization.slug, saved.pk)


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def inspector_page(request: HttpRequest, membership: Membership, inspector_id: UUID) -> HttpResponse:
    row = Inspector.objects.filter(pk=inspector_id).first()
    if row is None:
        raise Http404
    return _one(request, membership, row)


@require_safe
@organization_page(Right.ACCOUNTS_WRITE)
def edit(request: HttpRequest, membership: Membership, inspector_id: UUID) -> HttpResponse:
    row = Inspector.objects.filter(pk=inspector_id).first()
    if row is None:
        raise Http404
    given = {name: str(getattr(row, name)) for name in ("name", "kind", "base_url", "price_per")}
    options = orjson.dumps(row.options, option=orjson.OPT_INDENT_2).decode() if row.options else ""
    given |= {"options": options, "price": money.amount(row.price_nano), "ref": ""}
    return _form(request, membership, row, given)


@sensitive_post_parameters("secret")
@sensitive_variables("credential")
@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def save(request: HttpRequest, membership: Membership, inspector_id: UUID) -> HttpResponse:
    row = Inspector.objects.filter(pk=inspector_id).first()
    if row is None:
        return gone(request, membership, "inspector", "inspectors")
    given = typed(request, *_FIELDS) | {"name": row.name}
    try:
        _saved(request, membership, row.name, given)
    except InputError as error:
        return _form(request, membership, row, given, wrong=error)
    attempt(request, lambda: f"{row.name} was saved. Calls from now on go by it.")
    return redirect("inspector", membership.organization.slug, inspector_id)


@sensitive_post_parameters("text")
@sensitive_variables("text")
@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def test(request: HttpRequest, membership: Membership, inspector_id: UUID) -> HttpResponse:
    """Sends a text that somebody typed. It is not kept."""
    row = Inspector.objects.filter(pk=inspector_id).first()
    if row is None:
        return gone(request, membership, "inspector", "inspectors")
    text = request.POST.get("text", "").replace("\x00", "").replace("\r\n", "\n")
    return _one(request, membership, row, _tried(membership, row, text))


@require_POST
@organization_page(Right.ACCOUNTS_WRITE)
def delete(request: HttpRequest, membership: Membership, inspector_id: UUID) -> HttpResponse:
    row = Inspector.objects.filter(pk=inspector_id).first()
    if row is None:
        return gone(request, membership, "inspector", "inspectors")

    def do() -> str:
        services.delete_inspector(**where(membership), name=row.name)
        return f"{row.name} was deleted, and its credential with it."

    if attempt(request, do):
        return redirect("inspectors", membership.organization.slug)
    return redirect("inspector", membership.organization.slug, inspector_id)


def _tried(membership: Membership, row: Inspector, text: str) -> Tried:
    try:
        found = services.try_inspector(organization_id=membership.organization_id, name=row.name, text=text)
    except InputError as error:
        return Tried(text, wrong=f"the {error.path} {words(error)}")
    except Unanswered as error:
        return Tried(text, wrong=why_words(error))
    except CredentialUnavailable as error:
        return Tried(text, wrong=error.reason)
    spans = [(one, one.finding.value(text)) for one in found if not one.whole]
    return Tried(text, whole=tuple(one for one in found if one.whole), spans=tuple(spans[:MOST_FOUND]))


def _saved(request: HttpRequest, membership: Membership, name: str, given: dict[str, str]) -> Inspector:
    secret = request.POST.get("secret", "").strip()
    credential = services.NewCredential(value=secret, ref=given["ref"]) if secret or given["ref"] else None
    return services.save_inspector(
        **where(membership),
        name=name,
        kind=given["kind"],
        base_url=given["base_url"],
        options=_options(given["options"]),
        price=given["price"] or "0",
        price_per=given["price_per"] or Inspector.PricePer.THOUSAND_REQUESTS,
        credential=credential,
        without_credential="drop" in request.POST and credential is None,
    ).row


def _options(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InputError("options", "must be a JSON object", 'such as {"language": "en"}')
    return found


def _form(
    request: HttpRequest,
    membership: Membership,
    row: Inspector | None,
    given: dict[str, str],
    wrong: InputError | None = None,
) -> HttpResponse:
    if wrong is not None:
        path = "options" if wrong.path.startswith("options.") else _FORM.get(wrong.path, wrong.path)
        named = f"{wrong.path.removeprefix('options.')}: " if path != wrong.path and path == "options" else ""
        wrong = InputError(path, f"{named}{wrong.message}", wrong.suggestion)
    shown = {
        "organization": membership.organization,
        "inspector": row,
        "kinds": [(kind, NOTES[kind.name]) for kind in KINDS.values()],
        "prices": Inspector.PricePer.choices,
        "typed": given,
        "wrong": wrong,
    }
    return render(request, "console/inspector_form.html", shown, status=400 if wrong else 200)


def _one(
    request: HttpRequest, membership: Membership, row: Inspector, tried: Tried | None = None
) -> HttpResponse:
    shown = {
        "organization": membership.organization,
        "inspector": row,
        "kind": KINDS[row.kind],
        "note": NOTES[row.kind],
        "options": sorted(row.options.items()),
        "price": money.amount(row.price_nano),
        "policies": policies_naming(row.name),
        "may_write": may(membership, Right.ACCOUNTS_WRITE),
        "tried": tried,
        "longest": LONGEST_TRIED,
    }
    return render(request, "console/inspector.html", shown)
