"""New rows as COPY's text format has them, made of what was written for their hashes: nothing is written twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import orjson

from audit import events
from audit.events import Row

# Columns in the order in which rows are copied: what is an event's own, who called, what was asked, the rest. Values of
# the second and the third group come again and again, so that they are written once for many events (`audit.usual`).
COUNTS = (
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_nano",
    "duration_ms", "first_token_ms",
)  # fmt: skip
OWN = (
    "event_id",
    "request_id",
    "admitted_at",
    "settled_at",
    "end_user",
    *COUNTS,
    "seq",
    "shard_seq",
    "prev_hash",
    "hash",
)
WHO = (
    "organization_id", "organization", "project_id", "project", "key_id", "key", "account_id", "account", "currency",
    "policy_version",
)  # fmt: skip
WHAT = (
    "v", "kind", "surface", "endpoint", "stream", "model", "upstream_model", "status", "code", "http_status",
    "finish_reason", "usage_source", "price_version",
)  # fmt: skip
REST = ("corrects", "count", "limit", "shard", "recorded_at", "retention", "detail")
STORED = (*OWN, *WHO, *WHAT, *REST)
DETAIL = STORED.index("detail")
TOLD = tuple((STORED.index(name), name) for name in sorted(events.UUIDS | events.TIMES))
_stored = itemgetter(*STORED)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
ABSENT = "\\N"


def line(row: Row, told: dict[str, Any], written: bytes) -> str:
    """A row that is exported as `told`, whose canonical form is `written`."""
    values: list[Any] = list(_stored(row))
    for at, name in TOLD:
        if values[at] is not None:
            values[at] = told[name]
    values[DETAIL] = None
    if b"\\" in written:  # JSON escapes whatever COPY wants escaped; so nothing of most rows does
        values = [value.translate(_ESCAPES) if type(value) is str else value for value in values]
    values[DETAIL] = _json(row["detail"]).replace("\\", "\\\\")
    return f"{joined(values)}\n"


def joined(values: Iterable[Any]) -> str:
    """Values of columns that stand side by side; texts among them have nothing that COPY wants escaped."""
    return "\t".join(
        [ABSENT if value is None else value if type(value) is str else str(value) for value in values]
    )


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # nests deeper than it goes, or has larger integers
        return json.dumps(value)
