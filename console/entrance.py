"""Signing in by an organization's provider: from an address, or from a link of the organization's own."""

from __future__ import annotations

from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.core import ratelimit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from console import openid
from tenants import oidc, services
from tenants.secrets import local


def _said_in_words(view: Any) -> Any:
    """What went wrong at the provider, or with it, as a page."""

    @wraps(view)
    def page(request: HttpRequest, organization: str) -> HttpResponse:
        try:
            answer: HttpResponse = view(request, organization)
        except SocialApp.DoesNotExist:
            raise Http404 from None
        except (oidc.Rejected, oidc.Unavailable) as error:
            return openid.refusal(request, f"The provider cannot be used now: {error}.", organization, 502)
        except (local.CannotOpen, ImproperlyConfigured):
            words = "The client secret of the provider cannot be read here. Ask an admin to enter it again."
            return openid.refusal(request, words, organization, 502)
        return answer

    return page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def by_address(request: HttpRequest) -> HttpResponse:
    """The sign-in page's second button comes here with the address."""
    email = request.POST.get("login", "")
    shown = {"email": email, "unknown": False}
    if request.method == "POST":
        if (slower := _too_many(request)) is not None:
            return slower
        place = services.place_of_address(email)
        if place is not None:
            query = {"next": request.POST["next"]} if request.POST.get("next") else {}
            path = reverse("sso_start", args=[place.slug])
            return redirect(f"{path}?{urlencode(query)}" if query else path)
        shown["unknown"] = True
    return render(request, "console/sso.html", shown)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_said_in_words
def start(request: HttpRequest, organization: str) -> HttpResponse:
    """A page with a button; then a page that goes on to the provider by itself.

    Not by a redirect: browsers hold what follows a form, however many redirects it is, against `form-action`.
    """
    place = services.place_of_slug(organization)
    if place is None:
        raise Http404
    shown = {"place": place, "host": urlsplit(place.issuer).netloc, "next": _next(request, place)}
    if request.method != "POST":
        return render(request, "console/sso_start.html", shown)
    if (slower := _too_many(request)) is not None:
        return slower
    provider = openid.Flow(request, place.slug).get_provider()
    there = provider.redirect(request, process=AuthProcess.LOGIN, next_url=shown["next"])
    return render(request, "console/sso_hop.html", shown | {"url": there["Location"]})


@never_cache
@require_safe
@_said_in_words
def callback(request: HttpRequest, organization: str) -> HttpResponse:
    answer: HttpResponse = OAuth2CallbackView.adapter_view(openid.Flow(request, organization))(request)
    return answer


def _too_many(request: HttpRequest) -> HttpResponse | None:
    answer: HttpResponse | None = ratelimit.consume_or_429(request, action="single_sign_on")
    return answer


def _next(request: HttpRequest, place: services.Place) -> str:
    """Back to a page of this organization, or to its dashboard."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    home = reverse("dashboard", args=[place.slug])
    local_only = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if local_only and wanted.startswith(home) and "\\" not in wanted else home
