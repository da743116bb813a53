"""A chart or a breakdown as a CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from console.figures import charts
from console.figures.charts import KINDS
from console.figures.reading import Asking, Group, Moment
from orbit.lib import formulas, money
from quotas import totals
from quotas.sums import Row

FIGURES = (*(name for name in totals.SHOWN if name != "cost_nano"), "cost", *totals.TIMES)


def of_chart(name: str, moments: Sequence[Moment], asked: Asking, currency: str) -> str:
    """One line for each hour or day. Money as a decimal number, times in milliseconds."""
    _, layers = KINDS[name]
    unit = {"spend": f" ({currency})", "latency": " (ms)", "first-token": " (ms)"}.get(name, "")
    head = [f"{asked.span.step} ({asked.span.zone})", *(f"{layer.name.lower()}{unit}" for layer in layers)]
    if name not in charts.LINES:
        head.append(f"period before{unit}")
    return _written([head, *(_line(name, one, asked.span.step) for one in moments)])


def _line(name: str, moment: Moment, step: str) -> list[Any]:
    layers = KINDS[name][1]
    local = timezone.localtime(moment.starts_at)
    when = f"{local:%Y-%m-%d}" if step == "day" else local.isoformat(timespec="minutes")
    values = [layer.figure(moment) for layer in layers]
    if name not in charts.LINES:
        values.append(charts.earlier(moment, layers) if moment.before is not None else None)
    told = money.amount if name == "spend" else str
    return [when, *("" if value is None else told(value) for value in values)]


def of_groups(title: str, groups: Iterable[Group], currency: str) -> str:
    head = [title.lower(), *(f"{name} ({currency})" if name == "cost" else name for name in FIGURES)]
    return _written([head, *([formulas.safe(group.label), *_figures(group.sums)] for group in groups)])


def _figures(row: Row) -> list[Any]:
    known = {**row, "cost": money.amount(row["cost_nano"]), **totals.times(row)}
    return ["" if known[name] is None else known[name] for name in FIGURES]


def _written(rows: Iterable[Sequence[Any]]) -> str:
    """Of figures and words of ours, which begin no formula; names were made plain text."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
