"""A day in bars, drawn on the server."""

from __future__ import annotations

from dataclasses import dataclass

from console.dashboard import Hour

WIDTH, HEIGHT = 480, 120
_GAP = 0.3  # of a bar's place
_LEAST = 2.0  # what is not zero stays visible


@dataclass(frozen=True, slots=True)
class Bar:
    hour: Hour
    place_x: float
    place_width: float
    x: float
    width: float
    y: float
    height: float
    labelled: bool  # the axis has room for every sixth hour


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def bars(hours: list[Hour], measure: str) -> Chart:
    values = [getattr(hour.sums, measure) for hour in hours]
    top = max(values, default=0)
    place = WIDTH / max(len(hours), 1)
    drawn = []
    for position, (hour, value) in enumerate(zip(hours, values, strict=True)):
        height = max(_LEAST, HEIGHT * value / top) if value > 0 else 0.0
        drawn.append(
            Bar(
                hour=hour,
                place_x=round(position * place, 2),
                place_width=round(place, 2),
                x=round((position + _GAP / 2) * place, 2),
                width=round(place * (1 - _GAP), 2),
                y=round(HEIGHT - height, 2),
                height=round(height, 2),
                labelled=hour.starts_at.hour % 6 == 0,
            )
        )
    return Chart(drawn, top)
