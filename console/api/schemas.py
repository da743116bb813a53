"""The schema of events, for programs that read exports and sinks."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from audit import schema


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """Open to everybody: it says nothing of this installation, and whoever gets an export may have no key here."""
    return HttpResponse(
        schema.written(),
        content_type="application/schema+json",
        headers={"Cache-Control": "public, max-age=3600"},
    )
