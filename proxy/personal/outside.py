"""A body's texts before inspectors outside of the gateway, and what becomes of it then."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from dlp.findings import Finding
from dlp.policy import Action, Decided, Direction, Named, apart
from dlp.walk import Place, Shape, Text, walked
from orbit.lib.errors import Code, OrbitError
from proxy.personal.inspection import Inspection, blocked
from proxy.personal.outward import Judged, Outward

AT_ONCE = 20_000  # bytes of a body that is walked in the event loop
T = TypeVar("T")


@dataclass
class Seen:
    """A body as its inspectors leave it. `refused` counts what it is refused for, by type and place."""

    body: Any
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)


async def seen(
    inspection: Inspection, outward: Outward, named: Sequence[Named], body: Any, shape: Shape, size: int,
    direction: Direction,
) -> Seen:  # fmt: skip
    """ValueError for a body that is nested too deep."""
    places: dict[str, Place] = await _work(inspection, size, partial(_places, body, shape))
    if not places:
        return Seen(body)
    judged = await outward.look(inspection.policy, named, places, direction)
    if not judged:
        return Seen(body)
    return await _work(inspection, size, partial(_changed, inspection, judged, body, shape, direction))


def check(outward: Outward, named: Sequence[Named], direction: Direction) -> None:
    """NOT_INSPECTED where an inspector that must have looked has not."""
    failing = outward.failing(named, direction)
    if failing is None:
        return
    name, why = failing
    raise OrbitError(
        Code.NOT_INSPECTED,
        f"The policy of this key has requests inspected by {name!r}, and this one was not ({why}). Nothing was sent. "
        + ("Send less." if why == "cap" else "Try again; if that does not help, ask your admins."),
        retry_after_s=1,
    )


def check_form(outward: Outward, named: Sequence[Named], body: Mapping[str, Any]) -> None:
    """INVALID_REQUEST where an answer in the form that is asked for cannot be inspected and must be."""
    form = next((name for name in ("stream", "background") if body.get(name)), None)
    for one in named:
        if form is None:
            return
        if one.refuses:
            raise OrbitError(
                Code.INVALID_REQUEST,
                f"The policy of this key has answers inspected by {one.name!r}, which sees whole answers alone. "
                f"Send the request without {form}.",
                param=form,
            )
        outward.miss(one, Direction.ANSWER, form)


async def _work(inspection: Inspection, size: int, work: Callable[[], T]) -> T:
    if size <= AT_ONCE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(inspection.threads, work)


def _places(body: Any, shape: Shape) -> dict[str, Place]:
    """Every text once, with where it stands first."""
    found: dict[str, Place] = {}

    def listed(text: Text) -> str:
        if text.value.strip():
            found.setdefault(text.value, text.place)
        return text.value

    walked(body, shape, listed)
    return found


def _changed(
    inspection: Inspection, judged: Mapping[str, Judged], body: Any, shape: Shape, direction: Direction
) -> Seen:
    made = Seen(body)
    ours = _Ours(inspection)

    def change(text: Text) -> str:
        found = judged.get(text.value)
        if found is None:
            return text.value
        spans = apart(piece for one in found.spans for piece in ours.left(one, text.value))
        for decided in (found.whole, spans):
            inspection.note(decided, text.place, direction)
            for one in blocked(decided):
                made.refused[one.finding.kind, text.place.value] += 1
        return inspection.replaced(text, spans, direction)

    made.body = walked(body, shape, change)
    return made


class _Ours:
    """What stands in a text for a value already. An inspector may take it for a name, and it must stay as it is."""

    def __init__(self, inspection: Inspection) -> None:
        kinds = {
            kind
            for kind, _, _, action, shadow in inspection.found
            if not shadow and action not in (Action.LOG.value, Action.BLOCK.value)
        }
        forms = [*map(re.escape, inspection.placeholders.values)]
        forms += [f"{re.escape(kind)}(?:#[0-9a-f]+)?" for kind in sorted(kinds)]
        self._form = re.compile(rf"\[(?:{'|'.join(forms)})\]") if forms else None

    def left(self, decided: Decided, text: str) -> Iterator[Decided]:
        """The finding without them."""
        finding = decided.finding
        start = finding.start
        if self._form is not None:
            for ours in self._form.finditer(text):
                if ours.end() > start and ours.start() < finding.end:
                    yield from _piece(decided, start, ours.start(), text)
                    start = ours.end()
            if start == finding.start:
                yield decided
                return
        yield from _piece(decided, start, finding.end, text)


def _piece(decided: Decided, start: int, end: int, text: str) -> Iterator[Decided]:
    if start < end and any(sign.isalnum() for sign in text[start:end]):
        one = decided.finding
        yield replace(decided, finding=Finding(start, end, one.kind, one.score, one.rule))
