"""An event's three shapes: as a worker sends it, as a row of the ledger, as it is exported.

A worker's event is a JSON object of column names, `admitted_us`, and `detail` for the long tail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from typing import Any
from uuid import UUID

from audit.chain import START, made_of
from orbit.lib.clock import from_us, parse, rfc3339

# Columns in the order of the table; the writer copies rows in it.
COLUMNS = (
    "event_id", "v", "kind", "organization_id", "organization", "seq", "shard", "shard_seq", "request_id", "corrects",
    "admitted_at", "settled_at", "recorded_at", "project_id", "project", "key_id", "key", "account_id", "account",
    "end_user", "surface", "endpoint", "stream", "model", "upstream_model", "status", "code", "http_status",
    "finish_reason", "usage_source", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens",
    "reasoning_tokens", "cost_nano", "currency", "price_version", "policy_version", "duration_ms", "first_token_ms",
    "count", "limit", "detail", "prev_hash", "hash",
)  # fmt: skip
UUIDS = {"event_id", "organization_id", "request_id", "corrects", "project_id", "key_id", "account_id"}
SHARED = {"organization_id", "project_id", "key_id", "account_id"}  # by many events
TIMES = {"admitted_at", "settled_at", "recorded_at"}
INTEGERS = {
    "v", "http_status", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens",
    "reasoning_tokens", "cost_nano", "duration_ms", "first_token_ms", "count",
}  # fmt: skip
LENGTHS = {
    "organization": 63, "project": 63, "key": 63, "account": 63, "end_user": 256, "surface": 16, "endpoint": 63,
    "model": 120, "upstream_model": 200, "status": 20, "code": 40, "finish_reason": 40, "usage_source": 16,
    "currency": 3, "price_version": 80, "policy_version": 200, "limit": 120,
}  # fmt: skip
# What the writer alone decides.
ASSIGNED = {"seq", "shard", "shard_seq", "recorded_at", "prev_hash", "hash"}
BIGGEST = 2**63
VERSION = 1  # the newest that this writer knows
SMALL, MEDIUM = 2**15, 2**31
BELOW = {"v": SMALL, "http_status": SMALL} | dict.fromkeys(("duration_ms", "first_token_ms", "count"), MEDIUM)

NOTHING: dict[str, Any] = dict.fromkeys(COLUMNS)
_KEPT = frozenset({str, int, bool})  # comes back from Postgres as it went in
PLAIN = "plain"  # stands beside the columns of a row whose detail is of these kinds alone, as all columns are

Row = dict[str, Any]
Conversion = Callable[[Any], Any]


class Poison(ValueError):
    """An event that no row can be made of."""


def kept_as_it_is(detail: dict[str, Any]) -> bool:
    """Whether a long tail without a backslash comes back from Postgres as it went in."""
    return made_of(detail, _KEPT)


def row(sent: Any, *, settled_us: int | None = None, simple: bool = False) -> Row:
    """A worker's event as a row, still without sequence and hash. Poison when it does not fit.

    Ids that events share are UUIDs, their own ones text.
    `simple` says that no text of it needs cleaning, which only a reader of its bytes can know cheaply.
    """
    if not isinstance(sent, Mapping):
        raise Poison("is no object")
    made: Row = NOTHING.copy()
    for name, value in sent.items():
        kind = type(value)  # nearly always what the column takes as it is
        if kind is str:
            if len(value) <= TEXTS.get(name, -1) and (simple or _text(value) is value):
                made[name] = value
                continue
        elif kind is int and name in INTEGERS and -BIGGEST < value < BIGGEST:
            made[name] = value
            continue
        convert = CONVERSIONS.get(name)
        if convert is None or value is None:
            continue
        if simple and name == "detail" and kind is dict and "hash" not in value and kept_as_it_is(value):
            made[name], made[PLAIN] = value, True
            continue
        try:
            made[name] = convert(value)
        except (TypeError, ValueError) as error:
            raise Poison(f"{name}: {error}") from error
    if "admitted_us" in sent:
        made["admitted_at"] = from_us(int(sent["admitted_us"]))
    if settled_us is not None:
        made["settled_at"] = from_us(settled_us)
    made["v"] = made["v"] or 1
    made["detail"] = made["detail"] or {}
    absent = [
        name
        for name in ("event_id", "kind", "organization_id", "organization", "admitted_at")
        if not made[name]
    ]
    if absent:
        raise Poison(f"lacks {', '.join(absent)}")
    return made


def checked(made: Row) -> Row:
    """The same row. Poison for what the table would refuse: there it would hold up the whole batch."""
    if made["v"] > VERSION:
        raise Poison(f"v: {made['v']} is newer than {VERSION}, the newest that this writer knows")
    if not isinstance(made["detail"], dict):
        raise Poison("detail is no object")
    for name, bound in BELOW.items():
        if made[name] is not None and not -bound <= made[name] < bound:
            raise Poison(f"{name}: {made[name]} is out of range")
    if made["stream"] is not None and not isinstance(made["stream"], bool):
        raise Poison("stream is neither true nor false")
    return made


_same_uuid = lru_cache(4096)(UUID)  # of what many events have in common
_same_text = lru_cache(4096)(str)
_own_text = lru_cache(8)(str)  # a call is its own request
_recorded = lru_cache(8)(rfc3339)  # a batch at once


def _own_id(value: Any) -> str:
    return str(UUID(str(value)))


def _shared_uuid(value: Any) -> UUID:
    return _same_uuid(str(value))


def _time(value: Any) -> datetime:
    return parse(str(value))


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not -BIGGEST < int(value) < BIGGEST:
        raise ValueError("out of range")
    return int(value)


def _clean(value: Any) -> Any:
    """JSON that comes back from Postgres as it went in, or its hash would not hold: no NUL, no half characters."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(name)): _clean(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | int | str:
    """As it comes back from jsonb, which has neither a negative zero nor exponents: a hash must not change on the way."""
    if not isfinite(value):
        return str(value)
    return int(Decimal(repr(value))) if abs(value) >= 1e16 else value + 0.0  # -0.0 becomes 0.0


