"""Our side: the ledger of one provider account, summed by day and model, and call by call where a day differs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connections

from billing.reconcile.counts import ZERO, Counts
from billing.reconcile.models_named import canonical
from billing.reconcile.sides import Call
from orbit.lib import access

# Whose tokens the reports count. What other endpoints cost is compared in money alone.
COUNTED = ("chat/completions", "completions", "responses", "messages", "embeddings")
LONGER = (
    "CASE WHEN coalesce(cache_write_tokens, 0) <> 0 OR kind = 'adjustment' THEN coalesce((detail->>'cache_write_1h_tokens')::bigint, 0)"
    " + coalesce((detail->>'cache_write_12h_tokens')::bigint, 0) ELSE 0 END"
)
NAME = "coalesce(upstream_model, model, '')"
WHERE = "organization_id = %s AND account_id = %s AND admitted_at >= %s AND admitted_at < %s AND kind IN ('call', 'correction', 'adjustment')"
IS_COUNTED = "(endpoint IS NULL OR endpoint = ANY(%s))"
SUMS = f"""
SELECT (admitted_at AT TIME ZONE 'UTC')::date AS day, {NAME} AS name,
  coalesce(sum(input_tokens) FILTER (WHERE {IS_COUNTED}), 0), coalesce(sum(cached_input_tokens) FILTER (WHERE {IS_COUNTED}), 0),
  coalesce(sum(cache_write_tokens) FILTER (WHERE {IS_COUNTED}), 0),
  coalesce(sum({LONGER}) FILTER (WHERE {IS_COUNTED}), 0),
  coalesce(sum(output_tokens) FILTER (WHERE {IS_COUNTED}), 0), coalesce(sum(cost_nano), 0),
  count(*) FILTER (WHERE kind = 'call' AND (input_tokens > 0 OR output_tokens > 0) AND {IS_COUNTED})
    + coalesce(sum((detail->>'calls')::bigint) FILTER (WHERE kind = 'adjustment'), 0),
  coalesce(sum(cost_nano) FILTER (WHERE usage_source IS DISTINCT FROM 'provider' AND kind = 'call'), 0),
  bool_or(kind <> 'call')
FROM audit_event WHERE {WHERE} GROUP BY 1, 2"""
CALLS = f"""
SELECT event_id, kind, corrects, admitted_at, settled_at, {NAME}, coalesce(input_tokens, 0), coalesce(cached_input_tokens, 0),
  coalesce(cache_write_tokens, 0), {LONGER}, coalesce(output_tokens, 0),
  cost_nano, usage_source, project_id, key_id, coalesce(model, ''), account, detail->'attempts',
  coalesce((detail->>'calls')::bigint, 0)
FROM audit_event WHERE {WHERE} AND {NAME} = ANY(%s) AND {IS_COUNTED} ORDER BY admitted_at, seq"""
KNOWN = f"SELECT DISTINCT {NAME} FROM audit_event WHERE {WHERE}"


@dataclass(frozen=True, slots=True)
class DayOfOurs:
    """`names` are the names that we asked the provider for. `mixed`: corrections are among it, so `requests` may be off."""

    counts: Counts = ZERO
    cost_nano: int = 0
    requests: int = 0
    estimated_nano: int = 0
    names: frozenset[str] = frozenset()
    mixed: bool = False

    def __add__(self, other: DayOfOurs) -> DayOfOurs:
        return DayOfOurs(
            self.counts + other.counts,
            self.cost_nano + other.cost_nano,
            self.requests + other.requests,
            self.estimated_nano + other.estimated_nano,
            self.names | other.names,
            self.mixed or other.mixed,
        )


def by_day(account_id: UUID, since: datetime, until: datetime) -> dict[tuple[date, str], DayOfOurs]:
    """Of the organization in scope, by day (UTC) and canonical model, corrections and adjustments included."""
    counted = list(COUNTED)
    with connections["default"].cursor() as cursor:
        cursor.execute(SUMS, [*[counted] * 6, access.organization_id(), account_id, since, until])
        rows = cursor.fetchall()
    found: dict[tuple[date, str], DayOfOurs] = defaultdict(DayOfOurs)
    for day, name, given, cached, written, longer, output, cost, requests, estimated, mixed in rows:
        one = DayOfOurs(
            _counts(given, cached, written, longer, output),
            int(cost),
            int(requests),
            int(estimated),
            frozenset({name}),
            mixed,
        )
        found[day, canonical(name)] += one
    return dict(found)


def models_used(account_id: UUID, since: datetime, until: datetime) -> set[str]:
    """Canonical names of all that any call asked for."""
    with connections["default"].cursor() as cursor:
        cursor.execute(KNOWN, [access.organization_id(), account_id, since, until])
        return {canonical(name) for (name,) in cursor.fetchall()}


def calls(account_id: UUID, since: datetime, until: datetime, names: Sequence[str]) -> list[Call]:
    """Call by call, each with what corrected it since, wherever that was written. By admission."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            CALLS, [access.organization_id(), account_id, since, until, list(names), list(COUNTED)]
        )
        rows = cursor.fetchall()
    found: dict[UUID, Call] = {}
    later: list[tuple[UUID, Call]] = []
    for row in rows:
        call, kind, corrects = _call(row), row[1], row[2]
        if kind == "call" or corrects is None:
            found[call.event_id] = call
        else:
            later.append((corrects, call))
    for corrects, call in later:
        found[corrects if corrects in found else call.event_id] = (
            _corrected(found[corrects], call) if corrects in found else call
        )
    return sorted(map(_settled, found.values()), key=lambda call: call.at)


