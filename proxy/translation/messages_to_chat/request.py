"""A request for chat completions out of one for Messages."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from proxy.formats.base import Terms
from proxy.formats.chat_options import EFFORTS, Options
from proxy.translation.messages_to_chat.content import BREAK
from proxy.translation.messages_to_chat.conversation import Conversation, system_texts
from proxy.translation.messages_to_chat.fields import (
    blocks_of,
    note,
    object_of,
    object_or_nothing,
    objects,
    only,
    text_of,
    wrong,
)
from proxy.translation.messages_to_chat.names import Names
from proxy.translation.messages_to_chat.schema import fits_strict
from proxy.translation.messages_to_chat.tools import Tools

TRANSLATED = frozenset(
    {
        "context_management",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",  # an earlier name of output_config.format
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
# Hints whose loss changes no answer. What follows them is not in the answer either.
LEFT_OUT = frozenset({"cache_control", "diagnostics"})
REFUSED = {
    "betas": "it stands in a header",
    "billing_policy": "whom Anthropic bills means nothing to it",
    "compaction": "it does not summarize conversations",
    "container": "containers are Anthropic's own",
    "fallback_credit_token": "credits are Anthropic's own",
    "fallbacks": "models of Anthropic cannot stand in for it",
    "inference_geo": "chat completions cannot choose a region",
    "mcp_servers": "it calls no MCP servers",
    "thread": "it holds no conversations",
    "user_profile_id": "profiles are Anthropic's own",
    "workspace_id": "workspaces are Anthropic's own",
}
MOST_STOPS = 4
LONGEST_USER = 128  # characters of a safety_identifier
TIERS = {"auto": "auto", "standard_only": "default"}
# Up to these budgets of thinking the effort is so much; beyond, high.
BUDGETS = ((4_096, "low"), (16_384, "medium"))
OUTPUT_CONFIG = frozenset({"effort", "format"})
DISPLAYS = (None, "summarized", "omitted")
THINKING = frozenset({"type", "budget_tokens", "display"})


def request_of(body: Mapping[str, Any], terms: Terms, options: Options, names: Names) -> dict[str, Any]:
    for name, value in body.items():
        if name not in TRANSLATED | LEFT_OUT and value not in (None, []):
            terms.cannot(name, REFUSED.get(name, "chat completions have no such field"))
    tools = Tools(body, terms, options, names)
    made: dict[str, Any] = {"model": terms.model, "messages": []}
    system = body.get("system")
    texts = system_texts(list(blocks_of("" if system is None else system, "system")), terms) + tools.remarks
    if texts:
        made["messages"].append({"role": "system", "content": BREAK.join(texts)})
    made["messages"] += Conversation(terms, options, names).read(body.get("messages"))
    made["max_completion_tokens"] = terms.output_cap
    made |= tools.fields
    made |= _sampling(body, terms, options)
    made |= _reasoning(body, terms, options)
    made |= _output_format(body, terms)
    made |= _about_the_call(body, terms, options)
    if terms.stream:
        made |= {"stream": True, "stream_options": {"include_usage": True}}
    return made


def _sampling(body: Mapping[str, Any], terms: Terms, options: Options) -> dict[str, Any]:
    made = {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}
    if body.get("top_k") is not None:
        if options.top_k:
            made["top_k"] = body["top_k"]
        else:
            terms.cannot("top_k", "chat completions have no such field")
    stops = body.get("stop_sequences")
    if stops is None or stops == []:
        return made
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):
        raise wrong("stop_sequences", "must be a list of strings")
    if len(stops) > MOST_STOPS:
        terms.cannot(f"stop_sequences[{MOST_STOPS}]", f"no more than {MOST_STOPS} are taken")
    return made | {"stop": stops[:MOST_STOPS]}


def _reasoning(body: Mapping[str, Any], terms: Terms, options: Options) -> dict[str, Any]:
    thinking = object_or_nothing(body, "thinking")
    config = object_or_nothing(body, "output_config")
    only(thinking, THINKING, "thinking", terms)
    only(config, OUTPUT_CONFIG, "output_config", terms)
    if thinking.get("display") not in DISPLAYS:
        note(terms, "thinking.display")
    effort = config.get("effort")
    if effort is not None and effort not in EFFORTS:
        terms.cannot("output_config.effort", f"{effort!r} is unknown")
        effort = None
    kind = thinking.get("type")
    if kind == "disabled":
        effort = "none"
    elif kind == "enabled" and effort is None:
        effort = _effort(thinking.get("budget_tokens"))
    elif kind not in (None, "enabled", "adaptive"):
        terms.cannot("thinking.type", f"{kind!r} has no counterpart")
    if effort is None:
        return {}
    if not options.efforts:
        note(terms, "thinking" if config.get("effort") is None else "output_config.effort")
        return {}
    return {"reasoning_effort": _nearest(effort, options.efforts)}


def _effort(budget: Any) -> str:
    if not isinstance(budget, int) or isinstance(budget, bool):
        raise wrong("thinking.budget_tokens", "must be an integer")
    return next((effort for most, effort in BUDGETS if budget < most), "high")


def _nearest(effort: str, taken: frozenset[str]) -> str:
    """The next one that the model takes; a wish to think is no wish for none."""
    if effort in taken:
        return effort
    place = EFFORTS.index(effort)
    return min(
        taken - {"none"} or taken, key=lambda one: (abs(EFFORTS.index(one) - place), EFFORTS.index(one))
    )


def _output_format(body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    config = object_or_nothing(body, "output_config")
    path, wanted = "output_config.format", config.get("format")
    if wanted is None:
        path, wanted = "output_format", body.get("output_format")
    if wanted is None:
        return {}
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        terms.cannot(path, "only json_schema has a counterpart")
        return {}
    only(wanted, frozenset({"type", "schema"}), path, terms)
    schema = object_of(wanted, "schema", path)
    strict = fits_strict(schema)
    if not strict:
        note(terms, f"{path}.strict")
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": strict},
        }
    }


def _about_the_call(body: Mapping[str, Any], terms: Terms, options: Options) -> dict[str, Any]:
    made: dict[str, Any] = {}
    metadata = object_or_nothing(body, "metadata")
    only(metadata, frozenset({"user_id"}), "metadata", terms)
    if metadata.get("user_id") is not None:
        user = text_of(metadata, "user_id", "metadata")
        if options.user_field is None:
            note(terms, "metadata.user_id")
        else:
            # agents write several ids into one long one
            made[options.user_field] = (
                user if len(user) <= LONGEST_USER else sha256(user.encode()).hexdigest()
            )
    tier = body.get("service_tier")
    if isinstance(tier, str) and tier in TIERS:
        made["service_tier"] = TIERS[tier]
    elif tier is not None:
        terms.cannot("service_tier", f"{tier!r} has no counterpart")
    if body.get("speed") not in (None, "standard"):
        terms.cannot("speed", "how fast it answers cannot be chosen")
    _check_edits(object_or_nothing(body, "context_management"), terms)
    return made


def _check_edits(management: Mapping[str, Any], terms: Terms) -> None:
    """Thinking of earlier turns is never sent, so its clearing is done; other edits are Anthropic's own."""
    only(management, frozenset({"edits"}), "context_management", terms)
    for path, edit in objects(management.get("edits") or [], "context_management.edits"):
        if not str(edit.get("type")).startswith("clear_thinking_"):
            terms.cannot(path, f"edits of type {edit.get('type')!r} are Anthropic's own")
