"""A report on paper: A4 across, the head of the table on every page, pages counted."""

from __future__ import annotations

import io
import unicodedata
from itertools import groupby
from operator import itemgetter
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from billing.reports.figures import Figures
from billing.reports.files import letters
from billing.reports.files.letters import BOLD, PLAIN
from billing.reports.reading import Report
from billing.reports.shown import UNPRICED, Column, columns, facts, heads
from orbit.lib import money

_MARGIN = 14 * mm
_LINE = colors.Color(0.75, 0.77, 0.8)
_MUTED = colors.Color(0.35, 0.37, 0.4)
_LABEL_MM, _MOST_LABEL = 34, 60
_BORROWED = (
    "Chinese, Japanese and Korean letters are in no font of this file: your program shows them in its own. Where it has none, the CSV, "
    "Excel and JSON files of this report have them as they are."
)


class _Typist:
    """Sets texts letter by letter in a font that has them.

    `lacking`: letters that none has, and that are printed as `?`. `borrowed`: those in fonts that the reader's program must have.
    """

    def __init__(self) -> None:
        letters.register()
        self.lacking: set[str] = set()
        self.borrowed: set[str] = set()
        self.styles = _styles()

    def text(self, text: str, style: str) -> Paragraph:
        kind = self.styles[style]
        room = _LABEL_MM * mm - 4 if style in ("cell", "column") else landscape(A4)[0] - 2 * _MARGIN
        shown = letters.lines(text, kind.fontSize, room)
        return Paragraph("<br/>".join(map(self._marked, shown)), kind)

    def _marked(self, line: str) -> str:
        runs = groupby((self._set(letter, line) for letter in line), key=itemgetter(0))
        made = ((font, escape("".join(letter for _, letter in some))) for font, some in runs)
        return "".join(f'<font name="{font}">{part}</font>' if font else part for font, part in made)

    def plain(self, text: str) -> str:
        """In the first font alone, for what is amounts and titles of ours."""
        return "".join(letter if letters.embedded(letter) == "" else "?" for letter in text)

    def _set(self, letter: str, line: str) -> tuple[str, str]:
        """The font, "" for the style's own, and what is printed."""
        font = letters.embedded(letter)
        if font is not None:
            return font, letter
        standard = letters.eastern(letter, line)
        if standard is not None:
            self.borrowed.add(letter)
            return standard, letter
        self.lacking.add(letter)
        return "", "?"


def pdf(report: Report) -> bytes:
    """Where letters had to be replaced, or are of a font that is not in the file, the paper says so."""
    typist = _Typist()
    content = io.BytesIO()
    made = SimpleDocTemplate(
        content,
        pagesize=landscape(A4),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + 6 * mm,
        title=typist.plain(report.question.title),
        author="Orbit Gateway",
        invariant=1,
    )
    story: list[Any] = [
        typist.text(report.question.title, "title"),
        *(typist.text(f"{name}: {told}", "fact") for name, told in facts(report)),
        Spacer(1, 4 * mm),
        _table(report, typist),
    ]
    if report.failures:
        story += [
            Spacer(1, 5 * mm),
            typist.text("What failures cost all the same", "head"),
            _failures(report, typist),
        ]
    story += [typist.text(note, "fact") for note in report.notes]
    if typist.borrowed:
        story.append(typist.text(_BORROWED, "fact"))
    if typist.lacking:
        story.append(typist.text(_replaced(typist.lacking), "fact"))
    made.build(story, canvasmaker=_Numbered)
    return content.getvalue()


def _replaced(lacking: set[str]) -> str:
    scripts = sorted({unicodedata.name(one, "unknown").split()[0].capitalize() for one in lacking})
    return (
        f"{len(lacking)} different letters ({', '.join(scripts)}) are in no font of this paper, and are printed as “?”. "
        "The CSV, Excel and JSON files of this report have them as they are."
    )


def _styles() -> dict[str, ParagraphStyle]:
    return {
        "title": ParagraphStyle("title", fontName=BOLD, fontSize=15, leading=20, spaceAfter=2 * mm),
        "head": ParagraphStyle("head", fontName=BOLD, fontSize=10, leading=14, spaceAfter=1 * mm),
        "fact": ParagraphStyle("fact", fontName=PLAIN, fontSize=8, leading=11, textColor=_MUTED),
        "cell": ParagraphStyle("cell", fontName=PLAIN, fontSize=7, leading=9),
        "column": ParagraphStyle("column", fontName=BOLD, fontSize=7, leading=9),
        "right": ParagraphStyle("right", fontName=BOLD, fontSize=7, leading=9, alignment=2),
    }


def _table(report: Report, typist: _Typist) -> LongTable:
    shown, names = columns(report), heads(report) or [""]
    rows: list[list[Any]] = [
        [
            *(typist.text(name, "column") for name in names),
            *(typist.text(column.title, "right") for column in shown),
        ]
    ]
    for line in report.lines:
        labels = [typist.text(_short(label), "cell") for label in line.labels]
        rows.append([*labels, *(_cell(column, line.figures, typist) for column in shown)])
    rows.append(
        [
            *("" if at else "All" for at in range(len(names))),
            *(_cell(column, report.whole, typist) for column in shown),
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


def _failures(report: Report, typist: _Typist) -> LongTable:
    lines = report.failures or []
    rows: list[list[Any]] = [
        [
            typist.text("Error code", "column"),
            typist.text("Requests", "right"),
            typist.text(f"Cost ({report.currency})", "right"),
        ]
    ]
    for line in lines:
        label = typist.text(_short(line.labels[0]), "cell")
        rows.append([label, f"{line.figures.requests:,}", _cost(line.figures, report.currency, typist)])
    failed = report.failed
    rows.append(["All", f"{failed.requests:,}", _cost(failed, report.currency, typist)])
    return _ruled(rows, 1, 2, width_mm=32)


def _cost(figures: Figures, currency: str, typist: _Typist) -> str:
    return UNPRICED if figures.is_unpriced else typist.plain(money.legible(figures.cost_nano, currency))


def _cell(column: Column, figures: Figures, typist: _Typist) -> str:
    value = column.value(figures)
    if value is None:
        return UNPRICED if column.title.startswith("Cost") else "-"
    if column.kind == "money":
        return typist.plain(money.legible(int(value), column.currency))
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
