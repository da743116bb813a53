"""What a dashboard shows, read from the rollups in a fixed number of queries. Runs in the organization's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from console.figures.spans import Span, midnight
from orbit.lib.errors import InputError
from quotas import facets, outlook, sums
from quotas.outlook import HISTORY_DAYS, Outlook
from quotas.reports import ids_of, names_of
from quotas.rollups import QUARTER, bucket_start
from quotas.sums import OBJECTS, SUMS, Asked, Only, Row
from tenants.models import ApiKey

DIMENSIONS = {
    "project": "Project",
    "key": "Key",
    "model": "Model",
    "account": "Provider account",
    "end_user": "End user",
    "tag": "Tag",
}
RANKED = {
    "cost_nano": "Spend",
    "requests": "Calls",
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "failed": "Errors",
    "refused": "Refused",
}
SHOWN = 10
MOST_ROWS = 10_000  # of a download
NOTHING: Row = dict.fromkeys(SUMS, 0)


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose figures of which span. `narrowed` holds names as they were asked for, `only` what they stand for."""

    span: Span
    by: str = "project"
    ranked: str = "cost_nano"
    narrowed: Mapping[str, str] = field(default_factory=dict)
    only: Only = field(default_factory=dict)
    mine: bool = False

    @property
    def dimensions(self) -> dict[str, str]:
        """What it may be broken down by: clients' own words are summed by project only."""
        if set(self.only) <= {"project_id"}:
            return DIMENSIONS
        return {name: title for name, title in DIMENSIONS.items() if name in OBJECTS}

    def sums(self, *by: str, **more: Any) -> Asked:
        span = self.span
        return replace(Asked(span.since, span.until, by, self.only, str(span.zone)), **more)


@dataclass(frozen=True, slots=True)
class Moment:
    """An hour or a day with its sums, and those of its counterpart in the period before, where there is one."""

    starts_at: datetime
    ends_at: datetime
    sums: Row
    before: Row | None


@dataclass(frozen=True, slots=True)
class Course:
    moments: list[Moment]
    whole: Row
    before: Row


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a breakdown. `value` is how calls are found by it; None: those that have none, or all others."""

    label: str
    value: str | None
    sums: Row
    rest: bool = False


def asking(query: Mapping[str, str], span: Span, own_keys: Sequence[UUID] | None = None) -> Asking:
    """From an address's query. InputError names what is wrong in it."""
    narrowed = {name: query[name] for name in OBJECTS if query.get(name)}
    only = dict(ids_of(narrowed))
    if own_keys is not None:
        only["key_id"] = [one for one in only.get("key_id", own_keys) if one in set(own_keys)]
    by, ranked = query.get("by") or "project", query.get("ranked") or "cost_nano"
    asked = Asking(span, by, ranked, narrowed, only, own_keys is not None)
    if by not in DIMENSIONS:
        raise InputError("by", f"{by!r} is not known", f"choose one of {', '.join(asked.dimensions)}")
    if by not in asked.dimensions:
        raise InputError(
            "by", f"{by} is not summed for one key, model or account", "show it for a project, or for all"
        )
    if ranked not in RANKED:
        raise InputError("ranked", f"{ranked!r} is not known", f"choose one of {', '.join(RANKED)}")
    return asked


def own_keys(person_id: int) -> list[UUID]:
    """Of a member, those that have ended included."""
    return list(ApiKey.objects.filter(person_id=person_id).order_by("pk").values_list("pk", flat=True))


def course(asked: Asking) -> Course:
    """Every hour or day of the span, also those without a call."""
    span = asked.span
    rows = sums.read(asked.sums(span.step))
    earlier = sums.read(asked.sums(span.step, since=span.before_since, until=span.before_until))
    now, before = ({row[span.step]: row for row in some} for some in (rows, earlier))
    moments = [
        Moment(start, end, now.get(at, NOTHING), before.get(counterpart))
        for start, end, at, counterpart in _places(span)
    ]
    return Course(moments, sums.added(rows), sums.added(earlier))


def _places(span: Span) -> Iterator[tuple[datetime, datetime, Any, Any]]:
    """Beginning and end of each hour or day, by what rows name it, and by what they name its counterpart."""
    if span.step == "day":
        shift = span.first - span.before_since.astimezone(span.zone).date()
        for day in span.days:
            yield *span.day(day), day, day - shift
        return
    at = span.since
    while at < span.end:
        yield at, at + timedelta(hours=1), at, span.before_since + (at - span.since)
        at += timedelta(hours=1)


def groups(asked: Asking, whole: Row, most: int | None = SHOWN) -> list[Group]:
    """The greatest by what they are ranked by, and the rest as one. Calls count under each of their tags."""
    by = asked.by
    rows = sums.greatest(asked.sums(by, order=asked.ranked, most=most or MOST_ROWS))
    names = names_of([by], rows)
    found = [_group(by, row, names) for row in rows]
    if by == facets.TAG:
        return found
    rest = sums.without(whole, sums.added(rows))
    if any(rest.values()):
        label = "Others, and calls that name none" if by == facets.END_USER else "Others"
        found.append(Group(label, None, rest, rest=True))
    return found


def reasons(asked: Asking, facet: str) -> list[Group]:
    """Errors by code, or refusals by limit, the most frequent first."""
    if not set(asked.only) <= {"project_id"}:
        return []
    rows = sums.read(asked.sums(facet, order="refused", most=SHOWN * 5))
    rows.sort(key=lambda row: (-row["refused"] - row["requests"], row[facet]))
    return [Group(row[facet], row[facet], row) for row in rows[:SHOWN]]


def _group(by: str, row: Row, names: Mapping[UUID, str]) -> Group:
    value = row[by]
    if value is None or value == "":
        label = {"account": "No provider was asked", "model": "No model"}.get(by, "None")
        return Group(label, None, row)
    if by == "key":
        return Group(names.get(value, str(value)), str(value), row)
    label = names.get(value, str(value)) if isinstance(value, UUID) else str(value)
    return Group(label, None if label == facets.OTHER else label, row)


def forecast(asked: Asking, now: datetime) -> Outlook:
    """To the end of the current month, whatever span is shown."""
    zone = asked.span.zone
    today = now.astimezone(zone).date()
    first = min(today.replace(day=1), today - timedelta(days=HISTORY_DAYS))
    rows = sums.read(asked.sums("day", since=midnight(first, zone), until=_next_quarter(now)))
    costs: dict[date, int] = {row["day"]: row["cost_nano"] for row in rows}
    return outlook.month_end(costs, today, _elapsed(now, today, zone))


def _next_quarter(now: datetime) -> datetime:
    return bucket_start(now) + QUARTER


def _elapsed(now: datetime, today: date, zone: ZoneInfo) -> float:
    start, end = midnight(today, zone), midnight(today + timedelta(days=1), zone)
    return (now - start) / (end - start)
