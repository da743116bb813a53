"""What a command says: a table or lines for people, one JSON object for programs. Remarks go to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TextIO

from orbit.cli.profiles import plain_output

_NANO = "_nano"
_COLOURS = {"green": "32", "yellow": "33", "red": "31", "bold": "1"}
_STATES = {
    "usable": "green", "active": "green", "ok": "green", "admit": "green",
    "due": "yellow", "warn": "yellow", "suspended": "yellow", "overdue": "red",
    "expired": "red", "revoked": "red", "deleted": "red", "fail": "red", "refuse": "red",
}  # fmt: skip


class Output:
    def __init__(self, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._coloured = self._out.isatty() and not plain_output()

    def json(self, content: Any) -> None:
        print(json.dumps(content, ensure_ascii=False), file=self._out, flush=True)

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def note(self, text: str) -> None:
        print(_harmless(text, "\n"), file=self._err, flush=True)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """The columns of each row; a dot leads into an object."""
        if not rows:
            self.note("none")
            return
        head = [name.removesuffix(_NANO).replace("_", " ").upper() for name in columns]
        cells = [[shown(_found(row, name), name) for name in columns] for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        self.line(self.painted(_joined(head, widths), "bold"))
        for row in cells:
            # painted when the width is settled: a colour takes no room
            padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            self.line("  ".join(self.painted(one, _STATES.get(one.strip(), "")) for one in padded).rstrip())

    def facts(self, content: Mapping[str, Any]) -> None:
        """One thing, a line for each fact."""
        width = max((len(name) for name in content), default=0)
        for name, value in content.items():
            text = shown(value, name)
            self.line(f"{name.ljust(width)}  {self.painted(text, _STATES.get(text, ''))}")

    def painted(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colour and self._coloured else text


def shown(value: Any, name: str = "") -> str:
    """For a terminal, which must not be told what to do by a name that somebody gave."""
    match value:
        case None:
            text = "-"
        case str() | list() | dict() if not value:
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case int() if name.endswith(_NANO):
            text = f"{Decimal(value) / 10**9:.4f}"
        case list() if all(isinstance(one, str | int) for one in value):
            text = ", ".join(map(str, value))
        case list() | dict():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    return _harmless(text)


def _harmless(text: str, but: str = "") -> str:
    return "".join(one if one.isprintable() or one in but else "�" for one in text)


def _found(row: Mapping[str, Any], name: str) -> Any:
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)).rstrip()
