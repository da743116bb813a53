"""Where a signed link leads: the file, without a session."""

from __future__ import annotations

from django.conf import settings
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.exports import making
from console import streaming
from orbit.lib.peer import client_address
from tenants import services


@require_GET
def ledger_file(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        export, name = services.follow_link(token, address=_address(request))
    except BadSignature:
        raise Http404 from None
    except services.Over:
        return _over(request)
    return streaming.attachment(name, making.content_type(export), streaming.pieces(export), export.size)


def _address(request: HttpRequest) -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address(settings.ORBIT_TRUSTED_PROXIES, forwarded, request.META.get("REMOTE_ADDR")) or ""


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "console/explorer/link_over.html", status=410)
