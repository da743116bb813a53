"""Anthropic's usage objects, read tolerantly. The parts of the input are exclusive there, inclusive with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.openai_usage import TIER_LENGTH, count
from quotas.rates import NOTHING

LIFETIMES = {"cache_write_5m": "ephemeral_5m_input_tokens", "cache_write_1h": "ephemeral_1h_input_tokens"}
INPUTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
UNITS = {
    "web_searches": "web_search_requests",
    "web_fetches": "web_fetch_requests",
    "code_executions": "code_execution_requests",
}


def usage_of(found: Mapping[str, Any]) -> Usage | None:
    """None when the totals make no sense."""
    plain, read, written = (count(found.get(name)) for name in INPUTS)
    made = count(found.get("output_tokens"))
    if made is None or (plain is None and read is None and written is None):
        return None
    cached, writes = read or 0, written or 0
    given = (plain or 0) + cached + writes
    anomalies: list[str] = []
    parts = _lifetimes(found, writes, anomalies)
    reasoning = _reasoning(found, made, anomalies)
    if reasoning:
        parts["reasoning"] = reasoning
    for more_in, more_read, more_written, more_out in _beside(found):
        given, made = given + more_in + more_read + more_written, made + more_out
        cached, writes = cached + more_read, writes + more_written
    return Usage(
        given,
        made,
        cached if read is not None else None,
        writes if written is not None else None,
        reasoning,
        raw=found,
        anomaly="; ".join(anomalies) or None,
        parts=parts or NOTHING,
        units=_units(found),
        service_tier=_tier(found),
    )


def merged(before: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's figures so far: cumulative, so the latest value of each that is not null."""
    return {**before, **{name: value for name, value in later.items() if value is not None}}


def _lifetimes(found: Mapping[str, Any], writes: int, anomalies: list[str]) -> dict[str, int]:
    said = found.get("cache_creation")
    if not isinstance(said, dict):
        return {}
    parts: dict[str, int] = {}
    for name, field in LIFETIMES.items():
        kept = min(count(said.get(field)) or 0, writes)
        writes -= kept
        if kept:
            parts[name] = kept
        if kept < (count(said.get(field)) or 0) and not anomalies:
            anomalies.append("cache writes by lifetime exceed their total")
    return parts


def _reasoning(found: Mapping[str, Any], made: int, anomalies: list[str]) -> int | None:
    details = found.get("output_tokens_details")
    thought = count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    if thought is not None and thought > made:
        anomalies.append("reasoning exceeds the output")
        return made
    return thought


def _beside(found: Mapping[str, Any]) -> Iterator[tuple[int, int, int, int]]:
    """What was done beside the answer (compaction, advice): charged, and not in the totals.

    An advisor's own model may cost more; its tokens are charged at this model's price.
    """
    entries = found.get("iterations")
    for entry in entries if isinstance(entries, list) else ():
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind.startswith(("compaction", "advisor")):
            plain, read, written = (count(entry.get(name)) or 0 for name in INPUTS)
            yield plain, read, written, count(entry.get("output_tokens")) or 0


def _units(found: Mapping[str, Any]) -> Mapping[str, int]:
    tools = found.get("server_tool_use")
    if not isinstance(tools, dict):
        return NOTHING
    return {name: used for name, field in UNITS.items() if (used := count(tools.get(field)))} or NOTHING


def _tier(found: Mapping[str, Any]) -> str | None:
    """`speed` is what makes a price differ, before the tier."""
    if found.get("speed") == "fast":
        return "fast"
    tier = found.get("service_tier")
    return tier[:TIER_LENGTH] if isinstance(tier, str) else None