def _call(row: Sequence[Any]) -> Call:
    kind, at, settled, account, attempts = row[1], row[3], row[4], row[16], row[17]
    attempts = attempts if isinstance(attempts, list) else _parsed(attempts)
    return Call(
        event_id=row[0],
        at=at,
        ended=settled if settled is not None and settled > at else at,
        counts=_counts(*row[6:11]),
        cost_nano=row[11],
        requests=1 if kind == "call" else row[18],
        estimated=kind != "adjustment" and row[12] not in (None, "provider"),
        source=row[12] or "",
        retried=_retried(attempts, account),
        upstream_id=attempts[-1].get("upstream_request_id") if attempts else None,
        earlier_ids=tuple(_named(attempts, account)),
        project_id=row[13],
        key_id=row[14],
        alias=row[15],
    )


def _parsed(text: Any) -> list[dict[str, Any]]:
    found = json.loads(text) if isinstance(text, str) else []
    return found if isinstance(found, list) else []


def _retried(attempts: Iterable[dict[str, Any]], account: str | None) -> bool:
    """Whether an earlier try of the same model at this account may have been worked at: it was no refusal."""
    return any(
        (one.get("http_status") is None or one["http_status"] < 400 or one["http_status"] >= 500)
        for one in _earlier(attempts, account)
    )


def _earlier(attempts: Iterable[dict[str, Any]], account: str | None) -> list[dict[str, Any]]:
    """Tries before the last at that account. One at another model is of that model's day, not of the call's."""
    *earlier, last = list(attempts) or [{}]
    asked = canonical(last.get("model") or "")
    return [
        one
        for one in earlier
        if one.get("account") in (account, None) and canonical(one.get("model") or "") in (asked, "")
    ]


def _named(attempts: Iterable[dict[str, Any]], account: str | None) -> list[str]:
    """How that account's provider named each earlier try, in order."""
    return [
        one["upstream_request_id"] for one in _earlier(attempts, account) if one.get("upstream_request_id")
    ]


def _corrected(call: Call, later: Call) -> Call:
    """A correction by a late settlement is the provider's own word, so is an adjustment, unless it is of a further request."""
    adds = call.requests > 0 and later.requests > 0 and bool(call.counts)
    return replace(
        call,
        added=(*call.added, later.counts) if adds else call.added,
        counts=call.counts + later.counts,
        cost_nano=None
        if call.cost_nano is None and later.cost_nano is None
        else (call.cost_nano or 0) + (later.cost_nano or 0),
        requests=call.requests + later.requests,
        estimated=call.estimated and (adds or later.estimated),
        retried=call.retried or later.retried,
        ended=max(call.ended, later.ended),
    )


def _settled(call: Call) -> Call:
    """The provider counts no request that it did not work at."""
    return call if call.counts else replace(call, requests=0)


def _counts(given: int, cached: int, written: int, longer: int, output: int) -> Counts:
    given, cached, written, output = int(given), int(cached), int(written), int(output)
    longer = written if 0 <= written < int(longer) else int(longer)
    return Counts(given - cached - written, cached, written - longer, longer, output)


def costs_by_key(
    account_id: UUID, since: datetime, until: datetime, names: Sequence[str]
) -> list[tuple[UUID | None, UUID | None, str, int]]:
    """Project, key, alias, and what their calls cost or, where nothing has a price, how many tokens they had."""
    query = f"""
SELECT project_id, key_id, coalesce(model, ''), coalesce(sum(cost_nano), 0), coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0)
FROM audit_event WHERE {WHERE} AND {NAME} = ANY(%s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    with connections["default"].cursor() as cursor:
        cursor.execute(query, [access.organization_id(), account_id, since, until, list(names)])
        rows = cursor.fetchall()
    priced = any(cost > 0 for *_, cost, _ in rows)
    weighed = [
        (project, key, alias, int(cost if priced else tokens)) for project, key, alias, cost, tokens in rows
    ]
    return [one for one in weighed if one[3] > 0]
