"""A report made: from the rollups, or from single events where they do not keep what is asked for together.

Runs in the organization's scope, in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from redis.exceptions import RedisError

from billing.exchange import rates
from billing.exchange.rates import Steps
from billing.reports import dimensions, ledger, spans
from billing.reports.asked import MOST_ROWS, Question
from billing.reports.figures import COUNTED, Figures
from billing.reports.spans import Span
from orbit.lib import money
from orbit.lib.errors import InputError
from quotas import facets, outlook, sums, totals, usage
from quotas.limits import WEEKDAYS, Calendar
from quotas.outlook import HISTORY_DAYS, Outlook
from quotas.policies import calendar_of
from quotas.reports import ids_of, names_of
from quotas.rollups import QUARTER, bucket_start
from quotas.sums import DATES, Asked, Exchange
from tenants.models import Organization, Project

NOBODY = {
    "project": "No project",
    "key": "No key",
    "account": "No provider was asked",
    "model": "No model",
    "end_user": "No end user named",
    "tag": "No tag",
    "code": "No error",
    "cost_centre": "No cost centre",
}
REST = "Others"
REST_OF = {"code": "No error, and others", "end_user": "Others, and calls that name none"}
Only = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `values` are what the API says (None: nobody), `labels` what people read. `is_rest`: all others as one."""

    values: tuple[str | None, ...]
    labels: tuple[str, ...]
    figures: Figures
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`lines` add up to `whole`, except by tag, of which a call may have several.

    `other_nano` is what was charged in other currencies than the organization's present one: never added to it.
    """

    question: Question
    organization: Organization
    span: Span
    made_at: datetime
    complete_until: datetime | None
    whole: Figures
    lines: list[Line]
    failures: list[Line] | None  # None: too many calls to look through
    other_nano: dict[str, int] = field(default_factory=dict)
    from_ledger: bool = False
    notes: list[str] = field(default_factory=list)
    exchange: Steps | None = None  # None: in no other currency

    @property
    def currency(self) -> str:
        return self.organization.currency

    @property
    def failed(self) -> Figures:
        """Of calls that did not end well."""
        return Figures.added(line.figures for line in self.failures or ())

    @property
    def failed_cost_nano(self) -> int:
        return self.failed.cost_nano


@dataclass(frozen=True, slots=True)
class _Reader:
    """What all readings of one report share."""

    question: Question
    organization: Organization
    span: Span
    only: Only
    calendar: Calendar
    steps: Steps | None

    @property
    def exchange(self) -> Exchange | None:
        if self.steps is None or not self.steps.rates:
            return None
        return Exchange(self.steps.since, self.steps.rates)

    def asked(self, *by: str, **more: Any) -> Asked:
        made = Asked(
            self.span.since,
            self.span.until,
            by,
            self.only,
            self.span.time_zone,
            figures=COUNTED,
            currency=self.organization.currency,
            week_starts=WEEKDAYS[self.calendar.week_starts],
            month_starts_on=self.calendar.month_starts_on,
            exchange=self.exchange,
        )
        return replace(made, **more)


def report(organization: Organization, question: Question, as_of: datetime | None = None) -> Report:
    """Ranges are those of `as_of`, by default of now. InputError names what is wrong in the question, or too much."""
    now = datetime.now(UTC)
    calendar = calendar_of(organization)
    span = spans.chosen(question.words, calendar, as_of or now)
    known = rates.steps(organization.currency, span.until)
    reader = _Reader(question, organization, span, ids_of(question.narrowed), calendar, known)
    (whole_row,) = sums.read(reader.asked())
    whole = Figures.of(whole_row)
    from_ledger = not dimensions.from_rollups(question.by, list(question.narrowed))
    return Report(
        question,
        organization,
        span,
        now,
        _complete_until(organization, now),
        whole,
        _lines(reader, whole, from_ledger=from_ledger) if question.by else [],
        _failures(reader),
        _other_currencies(reader),
        from_ledger,
        _notes(reader, whole, from_ledger=from_ledger),
        known,
    )


def _complete_until(organization: Organization, now: datetime) -> datetime | None:
    try:
        return usage.complete_until(organization.shard, now)
    except (RedisError, OSError):
        return None  # the store is away; the report says that it does not know


def _lines(reader: _Reader, whole: Figures, *, from_ledger: bool) -> list[Line]:
    question = reader.question
    rows = _from_ledger(reader) if from_ledger else _from_rollups(reader)
    if len(rows) > MOST_ROWS:
        raise InputError(
            "by", f"makes more than {MOST_ROWS:,} rows", "ask for less time, or for one project or model"
        )
    lines = _named(reader, rows)
    lines.sort(key=lambda line: _order(question, line))
    shown = lines if question.most is None else lines[: question.most]
    if facets.TAG in question.by:
        return shown
    rest = whole.without(Figures.added(line.figures for line in shown))
    if not rest.is_empty:
        blank = ("",) * (len(question.by) - 1)
        label = next((words for name, words in REST_OF.items() if name in question.by), REST)
        shown = [*shown, Line((None,) * len(question.by), (label, *blank), rest, is_rest=True)]
    return shown


def _is_cut(question: Question) -> bool:
    """Whether the greatest rows of the report are the greatest that are read: no others are needed then."""
    return question.most is not None and "cost_centre" not in question.by and question.by[0] not in DATES


def _from_rollups(reader: _Reader) -> list[dict[str, Any]]:
    question = reader.question
    by = dimensions.columns(question.by)
    if _is_cut(question):
        return sums.greatest(reader.asked(*by, order=question.order, most=question.most))
    asked = reader.asked(*by, most=MOST_ROWS + 1)
    rows = sums.read(asked)
    if asked.facet in facets.ENDLESS and len(rows) <= MOST_ROWS:
        rows += totals.unsaid(asked, rows)
    return rows


def _from_ledger(reader: _Reader) -> list[dict[str, Any]]:
    question = reader.question
    return ledger.read(
        dimensions.columns(question.by),
        reader.span,
        reader.only,
        reader.organization.currency,
        reader.calendar,
        exchange=reader.exchange,
        order=question.order,
        most=question.most if _is_cut(question) and question.most else MOST_ROWS + 1,
    )


def _named(reader: _Reader, rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """One line for each group of the question: rows of projects become those of their cost centres."""
    by = reader.question.by
    names = names_of(dimensions.columns(by), rows)
    centres: dict[UUID, str] = {}
    if "cost_centre" in by:
        centres = dict(Project.objects.values_list("pk", "cost_centre"))
    found: dict[tuple[str | None, ...], Figures] = {}
    for row in rows:
        values = tuple(_value(name, row, names, centres) for name in by)
        figures = Figures.of(row)
        found[values] = Figures.added((found[values], figures)) if values in found else figures
    return [
        Line(values, tuple(_label(name, value) for name, value in zip(by, values, strict=True)), figures)
        for values, figures in found.items()
        if not figures.is_empty
    ]


def _value(
    name: str, row: Mapping[str, Any], names: Mapping[UUID, str], centres: Mapping[UUID, str]
) -> str | None:
    if name == "cost_centre":
        return centres.get(row["project"]) or None
    value = row[name]
    if isinstance(value, UUID):
        return names.get(value, str(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if value not in (None, "") else None


def _label(name: str, value: str | None) -> str:
    return value if value is not None else NOBODY.get(name, "None")


def _order(question: Question, line: Line) -> tuple[Any, ...]:
    """By time where that comes first; what was used most before all else otherwise."""
    size = -getattr(line.figures, question.order)
    if question.by[0] in DATES:
        return (line.values[0] or "", size, line.labels)
    return (size, line.labels)


def _failures(reader: _Reader) -> list[Line] | None:
    """Calls that did not end well, by their code, and what they cost all the same; None where that is too much to read."""
    if set(reader.only) <= {"project_id"}:
        rows = sums.read(reader.asked("code", most=MOST_ROWS))
    else:
        try:
            rows = ledger.read(
                ["code"], reader.span, reader.only, reader.organization.currency, reader.calendar
            )
        except InputError:
            return None
    lines = [
        Line((row["code"],), (row["code"],), Figures.of(row))
        for row in rows
        if row["code"] and (row["requests"] or row["cost_nano"])
    ]
    return sorted(lines, key=lambda line: (-line.figures.cost_nano, -line.figures.requests, line.labels))


def _other_currencies(reader: _Reader) -> dict[str, int]:
    rows = sums.read(reader.asked("currency", currency="", exchange=None))
    own = reader.organization.currency
    return {
        row["currency"]: row["cost_nano"]
        for row in rows
        if row["currency"] not in ("", own) and row["cost_nano"]
    }


def _notes(reader: _Reader, whole: Figures, *, from_ledger: bool) -> list[str]:
    by, notes = reader.question.by, list[str]()
    if whole.unpriced_requests:
        notes.append(
            f"{whole.unpriced_requests:,} requests had no price. What they cost is not known and not in any amount."
        )
    if reader.steps is not None:
        notes += _of_exchange(reader.steps, whole, reader.organization.currency)
    if facets.TAG in by:
        notes.append("A call counts under each of its tags, so rows add up to more than the whole.")
    if from_ledger:
        notes.append("Read from single calls, because sums by all of this at once are not kept.")
        if ledger.has_lost(reader.span):
            notes.append("Single calls of some of these days are no longer kept: they are among the others.")
    elif {facets.END_USER, facets.TAG} & set(by):
        notes.append(
            "Of one day only so many end users and tags are told apart; the rest are summed as (other)."
        )
    if "cost_centre" in by:
        notes.append("Projects count under the cost centre that they have today.")
    return notes


def _of_exchange(steps: Steps, whole: Figures, own: str) -> list[str]:
    if not steps.rates:
        return [f"There is no rate from {own} to {steps.currency} for these days."]
    told = [
        f"Amounts in {steps.currency} are each day’s cost at the rate of that day (UTC); rates from: {steps.source}."
    ]
    if whole.unconverted_nano:
        left = money.legible(whole.unconverted_nano, own)
        told.append(f"{left} is from before the first rate, and in no amount of {steps.currency}.")
    return told


def forecast(organization: Organization, only: Only, now: datetime, per: str = "month") -> Outlook:
    """To the end of the period of the organization's calendar that holds `now`."""
    calendar = calendar_of(organization)
    begins, ends = spans.period(per, calendar, now)
    zone = ZoneInfo(calendar.time_zone)
    today = now.astimezone(zone).date()
    first = min(begins, spans.midnight(today - timedelta(days=HISTORY_DAYS), zone))
    asked = Asked(
        first,
        bucket_start(now.astimezone(UTC)) + QUARTER,
        ("day",),
        only,
        calendar.time_zone,
        figures=("cost_nano",),
        currency=organization.currency,
    )
    costs = {row["day"]: row["cost_nano"] for row in sums.read(asked)}
    start = spans.midnight(today, zone)
    length = spans.midnight(today + timedelta(days=1), zone) - start
    return outlook.period_end(
        costs,
        today,
        (now - start) / length,
        begins_on=begins.astimezone(zone).date(),
        ends_on=(ends - timedelta(microseconds=1)).astimezone(zone).date(),
    )
