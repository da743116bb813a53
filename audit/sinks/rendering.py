"""Which events a sink wants, and what it gets to see of them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any

import orjson

from audit.events import Row, exported
from audit.sinks.base import Item
from audit.sinks.config import SinkConfig

# What terminals, viewers and parsers act on though it is no text of a line: DEL and C1 controls, direction marks and
# overrides, invisible joiners, the line ends that only some know, tags. JSON writers escape none of these by themselves.
_ACTIVE = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
DIGEST = "hmac-sha256:"


def line(event: dict[str, Any]) -> bytes:
    """The event as JSON on one line, in which no character does anything but stand for itself."""
    text = orjson.dumps(event).decode()
    return _ACTIVE.sub(_escape, text).encode()


def _escape(found: re.Match[str]) -> str:
    pair = found[0].encode("utf-16-be")
    return "".join(f"\\u{pair[at]:02x}{pair[at + 1]:02x}" for at in range(0, len(pair), 2))


class View:
    """The ledger as one sink's configuration lets it be seen."""

    def __init__(self, config: SinkConfig, digest_key: str = "") -> None:
        self._organizations = frozenset(config.organizations or ())
        self._kinds = frozenset(config.kinds or ())
        self._statuses = frozenset(config.statuses or ())
        self._projects = frozenset(config.projects or ())
        self._redact = config.redact
        self._key = digest_key.encode()

    def wants(self, row: Row) -> bool:
        """Statuses are asked of what has one: calls and their corrections."""
        return (
            (not self._organizations or row["organization"] in self._organizations)
            and (not self._kinds or row["kind"] in self._kinds)
            and (not self._statuses or row["status"] is None or row["status"] in self._statuses)
            and (not self._projects or f"{row['organization']}/{row['project']}" in self._projects)
        )

    def item(self, row: Row) -> Item:
        event = exported(row)
        for name, how in self._redact.items():
            if name in event:
                if how == "drop":
                    del event[name]
                else:
                    event[name] = _each(event[name], self._digest)
        return Item(
            event_id=row["event_id"],
            organization_id=row["organization_id"],
            organization=row["organization"],
            kind=row["kind"],
            at=row["recorded_at"],
            shard=row["shard"],
            shard_seq=row["shard_seq"],
            event=event,
            text=line(event),
        )

    def _digest(self, value: Any) -> str:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        return DIGEST + hmac.digest(self._key, text.encode(), "sha256").hex()


def _each(value: Any, digest: Callable[[Any], str]) -> Any:
    """A digest of each value inside, so that tags can still be told apart by name; names are kept."""
    if isinstance(value, dict):
        return {name: _each(item, digest) for name, item in value.items()}
    if isinstance(value, list):
        return [_each(item, digest) for item in value]
    return digest(value)
