"""What happens around signing in: a line in the log for each, and the end of other sessions where the account changed; and
mail about requests.

Never the login that was tried: people type their password there.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from allauth.account import signals as account
from allauth.account.adapter import get_adapter
from allauth.mfa import signals as mfa
from django.contrib.auth import signals as auth
from django.dispatch import receiver
from django.http import HttpRequest
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billing.signals import alarmed
from console import sessions
from console.tasks import tell_of_bill, tell_of_request
from orbit.lib import line
from tenants.models import Person
from tenants.people import end_sessions
from tenants.signals import request_changed

logger = logging.getLogger("orbit.sign_in")


def _log(event: str, request: HttpRequest | None, person: Person | None, **more: object) -> None:
    known = request is not None and "REMOTE_ADDR" in request.META  # what signs in by code has no client
    address = get_adapter().get_client_ip(request) if known else None
    facts = {"person": person.pk if person else None, "address": address, **more}
    words = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    logger.info("%s %s", event, words)


@receiver(auth.user_logged_in)
def _signed_in(request: HttpRequest, user: Person, **_: Any) -> None:
    _log("signed-in", request, user)
    sessions.end_surplus(user)


@receiver(auth.user_logged_out)
def _signed_out(request: HttpRequest, user: Person | None, **_: Any) -> None:
    _log("signed-out", request, user)


@receiver(auth.user_login_failed)
def _failed(request: HttpRequest | None = None, **_: Any) -> None:
    _log("sign-in-failed", request, None)


@receiver(mfa.authentication_failed)
def _factor_failed(request: HttpRequest, user: Person, **_: Any) -> None:
    _log("second-factor-failed", request, user)


@receiver([account.password_changed, account.password_set, account.password_reset])
def _password(request: HttpRequest, user: Person, **_: Any) -> None:
    """Django ends the other sessions: their hash was of the old password."""
    _log("password-changed", request, user)


@receiver(account.email_changed)
def _address(request: HttpRequest, user: Person, **_: Any) -> None:
    _log("address-changed", request, user)
    _end_others(request, user)


@receiver([mfa.authenticator_added, mfa.authenticator_removed, mfa.authenticator_reset])
def _factors(request: HttpRequest, user: Person, authenticator: Any, **_: Any) -> None:
    _log("second-factors-changed", request, user, kind=authenticator.type)
    _end_others(request, user)


def _end_others(request: HttpRequest, person: Person) -> None:
    if request.user == person:
        sessions.keep_only(request, person)
    else:  # by a link in a mail, opened where nobody is signed in
        end_sessions(person)


@receiver(request_changed)
def _request(organization_id: UUID, request_id: UUID, state: str, **_: Any) -> None:
    """Mail takes its time, so a worker sends it. A queue that is away must not undo what was decided."""
    try:
        line.join(tell_of_request.name, str(organization_id), str(request_id), state)
    except (OperationalError, RedisError, line.Full) as error:
        logger.warning("request-not-told %s", type(error).__name__)


@receiver(alarmed)
def _alarm(organization_id: UUID, exception_id: UUID, **_: Any) -> None:
    try:
        line.join(tell_of_bill.name, str(organization_id), str(exception_id))
    except (OperationalError, RedisError, line.Full) as error:
        logger.warning("alarm-not-told %s", type(error).__name__)
