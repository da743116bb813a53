"""The page that answers "why was this refused?": of one request by its id, or of what a key would meet now."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from console.access import organization_page
from console.calls.reading import own_only
from console.explained import asking
from orbit.lib.errors import Code, InputError
from proxy import why
from proxy.explanation import Explanation, Question, explain, principal_named
from quotas.reports import keys_named
from tenants.models import Membership
from tenants.rights import Right, may

logger = logging.getLogger(__name__)

AWAY = "The counting store does not answer, so nobody can say just now."
MOST = 200  # characters of what is typed


@require_safe
@organization_page(Right.ORGANIZATION_READ)
def why_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Of who may not read calls, requests and keys of their own."""
    organization = membership.organization
    given = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:MOST]
        for name in ("request_id", "key", "model")
    }
    shown: dict[str, Any] = {
        "organization": organization,
        "given": given,
        "own_only": not may(membership, Right.CALLS_READ),
    }
    try:
        if given["request_id"]:
            shown["told"] = why.told(organization, request_id_of(given["request_id"]), own_only(membership))
        elif given["key"] or given["model"]:
            shown |= _now(membership, given["key"], given["model"])
    except InputError as error:
        shown["wrong"] = {"field": error.path, "message": error.message}
    except (RedisError, OSError) as error:
        logger.warning("an explanation could not be read: %s", type(error).__name__)
        shown["away"] = AWAY
    with timezone.override(ZoneInfo(organization.time_zone)):
        return render(request, "console/why.html", shown, status=400 if "wrong" in shown else 200)


def _now(membership: Membership, key: str, model: str) -> dict[str, Any]:
    for name, value in (("key", key), ("model", model)):
        if not value:
            raise InputError(name, "is needed, too: both say together what would be called")
    own = own_only(membership).get("key_id__in")
    if own is not None and not set(keys_named(key)) & set(own):
        raise InputError("key", f"you have no key {key!r} of your own")
    found: Explanation = explain(principal_named(membership.organization_id, key), Question(model))
    missing = model if found.code == Code.MODEL_NOT_FOUND.value else None
    return {"now": found, "ask": asking(found.refused_by, missing)}


def request_id_of(text: str) -> UUID:
    """What somebody typed; InputError names request_id."""
    try:
        return UUID(text)
    except ValueError:
        raise InputError(
            "request_id",
            "is no id: the header x-orbit-request-id of the answer has it, in five groups of letters and digits",
        ) from None
