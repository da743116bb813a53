"""Where clients get tokens and give them back: allauth's views, behind limits and without cookies."""

from __future__ import annotations

import logging
from collections.abc import Callable

from allauth.core.internal import ratelimit
from allauth.idp.oidc import views as provider
from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from redis.exceptions import RedisError

from tenants.rights import SCOPES

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
GRANT = "client_credentials"
RETRY_S = 60
_APP = "allauth.idp.oidc"  # whose settings hold the rates


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """RFC 6749, 4.4."""
    if request.content_type == FORM and request.POST.get("grant_type") != GRANT:
        return _refused("unsupported_grant_type", f"The grant type must be {GRANT}.")
    return _limited(request, provider.token)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """RFC 7009."""
    return _limited(request, provider.revoke)


@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """RFC 8414: what there is of an authorization server here."""
    return JsonResponse(
        {
            "issuer": settings.ORBIT_PUBLIC_URL,
            "token_endpoint": settings.ORBIT_PUBLIC_URL + reverse("oauth_token"),
            "revocation_endpoint": settings.ORBIT_PUBLIC_URL + reverse("oauth_revoke"),
            "grant_types_supported": [GRANT],
            "response_types_supported": [],
            "scopes_supported": list(SCOPES),
            "token_endpoint_auth_methods_supported": settings.IDP_OIDC_AUTH_METHODS,
            "revocation_endpoint_auth_methods_supported": settings.IDP_OIDC_AUTH_METHODS,
        }
    )


def _limited(request: HttpRequest, view: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    fault = _fault(request)
    if fault:
        return _refused("invalid_request", fault)
    if not (_allowed(request, "token") and _allowed(request, "token_refused", dry_run=True)):
        answer = _refused("temporarily_unavailable", "Too many requests. Try again in a minute.", 429)
        answer["Retry-After"] = str(RETRY_S)
        return answer
    try:
        answer = view(request)
    except IntegrityError:  # the client was revoked in this very moment
        answer = _refused("invalid_client", "The client is not known.", 401)
    if answer.status_code == 401:
        _allowed(request, "token_refused")
    answer["Cache-Control"] = "no-store"
    return answer


def _fault(request: HttpRequest) -> str:
    """What allauth would stumble over."""
    if request.content_type != FORM:
        return f"The body must be {FORM}."
    if request.GET:
        return "Nothing may stand in the query: it would be logged on the way."
    if any(len(found) > 1 for _, found in request.POST.lists()):
        return "A parameter stands there twice."
    if "resource" in request.POST:
        return "The parameter resource is not supported."
    if any("\0" in text for text in (*request.POST.values(), *request.POST)):
        return "A parameter holds a NUL."
    return ""


def _allowed(request: HttpRequest, action: str, *, dry_run: bool = False) -> bool:
    try:
        return bool(ratelimit.consume(request, app=_APP, action=action, dry_run=dry_run))
    except (RedisError, OSError) as error:  # secrets are too long to be guessed all the same
        logger.warning("token requests are not counted: %s", type(error).__name__)
        return True


def _refused(error: str, description: str, status: int = 400) -> HttpResponse:
    answer = JsonResponse({"error": error, "error_description": description}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
