"""Anthropic: the usage report of messages and the cost report of an organization, with an admin key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.reconcile.connectors.base import (
    BATCH,
    DAY,
    MINUTE,
    Api,
    CostRow,
    Facts,
    Unreadable,
    UsageRow,
    listed,
    many,
    midnight,
    money,
    pages,
    text,
    whole,
)
from billing.reconcile.counts import Counts
from orbit.lib.clock import parse

PARTS = {
    "uncached_input_tokens": "fresh",
    "output_tokens": "output",
    "cache_read_input_tokens": "cached",
    "cache_creation.ephemeral_5m_input_tokens": "write_short",
    "cache_creation.ephemeral_1h_input_tokens": "write_long",
}
GROUPS = ("model", "api_key_id", "workspace_id", "service_tier")
CENTS = Decimal(100)


class Anthropic:
    """Its costs know no keys. Amounts are cents, as text."""

    name = "anthropic"
    base_url = "https://api.anthropic.com/v1"
    facts = Facts(lag=timedelta(hours=24), by_minute=True, counts_requests=False, costs_by_key=False)

    def headers(self, secret: str) -> list[tuple[str, str]]:
        return [("x-api-key", secret), ("anthropic-version", "2023-06-01")]

    def usage(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[UsageRow]:
        query = [*_span(since, until), ("bucket_width", "1d"), ("limit", "31")]
        yield from _usage(api, [*query, *many("workspace_ids[]", scopes)], DAY)

    def minutes(
        self, api: Api, day: date, models: Sequence[str], scopes: Sequence[str]
    ) -> Iterator[UsageRow]:
        query = [*_span(day, day + DAY), ("bucket_width", "1m"), ("limit", "1440"), *many("models[]", models)]
        yield from _usage(api, [*query, *many("workspace_ids[]", scopes)], MINUTE)

    def costs(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[CostRow]:
        """It cannot be asked for workspaces, so others' rows are left out here."""
        query = [*_span(since, until), ("bucket_width", "1d"), ("limit", "31")]
        query += many("group_by[]", ("workspace_id", "description"))
        for bucket in pages(api, "/organizations/cost_report", query):
            day = _moment(bucket).date()
            for row in listed(bucket, "results"):
                if not scopes or _workspace(row) in scopes:
                    yield _cost(day, row)


def _span(since: date, until: date) -> list[tuple[str, str]]:
    return [
        ("starting_at", midnight(since).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("ending_at", midnight(until).strftime("%Y-%m-%dT%H:%M:%SZ")),
    ]


def _moment(bucket: Mapping[str, Any]) -> datetime:
    try:
        return parse(text(bucket, "starting_at"))
    except ValueError:
        raise Unreadable("starting_at is no time") from None


def _usage(api: Api, query: Sequence[tuple[str, str]], width: timedelta) -> Iterator[UsageRow]:
    asked = [*query, *many("group_by[]", GROUPS)]
    for bucket in pages(api, "/organizations/usage_report/messages", asked):
        for row in listed(bucket, "results"):
            yield UsageRow(
                start=_moment(bucket),
                width=width,
                model=text(row, "model"),
                counts=_counts(row),
                key=text(row, "api_key_id"),
                scope=_workspace(row),
                apart=_apart(row),
                raw=row,
            )


def _apart(row: Mapping[str, Any]) -> str:
    if row.get("service_tier") == "batch":
        return BATCH
    return "" if row.get("api_key_id") else "without a key"


def _counts(row: Mapping[str, Any]) -> Counts:
    """Its parts are apart from each other already."""
    created = row.get("cache_creation") or {}
    return Counts(
        fresh=whole(row, "uncached_input_tokens"),
        cached=whole(row, "cache_read_input_tokens"),
        write_short=whole(created, "ephemeral_5m_input_tokens"),
        write_long=whole(created, "ephemeral_1h_input_tokens"),
        output=whole(row, "output_tokens"),
    )


def _workspace(row: Mapping[str, Any]) -> str:
    """Newer versions of the interface say it within `scope`. The default workspace has no id in the older one."""
    scope = row.get("scope")
    return text(scope, "workspace_id") if isinstance(scope, dict) else text(row, "workspace_id")


def _cost(day: date, row: Mapping[str, Any]) -> CostRow:
    return CostRow(
        day=day,
        model=text(row, "model"),
        label=text(row, "description"),
        part=PARTS.get(text(row, "token_type"), ""),
        amount=money(row.get("amount")) / CENTS,
        currency=text(row, "currency").upper() or "USD",
        key=None,
        scope=_workspace(row),
        raw=row,
    )
