"""Calls of the ledger with what became of them since, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from audit.models import Event
from billing.repricing.costs import TOKENS, Used

AT_ONCE = 2_000
# What is read of each; adjustments take it over from the call that they name.
COLUMNS = (
    "event_id", "kind", "corrects", "request_id", "admitted_at", "organization", "project_id", "project", "key_id", "key",
    "account_id", "account", "end_user", "surface", "endpoint", "model", "upstream_model", "status", "cost_nano",
    "currency", "price_version", "retention", "detail", *TOKENS,
)  # fmt: skip
MARK = "repriced"  # in the long tail of our own adjustments


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls: admitted in [since, until), of a provider account and of a model by its provider's name."""

    since: datetime
    until: datetime
    account: str = ""
    model: str = ""

    def calls(self) -> QuerySet[Event]:
        rows = Event.objects.filter(
            kind=Event.Kind.CALL, admitted_at__gte=self.since, admitted_at__lt=self.until
        )
        if self.account:
            rows = rows.filter(account=self.account)
        return rows.filter(upstream_model=self.model) if self.model else rows


def used(selection: Selection) -> Iterator[Used]:
    """Each call of the organization in scope that a provider answered, in the order of the ledger."""
    asked = selection.calls().exclude(status="provider_failed").exclude(account_id=None)
    after = 0
    while rows := list(asked.filter(seq__gt=after).order_by("seq").values("seq", *COLUMNS)[:AT_ONCE]):
        after = rows[-1]["seq"]
        found = {row["event_id"]: Used.of(row) for row in rows}
        for row in _later(list(found), rows):
            one = found[row["corrects"]]
            if row["kind"] == Event.Kind.CORRECTION:
                one.correct(row)
            elif MARK in row["detail"]:
                one.charge(row)
                one.versions.append(row["price_version"] or "")
        yield from found.values()


def _later(ids: list[UUID], rows: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Corrections and adjustments that name these calls. They stand at the time of the call, which an index finds."""
    times = [row["admitted_at"] for row in rows]
    there = Event.objects.filter(
        kind__in=(Event.Kind.CORRECTION, Event.Kind.ADJUSTMENT),
        admitted_at__range=(min(times), max(times)),
        corrects__in=ids,
    )
    yield from there.order_by("seq").values(*COLUMNS)
