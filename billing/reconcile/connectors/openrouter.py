"""OpenRouter: the activity of each completed day (UTC) of the last thirty, with a management key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from billing.reconcile.connectors.base import (
    DAY,
    WHOLE,
    Api,
    CostRow,
    Facts,
    Unreadable,
    UsageRow,
    listed,
    midnight,
    money,
    text,
    whole,
)
from billing.reconcile.counts import Counts


class OpenRouter:
    """One object says both, tokens and money; it knows no components, and keys only as a filter."""

    name = "openrouter"
    base_url = "https://openrouter.ai/api/v1"
    facts = Facts(
        lag=timedelta(hours=24),
        by_minute=False,
        counts_requests=True,
        costs_by_key=True,
        oldest=timedelta(days=30),
        tells_keys=False,
    )

    def headers(self, secret: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {secret}")]

    def usage(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[UsageRow]:
        for day, row in _activity(api, since, until, scopes):
            yield UsageRow(
                start=midnight(day),
                width=DAY,
                model=text(row, "model"),
                counts=_counts(row),
                requests=whole(row, "requests"),
                key=None,
                scope=text(row, "workspace_id"),
                raw=row,
            )

    def minutes(
        self, api: Api, day: date, models: Sequence[str], scopes: Sequence[str]
    ) -> Iterator[UsageRow]:
        return iter(())

    def costs(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[CostRow]:
        for day, row in _activity(api, since, until, scopes):
            yield CostRow(
                day=day,
                model=text(row, "model"),
                label=f"{text(row, 'model')} by {text(row, 'provider_name')}",
                part=WHOLE,
                amount=money(row.get("usage") or 0),
                key=None,
                scope=text(row, "workspace_id"),
                raw=row,
            )


def _activity(
    api: Api, since: date, until: date, scopes: Sequence[str]
) -> Iterator[tuple[date, dict[str, Any]]]:
    """A day that is not over has no activity yet."""
    day = since
    last = min(until, datetime.now(UTC).date())
    while day < last:
        for row in listed(api.get("/activity", [("date", day.isoformat())]), "data"):
            if _day(row) != day:
                raise Unreadable("the activity of another day came")
            if not scopes or text(row, "workspace_id") in scopes:
                yield day, row
        day += DAY


def _day(row: Mapping[str, Any]) -> date:
    try:
        return date.fromisoformat(text(row, "date")[:10])
    except ValueError:
        raise Unreadable("date is none") from None


def _counts(row: Mapping[str, Any]) -> Counts:
    """Prompt tokens hold the cached ones, completion tokens those of reasoning."""
    cached = whole(row, "cached_tokens")
    fresh = whole(row, "prompt_tokens") - cached
    if fresh < 0:
        raise Unreadable("more input was cached than there was")
    return Counts(fresh=fresh, cached=cached, output=whole(row, "completion_tokens"))
