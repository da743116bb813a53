"""A report as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from billing.reports.figures import Figures
from billing.reports.reading import Line, Report
from console.templatetags.figures import share

SCALE = 1000  # of a bar's drawing
PRESETS = (
    ("By project", {"by": "project"}),
    ("By cost centre and model", {"by": "cost_centre,model"}),
    ("By day", {"by": "day", "range": "30d"}),
    ("By month and project", {"by": "month,project", "range": "year"}),
    ("Top keys", {"by": "key", "most": "10"}),
    ("Top end users", {"by": "end_user", "most": "10"}),
    ("Top models", {"by": "model", "most": "10"}),
    ("What failed", {"by": "code,project"}),
)


@dataclass(frozen=True, slots=True)
class Presets:
    """Reports that most people ask for, as links."""

    slug: str

    @property
    def links(self) -> list[tuple[str, str]]:
        page = reverse("reports", args=[self.slug])
        return [(title, f"{page}?{urlencode(words)}") for title, words in PRESETS]


@dataclass(frozen=True, slots=True)
class Row:
    labels: tuple[str, ...]
    figures: Figures
    is_rest: bool
    share: str
    bar: float


def table(report: Report) -> list[Row]:
    top = max((line.figures.cost_nano for line in report.lines), default=0)
    return [_row(line, report.whole.cost_nano, top) for line in report.lines]


def _row(line: Line, of: int, top: int) -> Row:
    cost = line.figures.cost_nano
    bar = round(SCALE * max(0, cost) / top, 1) if top > 0 else 0.0
    return Row(line.labels, line.figures, line.is_rest, share(max(0, cost), of) if of > 0 else "–", bar)
