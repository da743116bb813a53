"""Messages requests as chat completions, judged by OpenAI's SDK types: all but what was said."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from orbit.lib.errors import Code, OrbitError
from proxy.formats.chat import Chat
from proxy.formats.chat_options import Options
from proxy.translation.messages_to_chat import messages_to_chat
from tests.proxy.translation.messages_to_chat import (
    CLOSED,
    HELLO,
    OPEN,
    PIXEL,
    assistant,
    fixture,
    refused,
    result,
    sent,
    terms,
    text,
    tool,
    use,
    user,
)


def test_a_coding_agents_turn_is_sent_whole() -> None:
    given = fixture("agent_request")
    settled = terms(stream=True)
    assert sent(settled=settled, **given["body"]) == given["sent"]
    assert settled.dropped == ["thinking"]


@pytest.mark.parametrize("stream", [True, False])
def test_chat_format_has_nothing_to_change(stream: bool) -> None:
    settled = terms(stream=stream)
    assert Chat().changes(sent(settled=settled), settled) == {}


def test_tools_keep_their_schema() -> None:
    (made,) = sent(
        tools=[tool(description="d", type="custom", eager_input_streaming=True, allowed_callers=["direct"])]
    )["tools"]
    assert made == {"type": "function", "function": {"name": "f", "description": "d", "parameters": OPEN}}


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), (OPEN, False)])
def test_strict_is_kept_where_the_schema_allows_it_and_told_where_not(schema: Any, strict: bool) -> None:
    settled = terms()
    made = sent(
        settled=settled,
        tools=[tool(input_schema=schema, strict=True)],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert made["tools"][0]["function"]["strict"] is strict
    shown = {"name": "answer", "schema": schema, "strict": strict}
    assert made["response_format"] == {"type": "json_schema", "json_schema": shown}
    assert settled.dropped == ([] if strict else ["tools[0].strict", "output_config.format.strict"])


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "object"},
        {"type": "object", "properties": {"b": {}}, "required": ["b"], "additionalProperties": False},
        {"allOf": [CLOSED]},
        {"type": "array", "items": OPEN},
        {"anyOf": [CLOSED, OPEN]},
        True,
    ],
)
def test_schema_is_not_strict_when_a_part_of_it_is_not(inner: Any) -> None:
    schema = {**CLOSED, "properties": {"a": inner}}
    assert sent(tools=[tool(input_schema=schema, strict=True)])["tools"][0]["function"]["strict"] is False


def test_long_description_moves_into_the_system_message() -> None:
    made = sent(system="s", tools=[tool(description="d" * 2000, input_examples=[{"a": "b"}])])
    assert made["messages"][0]["content"].startswith('s\n\nDescription of the tool "f":\nddd')
    assert '{"a":"b"}' in made["messages"][0]["content"]
    assert len(made["tools"][0]["function"]["description"]) < 100
    kept = sent(Options(description_length=None), tools=[tool(description="d" * 2000)])
    assert len(kept["tools"][0]["function"]["description"]) == 2000


@pytest.mark.parametrize(
    ("field", "value"),
    [("defer_loading", True), ("allowed_callers", ["code_execution_20250825"]), ("new", 1)],
)
def test_what_a_tool_cannot_be_is_refused(field: str, value: Any) -> None:
    assert refused(tools=[tool(**{field: value})]) == f"tools[0].{field}"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any", "disable_parallel_tool_use": False}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
        ),
    ],
)
def test_choice_of_tools(choice: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = sent(tools=[tool()], tool_choice=choice)
    assert {name: made[name] for name in ("tool_choice", "parallel_tool_calls") if name in made} == wanted


def test_choice_without_tools() -> None:
    assert "tool_choice" not in sent(tool_choice={"type": "auto"})
    assert refused(tool_choice={"type": "any"}) == "tool_choice"
    assert refused(tools=[tool()], tool_choice={"type": "tool", "name": "g"}) == "tool_choice"


def test_choice_of_a_tool_that_was_left_out_is_left_out_by_permission() -> None:
    settled = terms(drop=["*"])
    search = {"type": "web_search_20250305", "name": "web_search"}
    made = sent(settled=settled, tools=[search], tool_choice={"type": "tool", "name": "web_search"})
    assert "tools" not in made
    assert "tool_choice" not in made
    assert settled.dropped == ["tools[0]", "tool_choice"]


def test_sampling_and_stops() -> None:
    made = sent(temperature=0.5, top_p=0.9, stop_sequences=["a", "b"])
    assert (made["temperature"], made["top_p"], made["stop"]) == (0.5, 0.9, ["a", "b"])
    assert "stop" not in sent(stop_sequences=[])
    assert refused(top_k=4) == "top_k"
    assert refused(stop_sequences=list("abcde")) == "stop_sequences[4]"
    settled = replace(terms(), chat=Options(top_k=True))
    assert messages_to_chat({"messages": HELLO, "top_k": 4}, settled).body["top_k"] == 4


def test_dropping_the_fifth_stop_keeps_the_others() -> None:
    settled = terms(drop=["stop_sequences"])
    assert sent(settled=settled, stop_sequences=list("abcde"))["stop"] == list("abcd")
    assert settled.dropped == ["stop_sequences[4]"]


@pytest.mark.parametrize(
    ("thinking", "effort", "wanted"),
    [
        (None, None, None),
        ({"type": "adaptive", "display": "summarized"}, None, None),
        ({"type": "adaptive"}, "xhigh", "xhigh"),
        (None, "low", "low"),
        ({"type": "disabled"}, "high", "none"),
        ({"type": "enabled", "budget_tokens": 4_095}, None, "low"),
        ({"type": "enabled", "budget_tokens": 4_096}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 16_384}, None, "high"),
        ({"type": "enabled", "budget_tokens": 16_384}, "max", "max"),
    ],
)
def test_thinking_becomes_effort(thinking: Any, effort: str | None, wanted: str | None) -> None:
    assert sent(thinking=thinking, output_config={"effort": effort}).get("reasoning_effort") == wanted


@pytest.mark.parametrize(
    ("taken", "effort", "wanted"),
    [({"none", "high"}, "low", "high"), ({"low", "high"}, "max", "high"), ({"low", "high"}, "medium", "low")],
)
def test_effort_is_the_nearest_that_the_model_takes(taken: set[str], effort: str, wanted: str) -> None:
    made = sent(Options(efforts=frozenset(taken)), output_config={"effort": effort})
    assert made["reasoning_effort"] == wanted


def test_effort_is_told_as_left_out_where_a_model_has_none() -> None:
    settled = terms()
    made = sent(Options(efforts=frozenset()), settled, thinking={"type": "enabled", "budget_tokens": 2000})
    assert "reasoning_effort" not in made
    assert settled.dropped == ["thinking"]


def test_display_of_thinking_that_has_no_counterpart_is_told() -> None:
    for display, dropped in (("summarized", []), ("omitted", []), ("updates", ["thinking.display"])):
        settled = terms()
        sent(settled=settled, thinking={"type": "adaptive", "display": display})
        assert settled.dropped == dropped


def test_older_name_of_the_output_format_is_known() -> None:
    made = sent(output_format={"type": "json_schema", "schema": CLOSED})
    assert made["response_format"]["json_schema"]["strict"] is True


def test_user_is_told_under_the_name_that_the_server_takes() -> None:
    metadata = {"user_id": "u" * 129}
    assert sent(metadata={"user_id": "u"})["safety_identifier"] == "u"
    assert len(sent(metadata=metadata)["safety_identifier"]) == 64
    assert sent(Options(user_field="user"), metadata={"user_id": "u"})["user"] == "u"
    settled = terms()
    sent(Options(user_field=None), settled, metadata=metadata)
    assert settled.dropped == ["metadata.user_id"]
    assert refused(metadata={"team": "x"}) == "metadata.team"


def test_service() -> None:
    assert sent(service_tier="auto")["service_tier"] == "auto"
    assert sent(service_tier="standard_only")["service_tier"] == "default"
    assert refused(service_tier="batch") == "service_tier"
    assert "speed" not in sent(speed="standard")
    assert refused(speed="fast") == "speed"


def test_hints_for_the_cache_are_left_out() -> None:
    hint = {"type": "ephemeral", "ttl": "1h"}
    settled = terms()
    made = sent(
        settled=settled,
        cache_control=hint,
        diagnostics={"previous_message_id": None},
        system=[{**text("s"), "cache_control": hint}],
        tools=[tool(cache_control=hint)],
        messages=[user({**text("a"), "cache_control": hint})],
    )
    assert "cache_control" not in repr(made)
    assert settled.dropped == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["a"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": "text", "text": 1})]}, "messages[0].content[0].text"),
        ({"messages": [user(use("1"))]}, "messages[0].content[0]"),
        ({"messages": [assistant(PIXEL)]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        ({"system": 1}, "system"),
        ({"system": [PIXEL]}, "system[0]"),
        ({"tools": {}, "messages": None}, "messages"),
        ({"tools": "f"}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": ["auto"]}}, "tool_choice.type"),
        ({"thinking": "on"}, "thinking"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config.format"),
        ({"stop_sequences": "a"}, "stop_sequences"),
        ({"stop_sequences": {}}, "stop_sequences"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields) == param


def test_bodies_of_noise_are_translated_or_refused() -> None:
    chance = random.Random(3)
    good: list[Any] = [
        *HELLO,
        assistant(use("1"), "a"),
        user(result("1", [text("a"), PIXEL])),
        tool(),
        "a",
        1,
        None,
    ]
    good += [
        {"type": "json_schema", "schema": OPEN},
        {"type": "auto"},
        {"type": "enabled", "budget_tokens": 1},
    ]

    def noise(depth: int = 0) -> Any:
        if depth > 4 or chance.random() < 0.4:
            return chance.choice(good)
        if chance.random() < 0.5:
            return [noise(depth + 1) for _ in range(chance.randrange(3))]
        known = chance.choice(good)
        changed = dict(known) if isinstance(known, dict) else {}
        names = ["type", "content", "source", "role", "text", "input", "format", "effort", "edits", "user_id"]
        return changed | {chance.choice([*changed, *names]): noise(depth + 1)}

    fields = ["system", "tools", "tool_choice", "thinking", "output_config", "metadata", "stop_sequences"]
    fields += ["context_management", "service_tier", "speed", "top_k", "messages", "output_format"]
    made = 0
    for _ in range(3000):
        body = {"messages": list(HELLO), **{chance.choice(fields): noise() for _ in range(2)}}
        try:
            messages_to_chat(body, terms(drop=["*"]))
        except OrbitError as error:
            assert error.code is Code.INVALID_REQUEST  # noqa: PT017
            continue
        made += 1
    assert made > 300