def _text(value: str) -> str:
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _upto(length: int) -> Conversion:
    def cut(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("is no text")
        return _text(value)[:length]

    return cut


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


# How the value that a worker sends becomes the column's; it sends nothing for what the writer assigns.
CONVERSIONS: dict[str, Conversion] = {
    **{name: _upto(LENGTHS.get(name, 200)) for name in COLUMNS if name not in ASSIGNED},
    **dict.fromkeys(SHARED, _shared_uuid),
    **dict.fromkeys(UUIDS - SHARED, _own_id),
    **dict.fromkeys(TIMES - ASSIGNED, _time),
    **dict.fromkeys(INTEGERS, _integer),
    "stream": _flag,
    "detail": _clean,
}
TEXTS = {
    name: LENGTHS.get(name, 200)
    for name in COLUMNS
    if name not in {*ASSIGNED, *UUIDS, *TIMES, *INTEGERS, "stream", "detail"}
}
_TEXT_OF: tuple[tuple[str, Callable[[Any], str]], ...] = (
    *((name, _same_text if name in SHARED else _own_text) for name in sorted(UUIDS)),
    *((name, _recorded if name == "recorded_at" else rfc3339) for name in sorted(TIMES)),
)
EXPORTED = tuple(name for name in COLUMNS if name not in ("detail", "shard", "shard_seq"))
_exported = itemgetter(*EXPORTED)


def exported(source: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the outside sees it, `docs/events.md`: absent fields are left out, the long tail is flat."""
    made: dict[str, Any] = {
        name: value for name, value in zip(EXPORTED, _exported(source), strict=True) if value is not None
    }
    for name, text_of in _TEXT_OF:
        value = made.get(name)
        if value is not None and type(value) is not str:
            made[name] = text_of(value)
    for name, value in source["detail"].items():
        if value is not None:
            made.setdefault(name, value)
    return made


def chain_start(prev_hash: str) -> str:
    return prev_hash or START
