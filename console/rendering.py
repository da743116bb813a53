"""Pages of an organization, as they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from tenants.models import Organization


def organization_answer(
    request: HttpRequest, organization: Organization, template: str, context: Mapping[str, Any]
) -> HttpResponse:
    """With times in the organization's zone. 400 where `wrong` is in the context: what was typed comes back with it."""
    whole = {"organization": organization, **context}
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, template, whole, status=400 if whole.get("wrong") else 200)
