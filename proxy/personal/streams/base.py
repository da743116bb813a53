"""What all formats of streams have in common: texts in pieces, each with a name, and what of them waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from proxy.personal.ways import Pieces, Way

Event = dict[str, Any]
Name = tuple[Any, ...]
MOST_TEXTS = 10_000  # of one stream


class Stream(ABC):
    """One stream's events, changed. `named`: events carry their type as a name. `end_mark` follows its last event."""

    named = True
    end_mark = b""

    def __init__(self, way: Way) -> None:
        self.way = way
        self._texts: dict[Name, tuple[Pieces, Callable[[str], Event]]] = {}

    @abstractmethod
    def changed(self, event: Event) -> list[Event] | None:
        """What is sent in its place; None where it can travel as it came. The event is changed itself."""

    @abstractmethod
    def stopped(self) -> list[Event]:
        """What ends the stream here, with a reason that clients know."""

    def rest(self) -> list[Event]:
        """What waits, as the stream is over."""
        return self._flushed(lambda name: True)

    def _fed(
        self,
        name: Name,
        holder: dict[str, Any],
        field: str,
        again: Callable[[str], Event],
        *,
        in_json: bool = False,
    ) -> bool:
        """Puts a piece of a text through. `again` makes an event of the same kind, for what is held to the end."""
        piece = holder[field]
        known = self._texts.get(name)
        pieces = self.way.pieces(in_json=in_json) if known is None else known[0]
        if known is not None or len(self._texts) < MOST_TEXTS:
            self._texts[name] = pieces, again
        holder[field] = pieces.feed(piece)
        return bool(holder[field] != piece)

    def _flushed(self, which: Callable[[Name], bool]) -> list[Event]:
        """Ends some texts."""
        made: list[Event] = []
        for name in [one for one in self._texts if which(one)]:
            pieces, again = self._texts.pop(name)
            if held := pieces.finish():
                made.append(again(held))
        return made
