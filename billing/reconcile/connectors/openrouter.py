"""OpenRouter: the activity of each completed day (UTC) of the last thirty, with a management key, and single calls with their own.

https://openrouter.ai/docs/api/api-reference/generations/get-generation. Tokens there are the native ones, which are charged; it
answers 404 for some seconds after a call, and for names that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from billing.reconcile.connectors.base import (
    DAY,
    WHOLE,
    Api,
    CallRow,
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

TOLD = (
    "provider_name",
    "finish_reason",
    "cancelled",
    "is_byok",
)  # what is kept of a record beside its figures


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
        by_call=True,
    )

    def headers(self, secret: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {secret}")]

    def usage(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[UsageRow]:
        for day, row in _activity(api, since, until, scopes):
            yield UsageRow(
                start=midnight(day),
                width=DAY,
                model=text(row, "model"),
                counts=_split(row, "prompt_tokens", "cached_tokens", "completion_tokens"),
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

    def names(self, name: str) -> bool:
        return name.startswith("gen-")

    def call(self, api: Api, name: str, at: datetime) -> CallRow:
        answer = api.find("/generation", [("id", name)])
        if answer is None:
            return CallRow(name, at, found=False)
        row = answer.get("data")
        if not isinstance(row, dict) or row.get("id") != name:
            raise Unreadable("the record of another call came")
        return CallRow(
            name,
            _moment(row),
            found=True,
            model=text(row, "model"),
            counts=_split(row, "native_tokens_prompt", "native_tokens_cached", "native_tokens_completion"),
            amount=money(row.get("total_cost") or 0),
            raw={one: row.get(one) for one in TOLD},
        )


def _moment(row: Mapping[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(text(row, "created_at"))
    except ValueError:
        raise Unreadable("created_at is no time") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


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


def _split(row: Mapping[str, Any], given: str, cached: str, output: str) -> Counts:
    """Prompt tokens hold the cached ones, completion tokens those of reasoning."""
    read = whole(row, cached)
    fresh = whole(row, given) - read
    if fresh < 0:
        raise Unreadable("more input was cached than there was")
    return Counts(fresh=fresh, cached=read, output=whole(row, output))
