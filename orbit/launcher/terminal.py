"""What a person sees while the installation runs, and the log file that has the rest."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LOG_BYTES = 10_000_000
_LOG_FILES = 5

_LEVEL = re.compile(
    r"(?:^|[\s\[])(DEBUG|INFO|LOG|NOTICE|STATEMENT|DETAIL|HINT|WARNING|ERROR|CRITICAL|FATAL|PANIC)(?=[\s:\]])"
)
_LOUD = {"WARNING", "ERROR", "CRITICAL", "FATAL", "PANIC"}
# Postgres calls it an error when a client's statement fails; the client reports that itself.
_LOUD_OF_STORES = {"FATAL", "PANIC"}


class Terminal:
    """Progress lines and warnings. One line may be open (`Migrating ... `) at a time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._open = False

    def say(self, text: str) -> None:
        if self._open:
            self._open = False
            text = f"\n{text}"
        print(text, flush=True)

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Says at once what is being done, and how long it took when it is done."""
        began = time.monotonic()
        print(f"{label} ... ", end="", flush=True)
        self._open = True
        try:
            yield
        except BaseException:
            self.say("not done.")
            raise
        took = f"{time.monotonic() - began:.1f} s"
        print(took if self._open else f"{label}: {took}", flush=True)
        self._open = False

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began


class LogBook:
    """All children's lines, each behind its child's name, in one file that cannot fill the disk.

    `as_json`: every line is an object, and so are those that reach the terminal; children that log in JSON have theirs
    kept, under `child`.
    """

    def __init__(self, directory: Path, terminal: Terminal, *, as_json: bool = False) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self.path = directory / "orbit.log"
        self.quiet = False
        self._as_json = as_json
        self._terminal = terminal
        self._handler = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
        )
        self._continues: dict[str, bool] = {}

    def line(self, source: str, text: str, *, store: bool = False) -> None:
        loud = self._is_loud(source, text, store)
        if self._as_json:
            message = shown = _as_record(source, text, loud)
        else:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            message, shown = f"{stamp} {source:<10} | {text}", f"{source} | {text}"
        self._handler.emit(logging.LogRecord(source, logging.INFO, "", 0, message, None, None))
        if loud and not self.quiet:
            self._terminal.say(shown)

    def close(self) -> None:
        self._handler.close()

    def _is_loud(self, source: str, text: str, store: bool) -> bool:
        """A line without a level (a traceback's) belongs to the one before it."""
        told = parsed(text)
        if told is not None:
            return told["level"] in _LOUD
        found = _LEVEL.search(text[:100])
        if found:
            self._continues[source] = found[1] in (_LOUD_OF_STORES if store else _LOUD)
        elif text.startswith("Traceback "):
            self._continues[source] = not store
        return self._continues.get(source, False)


def parsed(text: str) -> dict[str, Any] | None:
    """A line that a process of ours logged in JSON; None for any other."""
    if not text.startswith('{"time":'):
        return None
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("level"), str) else None


def readable(text: str) -> str:
    """A child's line as a person reads it."""
    told = parsed(text)
    if told is None:
        return text
    rest = f"\n{told['exception']}" if told.get("exception") else ""
    return f"{told['level']} {told.get('logger')}: {told.get('message')}{rest}"


def _as_record(source: str, text: str, loud: bool) -> str:
    told = parsed(text)
    if told is None:
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        told = {"time": moment, "level": "WARNING" if loud else "INFO", "logger": source, "message": text}
        told["process"] = source
    return json.dumps({**told, "child": source}, ensure_ascii=False)


def ask(question: str) -> str:
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
