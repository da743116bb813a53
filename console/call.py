"""One call in full, as labelled rows."""

from __future__ import annotations

from typing import Any

from audit.models import Event
from console.templatetags.figures import exact_money, whole

Row = tuple[str, Any]
Section = tuple[str, list[Row]]


def sections(call: Event) -> list[Section]:
    return [
        ("What was asked", _asked(call)),
        ("How it ended", _ended(call)),
        ("What it was charged by", _charged(call)),
        ("Where it stands in the ledger", _ledger(call)),
    ]


def _asked(call: Event) -> list[Row]:
    tags: dict[str, str] = call.detail.get("tags") or {}
    return [
        ("Project", call.project),
        ("Key", call.key),
        ("End user", call.end_user or "not given"),
        ("Model", call.model),
        ("Endpoint", call.endpoint),
        ("Streamed", None if call.stream is None else "yes" if call.stream else "no"),
        ("Tags", ", ".join(f"{name}={value}" for name, value in tags.items()) or "none"),
        ("From", call.detail.get("client_ip")),
        ("Client", call.detail.get("user_agent")),
    ]


def _ended(call: Event) -> list[Row]:
    return [
        ("Status", call.status),
        *([("Error code", call.code)] if call.code else []),
        ("HTTP status", call.http_status),
        ("Finish reason", call.finish_reason),
        ("Account", call.account),
        ("Provider’s model", call.upstream_model),
        ("Settled at", call.settled_at and f"{call.settled_at:%Y-%m-%d %H:%M:%S.%f} UTC"),
    ]


def _charged(call: Event) -> list[Row]:
    reserved: dict[str, int] = call.detail.get("reserved") or {}
    return [
        ("Usage from", call.usage_source),
        ("Price version", call.price_version),
        ("Policy version", call.policy_version),
        ("Reserved", exact_money(reserved.get("cost_nano"), call.currency)),
        ("Reserved in", f"{whole(reserved.get('input_tokens'))} tokens"),
        ("Reserved out", f"{whole(reserved.get('output_tokens'))} tokens"),
        ("Cache written", call.cache_write_tokens),
    ]


def _ledger(call: Event) -> list[Row]:
    return [
        ("Request id", call.request_id),
        ("Event id", call.event_id),
        ("Sequence", whole(call.seq)),
        ("Recorded at", f"{call.recorded_at:%Y-%m-%d %H:%M:%S.%f} UTC"),
        ("Hash", call.hash),
        ("Hash before", call.prev_hash),
    ]
