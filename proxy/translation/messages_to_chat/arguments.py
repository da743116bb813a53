"""The arguments of a tool call, as they come in pieces."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from orbit.lib import numbers

# What Anthropic's documentation of fine-grained tool streaming advises for arguments that cannot be parsed.
INVALID = "INVALID_JSON"
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')


class Arguments:
    """Passes on a JSON object piece by piece, and knows when it is complete.

    What follows a complete object is passed over. What is no object is held back whole: `rest` has it at the end.
    """

    def __init__(self) -> None:
        self.started = False
        self.held: list[str] = []  # of what is no object
        self.complete = False
        self._depth = 0
        self._quoted = False
        self._escaped = False  # whether a backslash was the last of a piece

    def add(self, piece: str) -> str:
        """What can be passed on."""
        if self.complete:
            return ""
        if not self.started:
            piece = piece if self.held else piece.lstrip()
            if self.held or not piece.startswith("{"):
                self.held += [piece] if piece else []
                return ""
            self.started = True
        end = self._end(piece)
        self.complete = end is not None
        return piece[:end]

    def rest(self) -> str:
        """What is to be passed on when no more comes."""
        held = "".join(self.held)
        return json.dumps({INVALID: held}) if held.strip() not in ("", "null") else ""

    def _end(self, piece: str) -> int | None:
        """Where the object ends, if it does in this piece."""
        at = 0
        if self._escaped and piece:
            self._escaped, at = False, 1
        while found := (_INSIDE if self._quoted else _OUTSIDE).search(piece, at):
            mark, at = found.group(), found.end()
            if mark == '"':
                self._quoted = not self._quoted
            elif mark == "\\":
                if at == len(piece):
                    self._escaped = True
                at += 1
            elif mark in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth <= 0:
                    return at
        return None


def parsed(text: str) -> dict[str, Any]:
    """The input of a whole call. What the model wrote wrongly is kept under the name that says so."""
    try:
        found = numbers.read((text or "{}").encode())
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return {INVALID: text}
    return found if isinstance(found, dict) else {INVALID: text}
