"""The same sums from the ledger's single events, for what the rollups do not keep together (an end user's models, say)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from django.db import connections
from psycopg import sql

from audit.models import DroppedMonth
from billing.reports.figures import COUNTED
from billing.reports.spans import Span
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.limits import WEEKDAYS, Calendar
from quotas.sums import CONVERTED, Exchange

MOST_EVENTS = 1_000_000

# As `quotas.rollups.figures` counts them.
_FIGURES: LiteralString = """
count(*) FILTER (WHERE kind = 'call'),
coalesce(sum("count") FILTER (WHERE kind = 'refusal' AND detail ->> 'shadow' IS NULL), 0),
count(*) FILTER (WHERE kind = 'call' AND status = 'provider_failed'),
coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
coalesce(sum(cost_nano) FILTER (WHERE currency = %(currency)s), 0),
count(*) FILTER (WHERE kind = 'call' AND usage_source IS DISTINCT FROM 'provider'),
count(*) FILTER (WHERE kind = 'call' AND cost_nano IS NULL AND status IS DISTINCT FROM 'provider_failed')
"""
# What rollups count: an adjustment need not be of any key.
_WHERE: LiteralString = """
WHERE organization_id = %(organization)s AND admitted_at >= %(since)s AND admitted_at < %(until)s
AND kind <> 'act' AND (key_id IS NOT NULL OR kind = 'adjustment')"""
# An event is a call, one or more refusals, or one of the few adjustments.
_MOST_THERE: LiteralString = """
SELECT coalesce(sum(requests + refused), 0) FROM quotas_usagetotal
WHERE organization_id = %(organization)s AND starts_at >= %(since)s AND starts_at < %(until)s"""
_LOCAL: LiteralString = "(admitted_at AT TIME ZONE %(zone)s)::date"
_GROUPS: dict[str, LiteralString] = {
    "project": "project_id",
    "key": "key_id",
    "model": "coalesce(model, '')",
    "account": "account_id",
    "end_user": "CASE WHEN kind <> 'refusal' THEN nullif(end_user, '') END",
    "tag": "tag.told",
    "code": "CASE WHEN detail ->> 'shadow' IS NULL THEN code END",
    "day": _LOCAL,
    "week": f"({_LOCAL} - ((extract(isodow FROM {_LOCAL})::int + 6 - %(week)s) %% 7))",
    "month": f"(date_trunc('month', {_LOCAL} - %(late)s)::date + %(late)s)",
}
_TAGS: LiteralString = """
LEFT JOIN LATERAL (SELECT left(t.key || '=' || t.value, 256) AS told FROM jsonb_each_text(
    CASE WHEN jsonb_typeof(detail -> 'tags') = 'object' AND kind <> 'refusal' THEN detail -> 'tags' END) t) tag ON true"""
# As `quotas.sums` converts it.
_CONVERTED: LiteralString = """,
coalesce(sum(cost_nano * (%(rates)s::numeric[])[width_bucket(admitted_at, %(moments)s::timestamptz[])])
    FILTER (WHERE currency = %(currency)s), 0),
coalesce(sum(cost_nano) FILTER (WHERE currency = %(currency)s AND width_bucket(admitted_at, %(moments)s::timestamptz[]) = 0), 0)
"""
_COLUMNS = {"project_id", "key_id", "account_id", "model"}


def read(
    by: Sequence[str],
    span: Span,
    only: Mapping[str, Sequence[Any]],
    currency: str,
    calendar: Calendar,
    *,
    exchange: Exchange | None = None,
    order: str = "cost_nano",
    most: int | None = None,
) -> list[dict[str, Any]]:
    """A row for each group, named by id; `most` are the greatest by `order`. Of the organization in scope. InputError where that is too much to read."""
    values: dict[str, Any] = {
        "organization": access.organization_id(),
        "since": span.since,
        "until": span.until,
        "currency": currency,
        "zone": span.time_zone,
        "week": WEEKDAYS[calendar.week_starts],
        "late": calendar.month_starts_on - 1,
        **{column: list(wanted) for column, wanted in only.items()},
    }
    names: tuple[str, ...] = (*by, *COUNTED)
    if exchange is not None:
        values |= {"rates": list(exchange.rates), "moments": list(exchange.since)}
        names += CONVERTED
    where = sql.SQL(_WHERE) + sql.SQL("").join(_narrowed(column) for column in only)
    with connections["default"].cursor() as cursor:
        if _are_too_many(cursor, where, values):
            raise InputError(
                "by",
                f"is read from single calls, and there are more than {MOST_EVENTS:,} in these days",
                "ask for fewer days",
            )
        query = sql.SQL("SELECT {}, {} FROM audit_event {} {} GROUP BY {}").format(
            sql.SQL(", ").join(sql.SQL(_GROUPS[name]) for name in by),
            sql.SQL(_FIGURES if exchange is None else _FIGURES + _CONVERTED),
            sql.SQL(_TAGS if "tag" in by else ""),
            where,
            sql.SQL(", ").join(sql.Literal(at + 1) for at in range(len(by))),
        )
        if most is not None:
            place = len(by) + COUNTED.index(order) + 1
            query += sql.SQL(" ORDER BY {} DESC LIMIT {}").format(sql.Literal(place), sql.Literal(most))
        cursor.execute(query, values)
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _are_too_many(cursor: Any, where: sql.Composable, values: Mapping[str, Any]) -> bool:
    """Events are counted only where the rollups, which know in a moment, cannot say that they are few enough."""
    cursor.execute(_MOST_THERE, values)
    if cursor.fetchone()[0] <= MOST_EVENTS:
        return False
    counted = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM audit_event {} LIMIT {}) AS counted")
    cursor.execute(counted.format(where, sql.Literal(MOST_EVENTS + 1)), values)
    return bool(cursor.fetchone()[0] > MOST_EVENTS)


def _narrowed(column: str) -> sql.Composable:
    assert column in _COLUMNS
    kind: LiteralString = "text[]" if column == "model" else "uuid[]"
    return sql.SQL(" AND {} = ANY({}::" + kind + ")").format(sql.Identifier(column), sql.Placeholder(column))


def has_lost(span: Span) -> bool:
    """Whether the retention of single calls has ended for some of the span: rollups stay, these do not."""
    first = span.since.date().replace(day=1)
    return DroppedMonth.objects.filter(month__gte=first, month__lte=span.until.date()).exists()
