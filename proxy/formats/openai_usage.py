"""OpenAI's usage objects, and those of servers that speak its format, read tolerantly.

Totals are inclusive, details are parts of them. What contradicts its total is cut to it and flagged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from quotas.rates import NOTHING

MOST = 2**40  # a figure beyond is no figure
TIER_LENGTH = 40
_LIFETIMES = ("5m", "30m", "1h", "12h")


def usage_of(
    found: Mapping[str, Any], service_tier: str | None = None, *, of_text: bool = False
) -> Usage | None:
    """None when the totals make no sense. Reads the names of chat completions and of newer endpoints alike.

    `of_text`: something was written, which is not nothing because its figure is missing.
    """
    given = _first(found, "prompt_tokens", "input_tokens")
    made = _first(found, "completion_tokens", "output_tokens")
    if given is None and found.get("type") == "duration":
        given = 0  # a transcription that is charged by its length
    total = count(found.get("total_tokens"))
    untold = not {"completion_tokens", "output_tokens"} & found.keys()
    if untold and (not of_text or (total or 0) > (given or 0)):
        made = 0  # of embeddings; else the total tells
    if given is None or made is None:
        return None
    anomalies: list[str] = []
    reads = _first_dict(found, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    writes = _first_dict(found, "completion_tokens_details", "output_tokens_details", "output_token_details")
    if total is not None and total > given + made:
        made = total - given  # reasoning that the server left out of its own output
    cached, written, read_parts = _input_parts(found, reads, given, anomalies)
    reasoning, made_parts = _output_parts(writes, made, anomalies)
    return Usage(
        given,
        made,
        cached,
        written,
        reasoning,
        raw=found,
        anomaly="; ".join(anomalies) or None,
        parts=read_parts | made_parts if read_parts or made_parts else NOTHING,
        units=_units(found),
        service_tier=service_tier[:TIER_LENGTH] if service_tier else None,
    )


def _input_parts(
    found: Mapping[str, Any], details: Mapping[str, Any], given: int, anomalies: list[str]
) -> tuple[int | None, int | None, dict[str, int]]:
    cached = count(details.get("cached_tokens"))
    if cached is None:
        cached = count(found.get("prompt_cache_hit_tokens"))  # DeepSeek
    written = count(details.get("cache_write_tokens"))
    lifetimes, by_lifetime = _dict(details.get("cache_write_tokens_details")), dict[str, int | None]()
    if lifetimes:
        by_lifetime = {f"cache_write_{one}": count(lifetimes.get(f"ttl_{one}_tokens")) for one in _LIFETIMES}
        if written is None:
            written = sum(filter(None, by_lifetime.values()))
    if (cached or 0) + (written or 0) > given:
        cached, written = min(cached or 0, given), None
        anomalies.append("cached parts exceed the input")
    if not details:
        return cached, written, {}
    parts: dict[str, int] = {}
    if lifetimes:
        _take(parts, by_lifetime, written or 0, "cache writes by lifetime exceed their total", anomalies)
    of_cache = _dict(details.get("cached_tokens_details"))
    if of_cache:
        kinds = {f"cached_{kind}": count(of_cache.get(f"{kind}_tokens")) for kind in ("audio", "image")}
        _take(parts, kinds, cached or 0, "cached kinds exceed the cached tokens", anomalies)
    media = {f"input_{kind}": count(details.get(f"{kind}_tokens")) for kind in ("audio", "image", "video")}
    if any(media.values()):
        if sum(filter(None, media.values())) > given:
            anomalies.append("audio and image parts exceed the input")
        # the totals of media hold their cached tokens; where these are not told apart, media count as uncached
        uncached = {
            name: max(0, count - parts.get(name.replace("input", "cached"), 0)) if count else count
            for name, count in media.items()
        }
        _take(parts, uncached, given - (cached or 0) - (written or 0), None, anomalies)
    return cached, written, parts


def _output_parts(
    details: Mapping[str, Any], made: int, anomalies: list[str]
) -> tuple[int | None, dict[str, int]]:
    if not details:
        return None, {}
    parts: dict[str, int] = {}
    reasoning = count(details.get("reasoning_tokens"))
    if reasoning is not None and reasoning > made:
        reasoning = made
        anomalies.append("reasoning exceeds the output")
    kinds = {f"output_{kind}": count(details.get(f"{kind}_tokens")) for kind in ("audio", "image", "video")}
    _take(
        parts,
        kinds | {"reasoning": reasoning},
        made,
        "audio, image and reasoning exceed the output",
        anomalies,
    )
    return reasoning, parts


def _take(
    parts: dict[str, int],
    counts: Mapping[str, int | None],
    whole: int,
    anomaly: str | None,
    anomalies: list[str],
) -> None:
    """Adds the counts as far as their whole reaches."""
    for name, count in counts.items():
        if count:
            kept = min(count, whole)
            whole -= kept
            if kept:
                parts[name] = kept
            if kept < count and anomaly and anomaly not in anomalies:
                anomalies.append(anomaly)


def _units(found: Mapping[str, Any]) -> Mapping[str, int]:
    """What some servers charge for beside tokens, by the names that they report it under."""
    tools = _dict(found.get("server_tool_use"))
    searches = count(tools.get("web_search_requests")) or count(found.get("num_search_queries"))
    seconds = _seconds(found.get("seconds")) if found.get("type") == "duration" else None
    if not searches and not seconds:
        return NOTHING
    counts = {"web_searches": searches, "seconds": seconds}
    return {name: used for name, used in counts.items() if used}


def _seconds(value: Any) -> int | None:
    """Seconds begun."""
    if isinstance(value, float) and 0 <= value < MOST:
        return math.ceil(value)
    return count(value)


def _first(found: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        figure = count(found.get(name))
        if figure is not None:
            return figure
    return None


def _first_dict(found: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = found.get(name)
        if isinstance(value, dict):
            return value
    return {}


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int | None:
    """A figure that can be one."""
    return value if type(value) is int and 0 <= value < MOST else None
