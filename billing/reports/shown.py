"""A report as the API has it, and as a table that every kind of file prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from billing.reports import dimensions
from billing.reports.figures import Figures
from billing.reports.reading import Line, Report
from orbit.lib import money
from orbit.lib.clock import rfc3339

Kind = Literal["count", "money", "percent"]
UNPRICED, UNKNOWN = "unpriced", ""


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of each row. `value` is exact: money in nano-units, percents as numbers, None where it is not known."""

    title: str
    kind: Kind
    value: Callable[[Figures], int | float | None]
    currency: str = ""  # of money


def columns(report: Report) -> list[Column]:
    currency, whole = report.currency, report.whole
    return [
        Column(
            f"Cost ({currency})", "money", lambda one: None if one.is_unpriced else one.cost_nano, currency
        ),
        *_converted(report),
        Column("Share of cost", "percent", lambda one: _percent(one.cost_nano, whole.cost_nano)),
        Column("Requests", "count", lambda one: one.requests),
        Column("Failed", "count", lambda one: one.failed),
        Column("Refused", "count", lambda one: one.refused),
        Column("Tokens in", "count", lambda one: one.input_tokens),
        Column("Tokens out", "count", lambda one: one.output_tokens),
        Column(f"Per request ({currency})", "money", lambda one: one.cost_per_request_nano, currency),
        Column(f"Per 1,000 tokens ({currency})", "money", lambda one: one.cost_per_1k_tokens_nano, currency),
        Column("Estimated", "percent", lambda one: one.estimated_percent),
        Column("Unpriced requests", "count", lambda one: one.unpriced_requests),
    ]


def _converted(report: Report) -> list[Column]:
    """The same cost in the reporting currency, where the installation has one and there are rates."""
    steps = report.exchange
    if steps is None or not steps.rates:
        return []
    return [
        Column(
            f"Cost ({steps.currency})",
            "money",
            lambda one: None if one.is_unpriced else one.rounded_converted_nano,
            steps.currency,
        )
    ]


def _percent(part: int, of: int) -> float | None:
    return round(100 * part / of, 2) if of > 0 else None


def heads(report: Report) -> list[str]:
    return [dimensions.TITLES[name] for name in report.question.by]


def facts(report: Report) -> list[tuple[str, str]]:
    """What must stand on every report: whose, of when, in which zone, how much of it is not exact."""
    span, whole = report.span, report.whole
    local = report.made_at.astimezone(span.zone)
    complete = report.complete_until
    told = [
        ("Organization", f"{report.organization.name} ({report.organization.slug})"),
        ("Days", days(report)),
        ("Time zone", span.time_zone),
        ("Currency", report.currency),
        ("Only", ", ".join(f"{name} {value}" for name, value in report.question.narrowed.items())),
        ("Estimated", estimated(whole)),
        ("Unpriced", f"{whole.unpriced_requests:,} of {whole.requests:,} requests"),
        ("Made", f"{local:%Y-%m-%d %H:%M} {span.time_zone}"),
        (
            "Complete until",
            f"{complete.astimezone(span.zone):%Y-%m-%d %H:%M:%S}"
            if complete
            else "not known: the counting store does not answer",
        ),
    ]
    told += [
        (f"Charged in {currency}", f"{money.amount(nano)}, in no other amount of this report")
        for currency, nano in report.other_nano.items()
    ]
    return [(name, text) for name, text in told if text]


def days(report: Report) -> str:
    span = report.span
    return (
        f"{span.first:%Y-%m-%d}"
        if span.first == span.last
        else f"{span.first:%Y-%m-%d} to {span.last:%Y-%m-%d}"
    )


def estimated(whole: Figures) -> str:
    """The share of requests whose usage no provider told in full."""
    percent = whole.estimated_percent
    if percent is None:
        return "no requests"
    return f"{percent:g} % of requests have estimated usage"


def as_json(report: Report) -> dict[str, Any]:
    """What the API and `--json` answer."""
    span, by = report.span, report.question.by
    is_converted = report.exchange is not None and bool(report.exchange.rates)
    return {
        "organization": report.organization.slug,
        "currency": report.currency,
        "reporting_currency": report.exchange.currency if report.exchange else None,
        "time_zone": span.time_zone,
        "range": span.name,
        "since": rfc3339(span.since),
        "until": rfc3339(span.until),
        "first_day": span.first.isoformat(),
        "last_day": span.last.isoformat(),
        "complete_until": rfc3339(report.complete_until) if report.complete_until else None,
        "by": list(by),
        "only": dict(report.question.narrowed),
        "source": "ledger" if report.from_ledger else "rollups",
        "totals": report.whole.shown(is_converted=is_converted),
        "other_currencies": [
            {"currency": currency, "cost_nano": nano, "cost": money.amount(nano)}
            for currency, nano in report.other_nano.items()
        ],
        "failed_cost_nano": None if report.failures is None else report.failed_cost_nano,
        "failures": [
            {"code": line.values[0], **line.figures.shown(is_converted=is_converted)}
            for line in report.failures or ()
        ],
        "rows": [_row(by, line, is_converted) for line in report.lines],
        "notes": report.notes,
    }


def _row(by: tuple[str, ...], line: Line, is_converted: bool) -> dict[str, Any]:
    return {
        **dict(zip(by, line.values, strict=True)),
        "rest": line.is_rest,
        **line.figures.shown(is_converted=is_converted),
    }


def file_name(report: Report) -> str:
    """Without its ending."""
    what = "-".join(name.replace("_", "-") for name in report.question.by) or "totals"
    return f"{report.organization.slug}-{what}-{report.span.first:%Y-%m-%d}-{report.span.last:%Y-%m-%d}"
