"""Records of every process, a line each: JSON for programs, text for people. What looks like a secret is masked.

Whom a record is about stands in a context variable, which whoever takes in a request or a task sets once. It is read
only when something is logged.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from orbit.lib import access

# Our own keys, providers' and Vault's, credentials of headers, passwords in addresses: what an exception of somebody
# else's code may repeat. Nothing of ours logs them.
_SECRETS = (
    (re.compile(r"\b(orb[mo]?_)[0-9A-Za-z]{20,}"), r"\1***"),
    (re.compile(r"\b(sk-|hv[sb]\.)[\w.-]{12,}"), r"\1***"),
    (re.compile(r"\b(bearer|basic) +[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"(\w://[^/\s:@]*:)[^/\s@]+@"), r"\1***@"),
)


@dataclass(slots=True)
class About:
    """What this process is at. `organization_id` is filled in when it is known."""

    request_id: UUID | str | None = None
    organization_id: UUID | str | None = None
    task: str | None = None
    trace_id: bytes = b""


_about: ContextVar[About | None] = ContextVar("orbit_about", default=None)


def about(request_id: UUID | str | None = None, *, task: str | None = None) -> About:
    """Records of this context, and of tasks that it starts, are about this from now on."""
    made = About(request_id, task=task)
    _about.set(made)
    return made


def renamed(request_id: UUID | str) -> None:
    """What is under way has this id; whose it is is not known yet."""
    found = _about.get()
    if found is None:
        about(request_id)
    else:
        found.request_id, found.organization_id = request_id, None


def belongs(organization_id: UUID | str) -> None:
    """What is under way is this organization's, also when its scope has ended."""
    found = _about.get()
    if found is not None:
        found.organization_id = organization_id


def traced(trace_id: bytes) -> None:
    found = _about.get()
    if found is not None:
        found.trace_id = trace_id


def call_process(kind: str) -> None:
    """Names this process in its records: web, worker, beat, sinks or command."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonFormatter):
            handler.formatter.process = kind


def masked(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class JsonFormatter(logging.Formatter):
    """`fields` of a record, given as `extra={"fields": {…}}`, stand beside the others."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _moment(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(_message(record)),
            "process": self.process,
            "pid": record.process,
            **_known(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        return written(line)


class TextFormatter(logging.Formatter):
    """The same for people; of what it is about, the request's id."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of logging's own
        more = {"request": _known().get("request_id"), **getattr(record, "fields", {})}
        tail = "".join(f" {name}={value}" for name, value in more.items() if value is not None)
        return f"{super().formatMessage(record)}{tail}"

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def written(line: dict[str, Any]) -> str:
    """One line, whatever is in it."""
    try:
        return orjson.dumps(line, default=str).decode()
    except TypeError:  # half a character of UTF-16, as JSON of others may hold
        return json.dumps(line, default=str)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # logging would write the values to stderr as they are
        return f"{record.msg} (its values do not fit)"


def _known() -> dict[str, str]:
    found = _about.get() or About()
    scope = access.current()
    organization = found.organization_id or (scope.organization_id if scope is not None else None)
    told = {
        "request_id": found.request_id,
        "organization_id": organization,
        "task": found.task,
        "trace_id": found.trace_id.hex() or None,
    }
    return {name: str(value) for name, value in told.items() if value is not None}
