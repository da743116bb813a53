"""What the reports share: buckets of time, groups, pages."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .scenario import Counted

WIDTHS = {"1m": 60, "1h": 3_600, "1d": 86_400}
LIMITS = {"1m": (60, 1_440), "1h": (24, 168), "1d": (7, 31)}  # default, and most
Query = Mapping[str, Sequence[str]]


class BadRequest(Exception):
    """What the provider would answer 400 to."""


class NotFound(Exception):
    """What the provider would answer 404 to."""


def one(query: Query, name: str, default: str | None = None) -> str:
    found = query.get(name)
    if not found:
        if default is None:
            raise BadRequest(f"{name} is required")
        return default
    return found[0]


def grouped(
    calls: Iterable[Counted], names: Sequence[str], of: Callable[[Counted, str], Any]
) -> dict[tuple[Any, ...], list[Counted]]:
    found: dict[tuple[Any, ...], list[Counted]] = {}
    for call in calls:
        found.setdefault(tuple(of(call, name) for name in names), []).append(call)
    return dict(sorted(found.items(), key=lambda item: repr(item[0])))


def page(since: int, until: int, width: int, limit: int, token: str | None) -> tuple[list[int], str | None]:
    """Starts of the buckets of a page, and the token of the next."""
    first = int(base64.urlsafe_b64decode(token.removeprefix("page_"))) if token else since // width * width
    starts = list(range(first, until, width))
    following = starts[limit] if len(starts) > limit else None
    made = None if following is None else "page_" + base64.urlsafe_b64encode(str(following).encode()).decode()
    return starts[:limit], made


def limit(query: Query, width: str, most: tuple[int, int] | None = None) -> int:
    default, largest = most or LIMITS[width]
    asked = int(one(query, "limit", str(default)))
    if not 1 <= asked <= largest:
        raise BadRequest(f"limit must be from 1 to {largest}")
    return asked


def by_start(calls: Iterable[Counted], width: int) -> dict[int, list[Counted]]:
    found: dict[int, list[Counted]] = {}
    for call in calls:
        found.setdefault(call.at // width * width, []).append(call)
    return found
