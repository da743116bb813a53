"""A response's body as one for chat completions: every field is translated, needless, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.reading import (
    flag,
    items,
    malformed,
    mapping,
    number,
    only,
    text,
    whole,
)
from proxy.translation.responses_to_chat.tools import add_tools
from proxy.translation.responses_to_chat.turns import Beyond, Turns

ENCRYPTED = "reasoning.encrypted_content"

TRANSLATED = frozenset(
    [
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "model",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    ]
)
# Not sent. Tags are for who stores responses, and the answer repeats them; Codex adds some of its own. No call of a
# built-in tool can exceed its maximum where there are no such tools.
NEEDLESS = frozenset({"metadata", "client_metadata", "max_tool_calls"})
# Refused, but for a value that asks for what happens anyway.
REFUSED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "access_programs": ("they are another provider's", ()),
    "background": ("it answers while the client waits", (False,)),
    "background_options": ("it answers while the client waits", ()),
    "context_management": ("it does not compact conversations", ([],)),
    "conversation": ("it keeps no conversations", ()),
    "image": ("images are sent as they are", ({}, {"context_compression": "disabled"})),
    "moderation": ("it does not moderate", ()),
    "previous_response_id": ("it stores no responses; send the whole conversation as input", ()),
    "prompt": ("it stores no prompts", ()),
    "store": ("it stores no responses", (False,)),
    "top_logprobs": ("probabilities are not translated", (0,)),
    "truncation": ("it does not cut conversations short", ("disabled",)),
}
TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})


def translated(
    body: Mapping[str, Any], terms: Terms, beyond: Beyond
) -> tuple[dict[str, Any], frozenset[str], bool]:
    """The body, the names of custom tools, and whether the client wants its thoughts back in a form to return."""
    given = mapping(body, "body")
    for name, value in given.items():
        if name in REFUSED:
            why, harmless = REFUSED[name]
            if value not in harmless:
                terms.cannot(name, why)
        elif name not in TRANSLATED | NEEDLESS:
            terms.cannot(name, "chat completions have no such field")
    made: dict[str, Any] = {"model": terms.model, "messages": _messages(given, terms, beyond)}
    customs = add_tools(given, made, terms)
    _add_sampling(given, made)
    _add_reasoning(given, made, terms)
    _add_text(given, made, terms)
    _add_rest(given, made, terms)
    _add_terms(given, made, terms)
    return made, customs, _include(given, terms)


def _messages(given: Mapping[str, Any], terms: Terms, beyond: Beyond) -> list[dict[str, Any]]:
    turns = Turns(terms, beyond)
    if instructions := text(given.get("instructions", ""), "instructions"):
        turns.instruct(instructions)
    said = given.get("input", [])
    if isinstance(said, str):
        said = [{"role": "user", "content": said}]
    for place, item in enumerate(items(said, "input")):
        turns.take(item, f"input[{place}]")
    messages = turns.end()
    if not messages:
        raise malformed("input", "must hold something to answer")
    return messages


def _add_sampling(given: Mapping[str, Any], made: dict[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        if name in given:
            made[name] = number(given[name], name)


def _add_reasoning(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    """Models that show their reasoning show all of it: that is what a detailed summary gets."""
    asked = mapping(given.get("reasoning", {}), "reasoning")
    only(asked, ("effort", "summary", "generate_summary", "context", "mode"), "reasoning", terms)
    if "effort" in asked:
        if text(asked["effort"], "reasoning.effort") not in EFFORTS:
            raise malformed("reasoning.effort", f"must be one of {', '.join(sorted(EFFORTS))}")
        made["reasoning_effort"] = asked["effort"]
    for name in ("summary", "generate_summary"):
        if asked.get(name, "auto") not in ("auto", "detailed"):
            terms.cannot(f"reasoning.{name}", "reasoning is not shortened there")
    for name, harmless in (("context", "auto"), ("mode", "standard")):
        if asked.get(name, harmless) != harmless:
            terms.cannot(f"reasoning.{name}", "chat completions have no such setting")


def _add_text(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    asked = mapping(given.get("text", {}), "text")
    only(asked, ("format", "verbosity"), "text", terms)
    if "verbosity" in asked:
        made["verbosity"] = text(asked["verbosity"], "text.verbosity")
    form = mapping(asked.get("format", {"type": "text"}), "text.format")
    match form.get("type"):
        case "json_schema":
            only(form, ("type", "name", "schema", "description", "strict"), "text.format", terms)
            made["response_format"] = {"type": "json_schema", "json_schema": _schema(form)}
        case "json_object":
            made["response_format"] = {"type": "json_object"}
        case "text":
            pass
        case _:
            raise malformed("text.format.type", "must be text, json_schema or json_object")


def _schema(form: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": text(form.get("name"), "text.format.name")}
    made["schema"] = whole(form.get("schema"), "text.format.schema")
    if "description" in form:
        made["description"] = text(form["description"], "text.format.description")
    if "strict" in form:
        made["strict"] = flag(form["strict"], "text.format.strict")
    return made


def _add_rest(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    for name in ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"):
        if name in given:
            made[name] = text(given[name], name)
    if "service_tier" in given:
        if text(given["service_tier"], "service_tier") in TIERS:
            made["service_tier"] = given["service_tier"]
        else:
            terms.cannot("service_tier", "chat completions have no such tier")
    if "prompt_cache_options" in given:
        options = mapping(given["prompt_cache_options"], "prompt_cache_options")
        only(options, ("mode", "ttl"), "prompt_cache_options", terms)
        if options.get("ttl", "30m") != "30m":
            terms.cannot("prompt_cache_options.ttl", "chat completions have no such lifetime")
            options.pop("ttl")
        made["prompt_cache_options"] = {name: options[name] for name in ("mode", "ttl") if name in options}


def _add_terms(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    made["max_completion_tokens"] = terms.output_cap
    options = mapping(given.get("stream_options", {}), "stream_options")
    only(options, ("include_obfuscation",), "stream_options", terms)
    if options.get("include_obfuscation", False) is not False:
        terms.cannot("stream_options.include_obfuscation", "a translated stream is not padded")
    if terms.stream:
        made |= {"stream": True, "stream_options": {"include_usage": True}}


def _include(given: Mapping[str, Any], terms: Terms) -> bool:
    included = items(given.get("include", []), "include")
    for place, name in enumerate(included):
        if name != ENCRYPTED:
            terms.cannot(f"include[{place}]", "chat completions tell nothing of the kind")
    return ENCRYPTED in included
