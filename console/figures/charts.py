"""Figures over time as SVG that the server draws: bars on each other, or lines. Geometry only; templates hold the marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format

from console.figures.reading import Moment
from console.templatetags.figures import compact, money, took, whole
from quotas import histogram

WIDTH, HEIGHT = 480, 150
_GAP = 0.25  # of a bar's place
_LEAST = 2.0  # what is not zero stays visible
_LABELS = 6

Figure = Callable[[Moment], int | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the figures of a chart. `tone` is the class it is drawn in."""

    name: str
    tone: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Mark:
    tone: str
    x: float
    y: float
    width: float = 0
    height: float = 0


@dataclass(frozen=True, slots=True)
class Point:
    """An hour or a day: its place on the axis, what is drawn there, and what is said of it."""

    moment: Moment
    name: str
    said: str
    figures: list[str]
    place_x: float
    place_width: float
    marks: list[Mark]
    before_y: float | None
    label: str  # on the axis; "" where there is no room

    @property
    def bar_x(self) -> float:
        return round(self.place_x + self.place_width * _GAP / 2, 2)

    @property
    def bar_end_x(self) -> float:
        return round(self.place_x + self.place_width * (1 - _GAP / 2), 2)


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    title: str
    layers: Sequence[Layer]
    points: list[Point]
    paths: list[tuple[str, str]]  # classes and paths: all that is drawn, in few elements
    grid: list[tuple[str, str]]  # height and what it stands for
    is_empty: bool
    has_before: bool
    width: int = WIDTH
    height: int = HEIGHT


def _sum(name: str) -> Figure:
    return lambda moment: int(moment.sums[name])


def _part(column: str, part: float) -> Figure:
    return lambda moment: histogram.percentile(moment.sums[column], part)


def _answered(moment: Moment) -> int:
    return int(moment.sums["requests"] - moment.sums["failed"])


SPEND = (Layer("Spend", "accent", _sum("cost_nano")),)
CALLS = (
    Layer("Answered", "accent", _answered),
    Layer("Errors", "bad", _sum("failed")),
    Layer("Refused", "warn", _sum("refused")),
)
TOKENS = (
    Layer("In", "accent", _sum("input_tokens")),
    Layer("Out", "held", _sum("output_tokens")),
)
LATENCY = (Layer("p50", "accent", _part("durations", 0.5)), Layer("p95", "warn", _part("durations", 0.95)))
FIRST_TOKEN = (
    Layer("p50", "accent", _part("first_tokens", 0.5)),
    Layer("p95", "warn", _part("first_tokens", 0.95)),
)
KINDS: dict[str, tuple[str, tuple[Layer, ...]]] = {
    "spend": ("Spend", SPEND),
    "calls": ("Calls", CALLS),
    "tokens": ("Tokens", TOKENS),
    "latency": ("Latency", LATENCY),
    "first-token": ("Time to first token", FIRST_TOKEN),
}
LINES = {"latency", "first-token"}


def drawn(name: str, moments: Sequence[Moment], step: str, currency: str) -> Chart:
    """One of KINDS, in the time zone that is active."""
    title, layers = KINDS[name]
    return chart(name, title, layers, moments, step, _reader(name, currency), is_lines=name in LINES)


