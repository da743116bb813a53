"""A chat completion's body as one for Anthropic's messages: every field is translated, needless, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.chat_to_messages.abilities import abilities_of
from proxy.translation.chat_to_messages.parts import cache_control
from proxy.translation.chat_to_messages.reasoning import add_thinking
from proxy.translation.chat_to_messages.schema import Unfit, fitted
from proxy.translation.chat_to_messages.tools import add_tools
from proxy.translation.chat_to_messages.turns import Turns
from proxy.translation.reading import items, malformed, mapping, number, only, text

TRANSLATED = frozenset(
    [
        "cache_control",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "prompt_cache_options",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    ]
)
# Left out and not told of. Tags are the gateway's own; a cache key says which server may know the prompt already,
# and Anthropic finds that by the prompt itself.
NEEDLESS = frozenset({"metadata", "prompt_cache_key"})
# Refused, but for a value that asks for what happens anyway.
REFUSED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "audio": ("it answers in text alone", ()),
    "frequency_penalty": ("it has no penalties", (0,)),
    "logit_bias": ("it does not weigh tokens", ({},)),
    "logprobs": ("it does not tell probabilities", (False,)),
    "modalities": ("it answers in text alone", (["text"],)),
    "moderation": ("it does not moderate", ()),
    "n": ("it gives one choice", (1,)),
    "prediction": ("it takes no predicted output", ()),
    "presence_penalty": ("it has no penalties", (0,)),
    "prompt_cache_retention": ("nothing is cached for longer than an hour there", ("in_memory",)),
    "seed": ("it cannot be seeded", ()),
    "store": ("it stores nothing", (False,)),
    "top_logprobs": ("it does not tell probabilities", (0,)),
    "verbosity": ("it has no such setting", ("medium",)),
    "web_search_options": ("its web search is another tool", ()),
}
TIERS = {"auto": "auto", "default": "standard_only"}
JSON_ONLY = "Answer with one valid JSON object and nothing else: no text around it, no code fence."


def translated(body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    given = mapping(body, "body")
    for name, value in given.items():
        if name in REFUSED:
            why, harmless = REFUSED[name]
            if value not in harmless:
                terms.cannot(name, why)
        elif name not in TRANSLATED | NEEDLESS:
            terms.cannot(name, "its format has no such field")
    made: dict[str, Any] = {"model": terms.model, "max_tokens": terms.output_cap}
    _add_messages(given, made, terms)
    add_thinking(given, made, terms)
    add_tools(given, made, terms)
    _add_sampling(given, made, terms)
    _add_stop(given, made, terms)
    _add_format(given, made, terms)
    _add_caching(given, made, terms)
    _add_rest(given, made, terms)
    return made


def _add_messages(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    turns = Turns(terms)
    for place, message in enumerate(items(given.get("messages"), "messages")):
        turns.take(place, message)
    turns.end()
    if turns.system:
        made["system"] = turns.system
    made["messages"] = turns.messages


def _add_sampling(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    """Both formats take 1 for what is not given, so that is left out: some models refuse any value."""
    able = abilities_of(terms.model)
    thinks = made.get("thinking", {}).get("type") in ("enabled", "adaptive")
    for name in ("temperature", "top_p"):
        value = number(given.get(name, 1), name)
        if value == 1:
            continue
        why = ""
        if not able.samples:
            why = "this model takes no such setting"
        elif thinks and (name == "temperature" or value < 0.95):
            why = "a model that thinks takes no such value"
        elif not 0 <= value <= 1:
            why = "it goes from 0 to 1 there"
        elif name == "top_p" and "temperature" in made and not able.samples_by_both:
            why = "this model takes no temperature beside it"
        if why:
            terms.cannot(name, why)
        else:
            made[name] = value


def _add_stop(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    if "stop" not in given:
        return
    value = given["stop"]
    named = [("stop", value)]
    if isinstance(value, list):
        named = [(f"stop[{place}]", one) for place, one in enumerate(value)]
    kept: list[str] = []
    for path, one in named:
        if text(one, path).strip():
            kept.append(one)
        else:
            terms.cannot(path, "a stop sequence must hold more than white space there")
    if kept:
        made["stop_sequences"] = kept


def _add_format(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    if "response_format" not in given:
        return
    path = "response_format"
    wanted = mapping(given[path], path)
    kind = wanted.get("type")
    only(wanted, ("type", "json_schema"), path, terms)
    if kind == "json_object":
        made["system"] = [*made.get("system", ()), {"type": "text", "text": JSON_ONLY}]
    elif kind == "json_schema":
        schema = _schema(mapping(wanted.get(kind), f"{path}.{kind}"), f"{path}.{kind}", terms)
        if schema is not None:
            made["output_config"] = {
                **made.get("output_config", {}),
                "format": {"type": "json_schema", "schema": schema},
            }
    elif kind != "text":
        raise malformed(f"{path}.type", "must be text, json_object or json_schema")


def _schema(wanted: Mapping[str, Any], path: str, terms: Terms) -> dict[str, Any] | None:
    """The name is a label, and any schema is held to strictly there."""
    only(wanted, ("name", "description", "schema", "strict"), path, terms)
    given = mapping(wanted.get("schema"), f"{path}.schema")
    if not abilities_of(terms.model).structures:
        terms.cannot("response_format", "this model cannot be held to a schema")
        return None
    if "description" in wanted and "description" not in given:
        given["description"] = text(wanted["description"], f"{path}.description")
    try:
        return fitted(given, f"{path}.schema")
    except Unfit as unfit:
        terms.cannot(unfit.path, unfit.why)
        return None


def _add_caching(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    """OpenAI's implicit breakpoint is Anthropic's mark on the whole request, for the lifetime that covers its own."""
    if "prompt_cache_options" in given:
        path = "prompt_cache_options"
        options = mapping(given[path], path)
        only(options, ("mode", "ttl"), path, terms)
        if options.get("mode", "implicit") not in ("implicit", "explicit"):
            raise malformed(f"{path}.mode", "must be implicit or explicit")
        if options.get("ttl", "30m") != "30m":
            terms.cannot(f"{path}.ttl", "it has no such lifetime")
        if options.get("mode") != "explicit":
            made["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    control = (
        cache_control({"cache_control": given["cache_control"]}, "", terms)
        if "cache_control" in given
        else None
    )
    if control is not None:
        made["cache_control"] = control


def _add_rest(given: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    for name in ("user", "safety_identifier"):  # the newer one wins
        if name in given:
            made["metadata"] = {"user_id": text(given[name], name)}
    if "service_tier" in given:
        tier = text(given["service_tier"], "service_tier")
        if tier in TIERS:
            made["service_tier"] = TIERS[tier]
        else:
            terms.cannot("service_tier", f"it has no tier {tier!r}")
    if "stream_options" in given:
        options = mapping(given["stream_options"], "stream_options")
        only(options, ("include_usage", "include_obfuscation"), "stream_options", terms)
        if options.get("include_obfuscation") is True:
            terms.cannot("stream_options.include_obfuscation", "its events are not padded")
    if terms.stream:
        made["stream"] = True
