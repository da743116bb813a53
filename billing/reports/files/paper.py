"""A report on paper: A4 across, the head of the table on every page, pages counted."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from billing.reports.figures import Figures
from billing.reports.reading import Report
from billing.reports.shown import UNPRICED, Column, columns, facts, heads
from orbit.lib import money

PLAIN, BOLD = "Vera", "VeraBd"
_MARGIN = 14 * mm
_LINE = colors.Color(0.75, 0.77, 0.8)
_MUTED = colors.Color(0.35, 0.37, 0.4)
_LABEL_MM, _MOST_LABEL = 34, 60


def pdf(report: Report) -> bytes:
    """Letters that the font lacks (it has Latin ones) are printed as `?`."""
    _fonts()
    content = io.BytesIO()
    made = SimpleDocTemplate(
        content,
        pagesize=landscape(A4),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + 6 * mm,
        title=_printable(report.question.title),
        author="Orbit Gateway",
        invariant=1,
    )
    styles = _styles()
    story: list[Any] = [
        _text(report.question.title, styles["title"]),
        *(_text(f"{name}: {told}", styles["fact"]) for name, told in facts(report)),
        Spacer(1, 4 * mm),
        _table(report, styles),
    ]
    if report.failures:
        story += [
            Spacer(1, 5 * mm),
            _text("What failures cost all the same", styles["head"]),
            _failures(report, styles),
        ]
    story += [_text(note, styles["fact"]) for note in report.notes]
    made.build(story, canvasmaker=_Numbered)
    return content.getvalue()


@lru_cache(maxsize=1)
def _fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))


def _styles() -> dict[str, ParagraphStyle]:
    return {
        "title": ParagraphStyle("title", fontName=BOLD, fontSize=15, leading=20, spaceAfter=2 * mm),
        "head": ParagraphStyle("head", fontName=BOLD, fontSize=10, leading=14, spaceAfter=1 * mm),
        "fact": ParagraphStyle("fact", fontName=PLAIN, fontSize=8, leading=11, textColor=_MUTED),
        "cell": ParagraphStyle("cell", fontName=PLAIN, fontSize=7, leading=9),
        "column": ParagraphStyle("column", fontName=BOLD, fontSize=7, leading=9),
        "right": ParagraphStyle("right", fontName=BOLD, fontSize=7, leading=9, alignment=2),
    }


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(_printable(text)), style)


def _printable(text: str) -> str:
    known = pdfmetrics.getFont(PLAIN).face.charToGlyph
    return "".join(letter if ord(letter) in known else "?" for letter in text)


def _table(report: Report, styles: dict[str, ParagraphStyle]) -> LongTable:
    shown, names = columns(report), heads(report) or [""]
    rows: list[list[Any]] = [
        [
            *(_text(name, styles["column"]) for name in names),
            *(_text(column.title, styles["right"]) for column in shown),
        ]
    ]
    for line in report.lines:
        labels = [_text(_short(label), styles["cell"]) for label in line.labels]
        rows.append([*labels, *(_cell(column, line.figures) for column in shown)])
    rows.append(
        [
            *("" if at else "All" for at in range(len(names))),
            *(_cell(column, report.whole) for column in shown),
        ]
    )
    return _ruled(rows, len(names), len(shown))


def _ruled(rows: list[list[Any]], labels: int, figures: int, width_mm: float | None = None) -> LongTable:
    room = (landscape(A4)[0] - 2 * _MARGIN) / mm
    each = width_mm or (room - labels * _LABEL_MM) / figures
    style = [
        ("FONT", (0, 1), (-1, -1), PLAIN, 7),
        ("ALIGN", (labels, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.75, colors.black),
        ("LINEBELOW", (0, 1), (-1, -2), 0.25, _LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("FONT", (0, -1), (-1, -1), BOLD, 7),
        ("LINEABOVE", (0, -1), (-1, -1), 0.75, colors.black),
    ]
    widths = [_LABEL_MM * mm] * labels + [each * mm] * figures
    return LongTable(rows, colWidths=widths, repeatRows=1, style=TableStyle(style), hAlign="LEFT")


def _failures(report: Report, styles: dict[str, ParagraphStyle]) -> LongTable:
    lines = report.failures or []
    rows: list[list[Any]] = [
        [
            _text("Error code", styles["column"]),
            _text("Requests", styles["right"]),
            _text(f"Cost ({report.currency})", styles["right"]),
        ]
    ]
    for line in lines:
        cost = money.legible(line.figures.cost_nano, report.currency)
        rows.append(
            [_text(_short(line.labels[0]), styles["cell"]), f"{line.figures.requests:,}", _printable(cost)]
        )
    requests = sum(line.figures.requests for line in lines)
    rows.append(["All", f"{requests:,}", _printable(money.legible(report.failed_cost_nano, report.currency))])
    return _ruled(rows, 1, 2, width_mm=32)


def _cell(column: Column, figures: Figures) -> str:
    value = column.value(figures)
    if value is None:
        return UNPRICED if column.title.startswith("Cost") else "-"
    if column.kind == "money":
        return _printable(money.legible(int(value), column.currency))
    return f"{value:,.2f} %" if column.kind == "percent" else f"{value:,}"


def _short(label: str) -> str:
    return label if len(label) <= _MOST_LABEL else f"{label[: _MOST_LABEL - 1]}…"


class _Numbered(Canvas):  # type: ignore[misc]  # the library has no types
    """Counts pages, so that each can say of how many it is one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - the library's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(PLAIN, 7)
            self.setFillColor(_MUTED)
            self.drawString(_MARGIN, 8 * mm, "Orbit Gateway")
            self.drawRightString(landscape(A4)[0] - _MARGIN, 8 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()
