"""What depends on the model, on the maximum, or on the place of a message."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib.errors import OrbitError
from proxy.formats.base import Terms
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.chat_to_messages.request import JSON_ONLY
from tenants.untranslatable import Dropping
from tests.proxy.translation.chat_to_messages_cases import SENT, ask, assert_fits, translate

HI = {"role": "user", "content": "Hi"}
YES = {"role": "assistant", "content": "Yes"}
RULE = {"role": "system", "content": "In French."}
F = {"type": "function", "function": {"name": "f"}}
G = {"type": "function", "function": {"name": "g"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def refused_path(body: dict[str, Any], model: str, **terms: Any) -> str | None:
    with pytest.raises(OrbitError) as refused:
        translate(body, model=model, **terms)
    return refused.value.param


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "sent"),
    [
        ("claude-haiku-4-5", "minimal", {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-haiku-4-5", "medium", {"type": "enabled", "budget_tokens": 8192}, None),
        ("claude-3-7-sonnet-20250219", "max", {"type": "enabled", "budget_tokens": 15000}, None),
        ("claude-haiku-4-5", "none", None, None),
        ("claude-opus-4-6", "minimal", {"type": "adaptive"}, "low"),
        ("claude-sonnet-4-6", "xhigh", {"type": "adaptive"}, "high"),
        ("claude-opus-4-7", "xhigh", {"type": "adaptive"}, "xhigh"),
        ("claude-fable-5", "max", {"type": "adaptive"}, "max"),
        ("claude-opus-4-8", "none", None, None),
        ("claude-opus-5", "none", {"type": "disabled"}, None),
        ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
        ("us.anthropic.claude-opus-4-6-v1:0", "low", {"type": "adaptive"}, "low"),
    ],
)
def test_effort_is_said_as_the_model_takes_it(
    model: str, effort: str, thinking: dict[str, Any] | None, sent: str | None
) -> None:
    body = translate(ask(reasoning_effort=effort), model=model, output_cap=20_000).body
    assert body.get("thinking") == thinking
    assert body.get("output_config") == ({"effort": sent} if sent else None)
    assert_fits(SENT, body)


@pytest.mark.parametrize("output_cap", [1025, 1400, 4096, 100_000])
def test_budget_of_thinking_stays_below_the_maximum(output_cap: int) -> None:
    made = translate(ask(reasoning_effort="max"), model="claude-haiku-4-5", output_cap=output_cap).body
    assert 1024 <= made["thinking"]["budget_tokens"] < output_cap == made["max_tokens"]


@pytest.mark.parametrize(
    ("model", "effort", "output_cap"),
    [
        ("claude-haiku-4-5", "low", 1024),
        ("claude-3-5-sonnet-20241022", "low", 4096),
        ("claude-fable-5", "none", 4096),
        ("claude-mythos-preview", "none", 4096),
        ("claude-opus-5-5", "none", 4096),
    ],
)
def test_effort_that_a_model_cannot_give_is_refused(model: str, effort: str, output_cap: int) -> None:
    assert refused_path(ask(reasoning_effort=effort), model, output_cap=output_cap) == "reasoning_effort"


def test_thinking_after_tool_calls_needs_its_blocks_where_the_api_does() -> None:
    messages: list[dict[str, Any]] = [
        HI,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    body = ask(messages=messages, tools=[F], reasoning_effort="low")
    assert refused_path(body, "claude-haiku-4-5") == "reasoning_effort"
    assert translate(body, model="claude-opus-4-6").body["thinking"] == {"type": "adaptive"}
    messages[1]["thinking_blocks"] = [THOUGHT]
    made = translate(body, model="claude-haiku-4-5").body
    assert made["thinking"]["type"] == "enabled"
    assert [block["type"] for block in made["messages"][1]["content"]] == ["thinking", "tool_use"]


def test_thinking_of_anthropics_own_passes_as_it_is() -> None:
    wanted = {"type": "adaptive", "display": "summarized"}
    body = translate(ask(thinking=wanted, reasoning_effort="low"), model="claude-opus-5").body
    assert (body["thinking"], body["output_config"]) == (wanted, {"effort": "low"})


@pytest.mark.parametrize("name", ["temperature", "top_p"])
def test_sampling_is_refused_where_the_model_or_its_thinking_forbids_it(name: str) -> None:
    body = ask(**{name: 0.5})
    assert translate(body, model="claude-opus-4-6").body[name] == 0.5
    assert refused_path(body, "claude-opus-4-7") == name
    assert refused_path(body, "claude-fable-5") == name
    assert refused_path({**body, "reasoning_effort": "low"}, "claude-opus-4-6") == name


@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-opus-5"])
def test_sampling_by_default_is_never_sent(model: str) -> None:
    body = translate(ask(temperature=1, top_p=1.0), model=model).body
    assert not body.keys() & {"temperature", "top_p"}


def test_both_kinds_of_sampling_go_together_only_on_old_models() -> None:
    body = ask(temperature=0.5, top_p=0.5)
    made = translate(body, model="claude-3-5-haiku-20241022").body
    assert (made["temperature"], made["top_p"]) == (0.5, 0.5)
    assert refused_path(body, "claude-opus-4-1") == "top_p"


def test_models_of_others_are_sent_what_older_ones_take() -> None:
    body = translate(ask(temperature=0.5, reasoning_effort="none"), model="deepseek-chat").body
    assert body["temperature"] == 0.5
    assert "thinking" not in body


def test_forced_call_and_thinking_are_refused_together_or_the_force_is_left_out() -> None:
    body = ask(tools=[F], tool_choice="required", reasoning_effort="low")
    assert refused_path(body, "claude-opus-4-6") == "tool_choice"
    terms = Terms(model="claude-opus-4-6", output_cap=9, drop=Dropping((frozenset({"tool_choice"}),)))
    assert chat_to_messages(body, terms).body["tool_choice"] == {"type": "auto"}
    assert terms.dropped == ["tool_choice"]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "auto", "parallel_tool_calls": True}, None),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": G}, {"type": "tool", "name": "g"}),
    ],
)
def test_choice_among_tools(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    body = translate(ask(tools=[F, G], **fields)).body
    assert body.get("tool_choice") == choice
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]
    assert_fits(SENT, body)


@pytest.mark.parametrize(("mode", "choice"), [("auto", None), ("required", {"type": "any"})])
def test_tools_that_are_not_allowed_are_not_shown(mode: str, choice: Any) -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [G]}}
    body = translate(ask(tools=[F, G], tool_choice=allowed)).body
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body.get("tool_choice") == choice


def test_choice_without_tools_is_left_out() -> None:
    assert translate(ask(tool_choice="none", parallel_tool_calls=False)).body == translate(ask()).body


def test_older_form_asks_for_one_call_at_most() -> None:
    functions = [{"name": "f"}]
    body = translate(ask(functions=functions)).body
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert translate(ask(functions=functions, function_call="none")).body["tool_choice"] == {"type": "none"}


def test_structured_output_is_refused_where_no_schema_binds_the_model() -> None:
    schema = {"type": "object", "properties": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert refused_path(ask(response_format=wanted), "claude-opus-4-1") == "response_format"
    strict = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}
    assert refused_path(ask(tools=[strict]), "claude-opus-4-1") == "tools[0].function.strict"


def test_structured_output_and_effort_go_together() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    config = translate(ask(response_format=wanted, reasoning_effort="low"), model="claude-opus-5").body[
        "output_config"
    ]
    assert config["effort"] == "low"
    assert config["format"]["schema"] == {**schema, "additionalProperties": False}


def test_json_without_schema_is_an_instruction() -> None:
    body = translate(ask(messages=[RULE, HI], response_format={"type": "json_object"})).body
    assert [block["text"] for block in body["system"]] == ["In French.", JSON_ONLY]


def test_strict_tool_that_does_not_fit_is_sent_unbound_only_if_that_may_be() -> None:
    loose = {"type": "object", "properties": {}, "additionalProperties": True}
    tool = {"type": "function", "function": {"name": "f", "parameters": loose, "strict": True}}
    path = "tools[0].function.parameters.additionalProperties"
    assert refused_path(ask(tools=[tool]), "claude-opus-5") == path
    terms = Terms(model="claude-opus-5", output_cap=9, drop=Dropping((frozenset({"tools"}),)))
    assert chat_to_messages(ask(tools=[tool]), terms).body["tools"] == [{"name": "f", "input_schema": loose}]


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5"])
def test_instruction_after_a_user_keeps_its_place_on_models_that_take_it(model: str) -> None:
    body = translate(ask(messages=[HI, RULE, YES, HI, RULE, RULE]), model=model).body
    assert [turn["role"] for turn in body["messages"]] == ["user", "system", "assistant", "user", "system"]
    assert "system" not in body
    assert_fits(SENT, body)


@pytest.mark.parametrize(
    ("model", "messages", "path"),
    [
        ("claude-opus-4-7", [HI, RULE], "messages[1]"),
        ("claude-opus-4-8", [HI, YES, RULE, HI], "messages[2]"),
        ("claude-opus-4-8", [HI, RULE, HI], "messages[1]"),
    ],
)
def test_instruction_that_would_lose_its_place_is_refused_or_joins_the_others(
    model: str, messages: list[Any], path: str
) -> None:
    assert refused_path(ask(messages=messages), model) == path
    terms = Terms(model=model, output_cap=9, drop=Dropping((frozenset({"messages"}),)))
    body = chat_to_messages(ask(messages=messages), terms).body
    assert body["system"] == [{"type": "text", "text": "In French."}]
    assert RULE["content"] not in str(body["messages"])
    assert terms.dropped == [path]


def test_turns_alternate_whatever_the_client_sends() -> None:
    body = translate(ask(messages=[HI, HI, YES, {"role": "assistant", "content": None}, YES, HI])).body
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert [len(turn["content"]) for turn in body["messages"]] == [2, 2, 1]


def test_results_stand_first_even_after_what_a_user_said_between() -> None:
    calls = [{**CALL, "id": name} for name in "ab"]
    results = [{"role": "tool", "tool_call_id": name, "content": name} for name in "ab"]
    asked = {"role": "assistant", "tool_calls": calls}
    body = translate(ask(messages=[HI, asked, results[0], HI, results[1]])).body
    assert [block.get("tool_use_id") for block in body["messages"][2]["content"]] == ["a", "b", None]


def test_answer_to_be_continued_is_sent_to_models_that_do_so() -> None:
    assert (
        translate(ask(messages=[HI, YES]), model="claude-opus-4-5").body["messages"][-1]["role"]
        == "assistant"
    )
    assert refused_path(ask(messages=[HI, YES]), "claude-opus-4-6") == "messages[1]"


def test_refusals_of_earlier_turns_are_text() -> None:
    said = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "refusal": "Never."}
    turn = translate(ask(messages=[HI, said, HI])).body["messages"][1]
    assert [block["text"] for block in turn["content"]] == ["No.", "Never."]


def test_answer_of_this_gateway_can_be_sent_back_as_it_came() -> None:
    content: list[dict[str, Any]] = [
        THOUGHT,
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ]
    cited = {**content[1], "citations": [{"type": "page_location", "cited_text": "x", "document_index": 0}]}
    answer = translate(ask()).answer({"content": [content[0], cited, content[2]], "stop_reason": "tool_use"})
    message = answer["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "2"}
    assert translate(ask(messages=[HI, message, result])).body["messages"][1]["content"] == content


def test_stream_is_asked_for_as_settled() -> None:
    assert (
        translate(ask(stream=True, stream_options={"include_usage": True}), stream=True).body["stream"]
        is True
    )
    assert "stream" not in translate(ask(stream=False)).body


def test_the_clients_body_is_left_alone() -> None:
    schema = {"properties": {"a": {"type": "string", "minLength": 1}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}
    body = ask(messages=[RULE, HI, HI], tools=[tool], response_format={"type": "json_object"})
    before = repr(body)
    translate(body)
    assert repr(body) == before


@pytest.mark.parametrize("depth", [10, 60, 80, 400])
def test_nested_schema_is_fitted_or_refused_and_never_an_accident(depth: int) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    root = {"type": "object", "properties": {"a": schema}}
    body = ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": root}})
    if depth > 60:
        assert (refused_path(body, "claude-opus-5") or "").startswith("response_format.json_schema.schema")
    else:
        assert translate(body).body["output_config"]["format"]["schema"]["additionalProperties"] is False
