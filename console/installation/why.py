"""Why was it refused, for operators: a request of any organization, or what any key would meet now.

A read like those of the admin, so it leaves no act in the ledger.
"""

from __future__ import annotations

import logging
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from console.installation.pages import operator_page
from console.why import AWAY, MOST, request_id_of
from orbit.lib.errors import InputError
from proxy import why
from proxy.explanation import Question, explain
from tenants.models import Person

logger = logging.getLogger(__name__)

CALLS, POLICIES = "audit.view_event", "tenants.view_policy"
FIELDS = ("request_id", "organization", "key", "model")


@require_safe
@operator_page(CALLS)
def why_page(request: HttpRequest, person: Person) -> HttpResponse:
    """A key and a model take the right to look at policies besides: the answer shows what they allow."""
    given = {name: request.GET.get(name, "").replace("\x00", "").strip()[:MOST] for name in FIELDS}
    shown: dict[str, Any] = {"given": given, "may_ask_now": person.has_perm(POLICIES)}
    try:
        shown |= _answer(person, given)
    except InputError as error:
        words = f"{error.message.rstrip('.')}. {error.suggestion}".strip()
        shown["wrong"] = {"field": error.path, "message": words}
    except (RedisError, OSError) as error:
        logger.warning("an explanation could not be read: %s", type(error).__name__)
        shown["away"] = AWAY
    organization = shown.get("organization")
    with timezone.override(ZoneInfo(organization.time_zone if organization else "UTC")):
        return render(request, "operator/why.html", shown, status=400 if "wrong" in shown else 200)


def _answer(person: Person, given: dict[str, str]) -> dict[str, Any]:
    """What the template shows besides; nothing where nothing was asked."""
    if given["request_id"]:
        found, told = why.told_anywhere(request_id_of(given["request_id"]), given["organization"])
        return {"organization": found, "told": told}
    if not given["key"] and not given["model"]:
        return {}
    if not person.has_perm(POLICIES):
        raise PermissionDenied
    for name in ("key", "model"):
        if not given[name]:
            raise InputError(name, "is needed, too: both say together what would be called")
    organization, principal = why.principal_anywhere(given["key"])
    return {"organization": organization, "now": explain(principal, Question(given["model"]))}
