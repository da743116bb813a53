"""The figures as tables that read well in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.measure import PACE_MS, PLAIN_CLIENTS, PLAIN_TOKENS, STREAM_CLIENTS, STREAM_TOKENS, Figures
from orbit.launcher import state

DOCUMENT = state.PROJECT / "docs/performance.md"

TARGETS = {
    "direct": "demo provider, called directly",
    "nginx": "nginx, a bare relay",
    "gateway1": "Orbit, 1 worker",
    "gateway2": "Orbit, 2 workers",
}
Row = Sequence[str]


def markdown(figures: Figures, facts: Mapping[str, str], runs: int) -> str:
    return "\n\n".join(
        [_facts(facts, runs), *(f"**{title}**\n\n{table(rows)}" for title, rows in _tables(figures))]
    )


def _tables(figures: Figures) -> list[tuple[str, list[Row]]]:
    return [
        (f"Plain calls, {PLAIN_CLIENTS} clients, {PLAIN_TOKENS} output tokens", _plain(figures)),
        (f"Streams of {STREAM_TOKENS} chunks, {STREAM_CLIENTS} clients", _streams(figures)),
        ("One call at a time on kept-alive connections, in ms", _alone(figures)),
        ("Beside the gateway, per plain call (1 worker)", _beside(figures)),
        ("Memory of one worker, MiB resident", _memory(figures)),
    ]


def _plain(figures: Figures) -> list[Row]:
    rows: list[Row] = [("", "calls/s", "CPU per call, µs", "of it the main thread's", "p50, ms", "p99, ms")]
    for name, title in _measured(figures, "plain.per_second"):
        at = f"{name}.plain."
        rows.append(
            (
                title,
                _number(figures, at + "per_second", 0),
                _number(figures, at + "target_us", 0),
                _number(figures, at + "target_main_us", 0),
                _number(figures, at + "p50_ms", 1),
                _number(figures, at + "p99_ms", 1),
            )
        )
    return rows


def _streams(figures: Figures) -> list[Row]:
    rows: list[Row] = [
        (
            "",
            f"CPU per chunk, a chunk each {PACE_MS} ms, µs",
            "CPU per chunk, as fast as it goes, µs",
            "chunks/s, as fast as it goes",
            "writes per chunk then",
        )
    ]
    for name, title in _measured(figures, "burst.chunk_us"):
        rows.append(
            (
                title,
                _number(figures, f"{name}.paced.chunk_us", 1),
                _number(figures, f"{name}.burst.chunk_us", 1),
                _number(figures, f"{name}.burst.chunks_per_second", 0),
                _number(figures, f"{name}.burst.pieces", 2),
            )
        )
    return rows


def _alone(figures: Figures) -> list[Row]:
    rows: list[Row] = [
        (
            "",
            "p50",
            "p99",
            "added p50",
            "added p99",
            "first token p50",
            "first token p99",
            "added p50",
            "added p99",
        )
    ]
    for name, title in _measured(figures, "alone.p50_ms"):
        row = [title]
        for kind in ("alone", "first"):
            row += [_number(figures, f"{name}.{kind}.{part}_ms", 2) for part in ("p50", "p99")]
            row += [_added(figures, name, f"{kind}.{part}_ms") for part in ("p50", "p99")]
        rows.append(row)
    return rows


def _beside(figures: Figures) -> list[Row]:
    at = "gateway1.plain."
    return [
        ("", "figure"),
        (
            "scripts run by Valkey (RESERVE, SETTLE; the ledger writer has a few of its own)",
            _number(figures, at + "scripts", 2),
        ),
        ("Valkey's time in scripts, µs", _number(figures, at + "script_us", 0)),
        ("Valkey's CPU, µs", _number(figures, at + "valkey_us", 0)),
        ("database sessions of the gateway that ran any query", _number(figures, at + "sessions_used", 0)),
        ("ledger writer's CPU (Celery worker and beat), µs", _number(figures, at + "writer_us", 0)),
        ("Postgres' CPU, for the ledger writer, µs", _number(figures, at + "postgres_us", 0)),
    ]


def _memory(figures: Figures) -> list[Row]:
    rows: list[Row] = [("", "started", "after the load")]
    for name, title in _measured(figures, "rss_started"):
        rows.append(
            (title, _number(figures, f"{name}.rss_started", 0), _number(figures, f"{name}.rss_ended", 0))
        )
    return rows


def _measured(figures: Figures, what: str) -> list[tuple[str, str]]:
    return [(name, title) for name, title in TARGETS.items() if f"{name}.{what}" in figures]


def _number(figures: Figures, name: str, digits: int) -> str:
    value = round(figures[name], digits) + 0.0  # no minus zero
    return f"{value:,.{digits}f}"


def _added(figures: Figures, name: str, what: str) -> str:
    return "" if name == "direct" else f"{figures[f'{name}.{what}'] - figures[f'direct.{what}']:.2f}"


def _facts(facts: Mapping[str, str], runs: int) -> str:
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, f"- runs: {runs}, the medians are shown"])


def table(rows: Sequence[Row]) -> str:
    """Padded, so that it reads as well unrendered."""
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]

    def line(row: Row) -> str:
        first, *rest = (
            cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in _cells(row, widths)
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def _cells(row: Row, widths: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(row, widths, strict=True)))


def rewrite(block: str, text: str) -> None:
    """Replaces what stands in docs/performance.md between the two comments that name the block."""
    begin, end = f"<!-- {block}: begin, written by bench -->", f"<!-- {block}: end -->"
    before, found, rest = DOCUMENT.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{DOCUMENT.name} lacks the comments {begin} and {end}")
    DOCUMENT.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