def chart(
    name: str,
    title: str,
    layers: Sequence[Layer],
    moments: Sequence[Moment],
    step: str,
    shown: Callable[[int], str],
    *,
    is_lines: bool = False,
) -> Chart:
    """In the time zone that is active. `shown` writes a figure."""
    values = [[layer.figure(moment) for layer in layers] for moment in moments]
    heights = [value for row in values for value in (row if is_lines else [sum(v or 0 for v in row)])]
    before = [None if is_lines or one.before is None else earlier(one, layers) for one in moments]
    top = max((value for value in (*heights, *before) if value is not None), default=0)
    scale = _nice(top, name)
    place = WIDTH / max(len(moments), 1)
    points = []
    for at, (moment, row) in enumerate(zip(moments, values, strict=True)):
        left = at * place
        marks = (
            _dots(row, layers, left + place / 2, scale)
            if is_lines
            else _bars(row, layers, left, place, scale)
        )
        figures = [shown(value) if value is not None else "–" for value in row]
        name_of_it = _named(moment, step)
        points.append(
            Point(
                moment=moment,
                name=name_of_it,
                said=_said(name_of_it, layers, figures, shown, before[at]),
                figures=figures,
                place_x=round(left, 2),
                place_width=round(place, 2),
                marks=marks,
                before_y=None if before[at] is None else _y(before[at] or 0, scale),
                label=_on_axis(moment, step) if at % max(1, -(-len(moments) // _LABELS)) == 0 else "",
            )
        )
    paths = _lines(points, layers) if is_lines else _blocks(points, layers)
    grid = [(str(_y(part, scale)), _short(shown(part))) for part in (scale, scale // 2)] if top else []
    has_before = any(one is not None for one in before)
    return Chart(name, title, layers, points, paths, grid, not top, has_before)


def _reader(name: str, currency: str) -> Callable[[int], str]:
    if name == "spend":
        return lambda value: money(value, currency)
    return took if name in LINES else (whole if name == "calls" else compact)


def earlier(moment: Moment, layers: Sequence[Layer]) -> int:
    assert moment.before is not None
    before = Moment(moment.starts_at, moment.ends_at, moment.before, None)
    return sum(layer.figure(before) or 0 for layer in layers)


def _bars(
    row: Sequence[int | None], layers: Sequence[Layer], left: float, place: float, scale: int
) -> list[Mark]:
    marks, base = [], float(HEIGHT)
    for layer, value in zip(layers, row, strict=True):
        if value is not None and value > 0:
            height = max(_LEAST, HEIGHT * value / scale)
            base = max(0.0, base - height)
            x, width = left + place * _GAP / 2, place * (1 - _GAP)
            marks.append(Mark(layer.tone, round(x, 2), round(base, 2), round(width, 2), round(height, 2)))
    return marks


def _dots(row: Sequence[int | None], layers: Sequence[Layer], x: float, scale: int) -> list[Mark]:
    return [
        Mark(layer.tone, round(x, 2), _y(value, scale))
        for layer, value in zip(layers, row, strict=True)
        if value is not None
    ]


def _blocks(points: Sequence[Point], layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """All bars of a tone in one path, and all marks of the period before in another."""
    drawn = []
    for layer in layers:
        marks = [mark for point in points for mark in point.marks if mark.tone == layer.tone]
        path = "".join(f"M{one.x} {one.y}h{one.width}v{one.height}h-{one.width}z" for one in marks)
        drawn.append((f"chart-{layer.tone}", path))
    earlier = [point for point in points if point.before_y is not None]
    before = "".join(f"M{one.bar_x} {one.before_y}H{one.bar_end_x}" for one in earlier)
    return [*drawn, ("chart-before", before)]


def _lines(points: Sequence[Point], layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """From point to point, with a gap where there was none; and a dot at each."""
    drawn = []
    for layer in layers:
        line, dots, drawing = [], [], False
        for point in points:
            mark = next((one for one in point.marks if one.tone == layer.tone), None)
            if mark is not None:
                line.append(f"{'L' if drawing else 'M'}{mark.x} {mark.y}")
                dots.append(f"M{mark.x} {mark.y}h0")
            drawing = mark is not None
        drawn += [(f"chart-line-{layer.tone}", "".join(line)), (f"chart-dots-{layer.tone}", "".join(dots))]
    return drawn


def _y(value: int, scale: int) -> float:
    return round(HEIGHT - HEIGHT * min(value, scale) / scale, 2) if scale else float(HEIGHT)


def _nice(top: int, name: str) -> int:
    """The next round figure, an even one."""
    power = 2
    while power * 50 < top:
        power *= 10
    return next((power * step for step in range(1, 51) if power * step >= top), top)


def _short(figure: str) -> str:
    """An amount without zeros that say nothing: $0.0800 is $0.08 beside a line."""
    return re.sub(r"(\.\d\d\d*?)0+$", r"\1", figure)


def _named(moment: Moment, step: str) -> str:
    local = timezone.localtime(moment.starts_at)
    return date_format(local, "j M H:i" if step == "hour" else "D j M")


def _on_axis(moment: Moment, step: str) -> str:
    return date_format(timezone.localtime(moment.starts_at), "H:i" if step == "hour" else "j M")


def _said(
    name: str,
    layers: Sequence[Layer],
    figures: Sequence[str],
    shown: Callable[[int], str],
    before: int | None,
) -> str:
    if len(layers) == 1:
        parts = list(figures)
    else:
        parts = [f"{layer.name.lower()} {figure}" for layer, figure in zip(layers, figures, strict=True)]
    if before is not None:
        parts.append(f"the period before {shown(before)}")
    return f"{name}: {', '.join(parts)}"
