"""Idempotency keys: a creation that is repeated under the same key happens once, and is answered as the first time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from orbit.lib.access import organization_id
from orbit.lib.errors import InputError
from tenants.api.problems import ProblemError
from tenants.callers import Caller
from tenants.models import IdempotentAnswer
from tenants.secrets.local import Place, seal, unseal

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
MOST_LENGTH = 255


def once(request: Request, caller: Caller, create: Callable[[], Response]) -> Response:
    """`create()`, or what it answered before. Within the transaction that creates, so that both stay or neither does."""
    key = request.headers.get(HEADER)
    if key is None:
        return create()
    if not 0 < len(key) <= MOST_LENGTH or not key.isprintable():
        raise InputError(HEADER, f"must have 1 to {MOST_LENGTH} printable characters", "such as a UUID")
    fingerprint = _fingerprint(request)
    row = _claimed(caller, key, fingerprint)
    if row is None:
        return _repeated(caller, key, fingerprint)
    response = create()
    row.status = response.status_code
    row.sealed = seal(orjson.dumps(response.data).decode(), _place(row))
    row.save(update_fields=["status", "sealed"])
    return response


def _claimed(caller: Caller, key: str, fingerprint: bytes) -> IdempotentAnswer | None:
    """A row for the answer to come; None when there is one. Whoever is second waits here until the first is done."""
    IdempotentAnswer.objects.filter(
        caller=caller.name, key=key, created_at__lt=timezone.now() - KEPT_FOR
    ).delete()
    row = IdempotentAnswer(
        organization_id=organization_id(), caller=caller.name, key=key, fingerprint=fingerprint
    )
    try:
        with transaction.atomic(using="default"):
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def _repeated(caller: Caller, key: str, fingerprint: bytes) -> Response:
    row = IdempotentAnswer.objects.get(caller=caller.name, key=key)
    if bytes(row.fingerprint) != fingerprint:
        raise ProblemError(
            "idempotency_key_reused",
            f"{HEADER} was used for another request in the last {KEPT_FOR.total_seconds() // 3600:.0f} hours. Send a new one.",
        )
    answer = orjson.loads(unseal(bytes(row.sealed), _place(row)))
    return Response(answer, status=row.status, headers={REPLAYED: "true"})


def _fingerprint(request: Request) -> bytes:
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    return sha256(b"\n".join([(request.method or "").encode(), request.path.encode(), body])).digest()


def _place(row: IdempotentAnswer) -> Place:
    return Place(row.organization_id, row.pk, "answer")
