"""What a form of a page did, in a message, or why it was not done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from orbit.lib.errors import InputError
from tenants.models import Membership

MOST_REASON = 200


def where(membership: Membership) -> dict[str, Any]:
    """What every service is told: whose it is, and who asks."""
    return {"organization_id": membership.organization_id, "actor": membership}


def words(error: InputError) -> str:
    return error.message + (f" ({error.suggestion})" if error.suggestion else "")


def attempt(request: HttpRequest, do: Callable[[], str], *, ruled: bool = False) -> bool:
    """Whether `do` did it. What it says, or why it refused, the next page shows.

    `ruled`: also where a rule forbids what one's rights allow, such as to approve one's own; otherwise that is a page of its own.
    """
    try:
        messages.success(request, do())
    except InputError as error:
        messages.error(request, f"That did not work: {error.path} {words(error)}.")
        return False
    except PermissionDenied as error:
        if not ruled:
            raise
        messages.error(request, f"That did not work: {error}.")
        return False
    return True


def gone(request: HttpRequest, membership: Membership, what: str, to: str) -> HttpResponse:
    """For a form about a row that is not there, or no longer: back to the list with a word on it."""
    messages.error(request, f"That did not work: there is no such {what}.")
    return redirect(to, membership.organization.slug)


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]


def typed(request: HttpRequest, *names: str) -> dict[str, str]:
    """Without NUL, which the database does not take."""
    return {name: request.POST.get(name, "").replace("\x00", "").strip() for name in names}
