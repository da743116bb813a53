"""A text with what hides a value undone: `%40`, `&#64;`, signs without width between letters; and where each sign stood."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dlp.findings import Finding

_WIDTHLESS = "\u00ad\u200b-\u200f\u2060\ufeff"
# Without one of these a text is not looked at twice; blanks and slashes of links are written so in every other text.
_TELLING = re.compile(rf"%40|&#0{{0,4}}64;|&#[xX]0{{0,4}}40;|&commat;|[\w.@+-][{_WIDTHLESS}]+[\w.@+-]")
_WRITTEN = re.compile(
    rf"%(?P<hex>[2-7][0-9A-Fa-f])|(?P<named>&(?:#\d{{2,7}}|#[xX][0-9A-Fa-f]{{2,6}}|commat|period);)|[{_WIDTHLESS}]+"
)


@dataclass(frozen=True)
class Shown:
    """`places` has for each sign of `text` where it stood, and last where the text ended."""

    text: str
    places: tuple[int, ...]

    def back(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Those with something hidden in them, in their places; others are found without this."""
        for one in findings:
            start, stop = self.places[one.start], self.places[one.end]
            if stop - start != one.end - one.start:
                yield replace(one, start=start, end=stop)


def shown(text: str) -> Shown | None:
    """None for a text that hides nothing."""
    if _TELLING.search(text) is None:
        return None
    made: list[str] = []
    places: list[int] = []
    place = 0
    for found in _WRITTEN.finditer(text):
        made.append(text[place : found.start()])
        places += range(place, found.start())
        sign = _sign(found)
        made.append(sign)
        places += [found.start()] * len(sign)
        place = found.end()
    made.append(text[place:])
    return Shown("".join(made), (*places, *range(place, len(text)), len(text)))


def _sign(found: re.Match[str]) -> str:
    if found["hex"]:
        return chr(int(found["hex"], 16))
    return html.unescape(found["named"])[:1] if found["named"] else ""
