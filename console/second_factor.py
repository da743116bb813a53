"""Doors that open only in a session that a second factor was used in: an organization's pages, the operator's admin."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRefresh

Type = Authenticator.Type


def is_proved(request: HttpRequest) -> bool:
    """Whether this session was begun, or confirmed later, with a second factor that its person still has.

    A session from before the factor was set up is not, nor one whose factor was taken away since.
    """
    factors = _factors(request)
    if not _has_one(factors):
        return False
    records: list[dict[str, Any]] = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" and record.get("id") in factors for record in records)


def ask(request: HttpRequest, place: str) -> HttpResponse:
    """The page in place of what was wanted: what to do, and the way there. A fragment reloads into it."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    factors = _factors(request)
    shown = {"place": place, "confirm": _confirmation(request, factors) if _has_one(factors) else None}
    return render(request, "console/second_factor.html", shown, status=HTTPStatus.FORBIDDEN)


def who_has_one(people: Collection[int]) -> set[int]:
    rows = Authenticator.objects.filter(user_id__in=people, type__in=[Type.TOTP, Type.WEBAUTHN])
    return set(rows.values_list("user_id", flat=True))


def _factors(request: HttpRequest) -> dict[int, str]:
    """Type by id, of the signed-in person."""
    return dict(Authenticator.objects.filter(user_id=request.user.pk).values_list("pk", "type"))


def _has_one(factors: dict[int, str]) -> bool:
    """Recovery codes stand in for a factor; they are none by themselves."""
    return bool({Type.TOTP, Type.WEBAUTHN} & set(factors.values()))


def _confirmation(request: HttpRequest, factors: dict[int, str]) -> str:
    name = "mfa_reauthenticate" if Type.TOTP in factors.values() else "mfa_reauthenticate_webauthn"
    # After a form, back to where its page was: the browser has that address, we do not.
    target = request.get_full_path() if request.method == "GET" else reverse("home")
    return f"{reverse(name)}?{urlencode({'next': target})}"
