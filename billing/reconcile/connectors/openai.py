"""OpenAI: usage of completions and embeddings, and costs, of an organization, with an admin key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
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

GROUPS = ("model", "api_key_id", "project_id", "batch")
# Of what a line of the costs is, as its words begin; the first that fits.
COMPONENTS = (
    ("cache write", "write_short"),
    ("input cache write", "write_short"),
    ("input_cache_write", "write_short"),
    ("cached", "cached"),
    ("input cached", "cached"),
    ("input_cached", "cached"),
    ("input", "fresh"),
    ("output", "output"),
)

KINDS = ("text", "audio", "image")  # of tokens, where a model has several


class OpenAI:
    name = "openai"
    base_url = "https://api.openai.com/v1"
    facts = Facts(lag=timedelta(hours=48), by_minute=True, counts_requests=True, costs_by_key=True)

    def headers(self, secret: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {secret}")]

    def usage(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[UsageRow]:
        query = [*_span(since, until), ("bucket_width", "1d"), ("limit", "31"), *_narrowed(scopes)]
        for report in ("completions", "embeddings"):
            groups = GROUPS if report == "completions" else GROUPS[:3]
            for bucket in pages(api, f"/organization/usage/{report}", [*query, *many("group_by[]", groups)]):
                yield from _rows(bucket, DAY)

    def minutes(
        self, api: Api, day: date, models: Sequence[str], scopes: Sequence[str]
    ) -> Iterator[UsageRow]:
        query = [*_span(day, day + DAY), ("bucket_width", "1m"), ("limit", "1440"), *_narrowed(scopes)]
        query += many("models[]", models)
        for report in ("completions", "embeddings"):
            groups = GROUPS if report == "completions" else GROUPS[:3]
            for bucket in pages(api, f"/organization/usage/{report}", [*query, *many("group_by[]", groups)]):
                yield from _rows(bucket, MINUTE)

    def costs(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[CostRow]:
        query = [*_span(since, until), ("bucket_width", "1d"), ("limit", "180"), *_narrowed(scopes)]
        groups = many("group_by[]", ("line_item", "api_key_id", "project_id"))
        for bucket in pages(api, "/organization/costs", [*query, *groups]):
            day = _moment(bucket).date()
            for row in listed(bucket, "results", "result"):
                yield _cost(day, row)


def _span(since: date, until: date) -> list[tuple[str, str]]:
    return [
        ("start_time", str(int(midnight(since).timestamp()))),
        ("end_time", str(int(midnight(until).timestamp()))),
    ]


def _narrowed(scopes: Sequence[str]) -> list[tuple[str, str]]:
    return many("project_ids[]", scopes)


def _moment(bucket: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(whole(bucket, "start_time"), UTC)


def _rows(bucket: Mapping[str, Any], width: timedelta) -> Iterator[UsageRow]:
    for row in listed(bucket, "results", "result"):
        yield UsageRow(
            start=_moment(bucket),
            width=width,
            model=text(row, "model"),
            counts=_counts(row),
            requests=whole(row, "num_model_requests"),
            key=text(row, "api_key_id"),
            scope=text(row, "project_id"),
            apart=BATCH if row.get("batch") is True else "",
            raw=row,
        )


def _counts(row: Mapping[str, Any]) -> Counts:
    """The whole input is what was neither cached nor written, and both of these."""
    cached, written = whole(row, "input_cached_tokens"), whole(row, "input_cache_write_tokens")
    longer = whole(row, "input_cache_write_12h_tokens")
    fresh = whole(row, "input_tokens") - cached - written
    if fresh < 0 or longer > written:
        raise Unreadable("more input was cached than there was")
    return Counts(fresh, cached, written - longer, longer, whole(row, "output_tokens"))


def _cost(day: date, row: Mapping[str, Any]) -> CostRow:
    amount = row.get("amount") or {}
    label = text(row, "line_item")
    model, part = _named(label)
    counted = row.get("quantity_unit") in ("tokens", "1000_tokens") and row.get("quantity") is not None
    quantity = (
        int(money(row["quantity"]) * (1000 if row["quantity_unit"] == "1000_tokens" else 1))
        if counted
        else None
    )
    return CostRow(
        day=day,
        model=model,
        label=label,
        part=part,
        amount=money(amount.get("value") or 0),
        currency=str(amount.get("currency") or "usd").upper(),
        quantity=quantity,
        key=text(row, "api_key_id"),
        scope=text(row, "project_id"),
        raw=row,
    )


def _named(label: str) -> tuple[str, str]:
    """`[TIER | ]MODEL[ KIND], COMPONENT[, long context]`. What is none of these is a line of its own.

    Tokens of other kinds than text are told by what they are of; no count of ours stands against them alone.
    """
    model, comma, component = label.rpartition(" | ")[2].partition(",")
    name, _, kind = model.strip().rpartition(" ")
    if kind in KINDS:
        model = name
    words = component.strip().lower()
    for beginning, part in COMPONENTS:
        if comma and words.startswith(beginning) and kind not in KINDS[1:]:
            return model.strip(), part
    return (model.strip(), "") if comma else ("", "")
