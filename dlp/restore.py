"""Values back in the place of their placeholders, in a text that comes in pieces.

A model may write a placeholder in another case, with other brackets or with none. What is read is decided from left to
right, by what stands there alone: at each place the longest placeholder that stands there whole. A piece's end is no end, so
what could still become a placeholder is held back, and nothing else. So any cut of a text gives the same as the whole.

In JSON (the arguments of a tool call, as they stream) a value is written as the inside of a JSON string, and escapes are
read as one sign, so that the `n` of `\\n` begins no placeholder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_PAIRS = {"[": "]", "<": ">", "{": "}", "⟦": "⟧", "【": "】", "「": "」", "［": "］"}
_END = ""  # in the trie, where a core ends; no sign is empty
_JSON_ESCAPE, _JSON_CODE = 2, 6
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Patterns:
    """The placeholders to look for, made once for all channels of an answer."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.trie: dict[str, Any] = {}
        for core, value in values.items():
            node = self.trie
            for sign in core.translate(_UPPER):
                node = node.setdefault(sign, {})
            node[_END] = value
        firsts = {sign for upper in self.trie for sign in (upper, upper.lower())}
        self.starts = frozenset(firsts | set(_PAIRS)) if firsts else frozenset()


class Restorer:
    """Of one channel: the text of a choice, or the arguments of one tool call (`in_json`)."""

    def __init__(self, patterns: Patterns, *, in_json: bool = False) -> None:
        self._patterns = patterns
        self._in_json = in_json
        self._held = ""
        self._before = ""  # the sign in front of what is held; an escape counts as a blank

    @property
    def held(self) -> str:
        return self._held

    def feed(self, piece: str) -> str:
        """What may go on by now."""
        return self._read(self._held + piece, last=False)

    def finish(self) -> str:
        """The rest; the text has come to its end."""
        return self._read(self._held, last=True)

    def _read(self, text: str, *, last: bool) -> str:
        if not self._patterns.starts:
            self._held = ""
            return text
        made: list[str] = []
        place = kept = 0  # what stands between `kept` and `place` is passed on as it is
        while place < len(text):
            sign = text[place]
            if self._in_json and sign == "\\":
                stop = place + (_JSON_CODE if text[place + 1 : place + 2] == "u" else _JSON_ESCAPE)
                if (stop > len(text) or place + 1 == len(text)) and not last:
                    break
                self._before, place = " ", min(stop, len(text))
                continue
            if sign in self._patterns.starts and not (_joins(self._before) and sign not in _PAIRS):
                found = self._match(text, place, last)
                if found is None:
                    break
                stop, value = found
                if stop:
                    made += text[kept:place], self._written(value)
                    self._before, place = text[stop - 1], stop
                    kept = stop
                    continue
            self._before = sign
            place += 1
        made.append(text[kept:place])
        self._held = text[place:]
        return "".join(made)

    def _match(self, text: str, start: int, last: bool) -> tuple[int, str] | None:
        """Where the placeholder that begins here ends, and its value; 0 if none does; None while more text may tell."""
        close = _PAIRS.get(text[start])
        node, place = self._patterns.trie, start + (close is not None)
        best: tuple[int, str] | None = None
        while True:
            if _END in node:
                best = place, node[_END]
            if place == len(text):
                if not last:
                    return None
                break
            following = node.get(text[place].translate(_UPPER))
            if following is None:
                break
            node, place = following, place + 1
        if best is None:
            return 0, ""
        return self._ended(text, best, close)

    def _ended(self, text: str, best: tuple[int, str], close: str | None) -> tuple[int, str]:
        stop, value = best
        after = text[stop : stop + 1]
        if close is None:
            return (0, "") if _joins(after) else best
        # An opening bracket whose closing one is missing belongs to the text, and so the core is read by itself.
        return (stop + 1, value) if after == close else (0, "")

    def _written(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=False)[1:-1] if self._in_json else value


def restored(text: str, patterns: Patterns, *, in_json: bool = False) -> str:
    restorer = Restorer(patterns, in_json=in_json)
    return restorer.feed(text) + restorer.finish()


def restored_pieces(pieces: Iterable[str], patterns: Patterns, *, in_json: bool = False) -> list[str]:
    """As they would be sent on; the last one is what was held at the end."""
    restorer = Restorer(patterns, in_json=in_json)
    return [*(restorer.feed(piece) for piece in pieces), restorer.finish()]


def _joins(sign: str) -> bool:
    """Whether a placeholder without brackets would be a part of a longer word there."""
    return sign == "_" or (sign.isascii() and sign.isalnum())
