"""A dashboard's figures as its template shows them: tiles, marked links, rows with bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.figures.charts import Chart, Point
from console.figures.links import Links
from console.figures.reading import RANKED, Asking, Group
from console.figures.spans import CHOICES
from console.templatetags.figures import compact, exact_money, money, share, took, whole
from quotas import facets, totals
from quotas.sums import Row

SCALE = 1000  # of a bar's drawing
_EVERYWHERE = ("cost_nano", "requests")
_MUCH = 10  # times as much: what a change of more is called


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    value: str
    exact: str
    note: str
    change: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    title: str
    href: str
    chosen: bool
    rare: bool = False  # not on a phone


@dataclass(frozen=True, slots=True)
class ShownRow:
    """`bar` is its share of the greatest, of SCALE."""

    group: Group
    calls: str
    only: str
    bar: float
    share: str
    duration_p95_ms: int | None
    first_token_p95_ms: int | None


@dataclass(frozen=True, slots=True)
class LinkedPoint:
    point: Point
    href: str


@dataclass(frozen=True, slots=True)
class LinkedChart:
    chart: Chart
    points: list[LinkedPoint]
    csv: str


@dataclass(frozen=True, slots=True)
class Reason:
    label: str
    href: str
    calls: int
    refused: int


def tiles(now: Row, before: Row, currency: str) -> list[Tile]:
    times, earlier = totals.times(now), totals.times(before)
    tokens, tokens_before = (row["input_tokens"] + row["output_tokens"] for row in (now, before))
    return [
        Tile(
            "Spend",
            money(now["cost_nano"], currency),
            exact_money(now["cost_nano"], currency),
            f"{whole(now['unpriced_requests'])} unpriced calls not in it" if now["unpriced_requests"] else "",
            _change(now["cost_nano"], before["cost_nano"]),
            "warn" if now["unpriced_requests"] else "",
        ),
        Tile(
            "Calls",
            compact(now["requests"]),
            whole(now["requests"]),
            f"{share(now['estimated_requests'], now['requests'])} with estimated usage"
            if now["estimated_requests"]
            else "",
            _change(now["requests"], before["requests"]),
        ),
        Tile(
            "Tokens",
            compact(tokens),
            whole(tokens),
            f"{compact(now['input_tokens'])} in, {compact(now['output_tokens'])} out",
            _change(tokens, tokens_before),
        ),
        Tile(
            "Errors",
            compact(now["failed"]),
            whole(now["failed"]),
            f"{share(now['failed'], now['requests'])} of calls" if now["requests"] else "",
            _change(now["failed"], before["failed"]),
            "bad" if now["failed"] else "",
        ),
        Tile(
            "Refused",
            compact(now["refused"]),
            whole(now["refused"]),
            "by a limit",
            _change(now["refused"], before["refused"]),
            "warn" if now["refused"] else "",
        ),
        _time("Latency, p95", "duration", times, earlier),
        _time("First token, p95", "first_token", times, earlier),
    ]


def _time(name: str, what: str, now: dict[str, int | None], before: dict[str, int | None]) -> Tile:
    p50, p95 = now[f"{what}_p50_ms"], now[f"{what}_p95_ms"]
    value = took(p95) if p95 is not None else "–"
    note = f"p50 {took(p50)}" if p50 is not None else "no such call"
    return Tile(name, value, value, note, _change(p95 or 0, before[f"{what}_p95_ms"] or 0))


def _change(now: int, before: int) -> str:
    """How it differs from the period before, in few characters."""
    if not before:
        return "none before" if now else ""
    if now >= _MUCH * before:
        return f"{now / before:,.0f} times"
    percent = round(100 * (now - before) / before)
    return f"{percent:+d}%".replace("-", "−") if percent else "as before"


def ranges(links: Links) -> list[Choice]:
    return [
        Choice(
            name, title, links.with_(**{"range": name, "from": "", "to": ""}), name == links.asked.span.name
        )
        for name, title in CHOICES.items()
        if name != "custom"
    ]


def dimensions(links: Links) -> list[Choice]:
    asked = links.asked
    return [
        Choice(name, title, links.with_(by=name), name == asked.by)
        for name, title in asked.dimensions.items()
    ]


def rankings(links: Links) -> list[Choice]:
    """The figures of a breakdown, by each of which it may be ordered."""
    return [
        Choice(
            name, title, links.with_(ranked=name), name == links.asked.ranked, rare=name not in _EVERYWHERE
        )
        for name, title in RANKED.items()
    ]


def narrowed(links: Links) -> list[Choice]:
    """What the figures are of, each with the way back to all."""
    found = []
    for name, value in links.asked.narrowed.items():
        found.append(Choice(name, value, links.with_(**{name: ""}), True))
    return found


def rows(groups: Sequence[Group], asked: Asking, links: Links) -> list[ShownRow]:
    top = max((group.sums[asked.ranked] for group in groups), default=0)
    whole_of = sum(group.sums[asked.ranked] for group in groups)
    found = []
    for group in groups:
        times = totals.times(group.sums)
        value = group.sums[asked.ranked]
        found.append(
            ShownRow(
                group,
                links.of(group, asked.by),
                links.only(group, asked.by),
                round(SCALE * max(0, value) / top, 1) if top > 0 else 0,
                share(value, whole_of) if asked.by != facets.TAG else "",
                times["duration_p95_ms"],
                times["first_token_p95_ms"],
            )
        )
    return found


def chart(drawn: Chart, hrefs: Sequence[str], csv: str) -> LinkedChart:
    """Each point with the address of its calls."""
    points = [LinkedPoint(point, href) for point, href in zip(drawn.points, hrefs, strict=True)]
    return LinkedChart(drawn, points, csv)


def reasons(groups: Sequence[Group], links: Links, facet: str) -> list[Reason]:
    """Calls are found by their code; what a limit refused never became one."""

    def address(group: Group) -> str:
        return (
            links.all_calls({"code": group.label}) if facet == facets.CODE and group.sums["requests"] else ""
        )

    return [
        Reason(group.label, address(group), group.sums["requests"], group.sums["refused"]) for group in groups
    ]
