"""How our side stands: whether it is whole, and whether it is still as it was read when an exception was last checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from redis.exceptions import RedisError

from audit.models import ChainHead, DroppedMonth, Event, OutboxEntry
from billing.models import BillException
from billing.reconcile.connectors.base import DAY, Refused, midnight
from billing.reconcile.models_named import canonical
from orbit.lib import access
from orbit.lib.clock import parse
from orbit.lib.errors import InputError
from quotas.usage import complete_until

DROPPED = "has days whose calls retention has taken out of the ledger"
KINDS = (Event.Kind.CALL, Event.Kind.CORRECTION, Event.Kind.ADJUSTMENT)


def head() -> int:
    """The last entry of the ledger of the organization in scope. Asked before its sums are, these hold at least as much."""
    return ChainHead.objects.values_list("seq", flat=True).filter(pk=access.organization_id()).first() or 0


def whole_until(shard: int) -> datetime:
    """Up to when every call is in the ledger. Refused while nobody can tell."""
    try:
        return complete_until(shard, datetime.now(UTC))
    except (RedisError, OSError):
        raise Refused(
            "the store cannot be asked whether the ledger is complete; try again once it is back"
        ) from None


def must_be_kept(field: str, since: date, until: date) -> None:
    """InputError where single calls of [since, until) were dropped: all of them would seem to be missing here."""
    months = DroppedMonth.objects.filter(month__gte=since.replace(day=1), month__lt=until)
    last = months.order_by("-month").values_list("month", flat=True).first()
    if last is not None:
        raise InputError(field, DROPPED, f"take days behind {last:%B %Y}")


def has_moved(row: BillException) -> bool:
    """Whether its day of its model has entries, written or waiting, that it was not checked with.

    Adjustments of its own check are no such: they were found beside it. Within the organization's scope.
    """
    same_check = BillException.objects.filter(account_id=row.account_id, run_id=row.run_id)
    known = {str(pk) for pk in same_check.values_list("pk", flat=True)}
    # What waits first: the writer may take it to the ledger in between.
    entries = [*_waiting(row), *_written(row)]
    return any(row.model in ("", canonical(name)) and of not in known for name, of in entries)


def _waiting(row: BillException) -> Iterator[tuple[str, Any]]:
    """Model and exception, of adjustments in the outbox."""
    day = midnight(row.day)
    found = OutboxEntry.objects.filter(event__kind="adjustment", event__account_id=str(row.account_id))
    for event in found.values_list("event", flat=True).iterator(2_000):
        if day <= parse(event["admitted_at"]) < day + DAY:
            name = event.get("upstream_model") or event.get("model") or ""
            yield name, event.get("detail", {}).get("exception")


def _written(row: BillException) -> Iterator[tuple[str, Any]]:
    day = midnight(row.day)
    found = Event.objects.filter(
        kind__in=KINDS,
        account_id=row.account_id,
        admitted_at__gte=day,
        admitted_at__lt=day + DAY,
        seq__gt=row.checked_seq,
    )
    named = found.order_by("seq").values_list("upstream_model", "model", "detail__exception")
    for upstream, model, of in named.iterator(2_000):
        yield upstream or model or "", of
