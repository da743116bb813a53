"""What the vendor refuses in a Messages request, and in which words."""

from typing import Any

import pytest

from orbit.demo.provider.process import ProviderHandle

from .conftest import KEY, RawMessages, read_answer

HI = {"role": "user", "content": "Hi"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
MARK = {"cache_control": {"type": "ephemeral"}}
OLD = "2023-06-01"


def _result(use: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use, "content": "x"}]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 2_000_000}, "max_tokens: 2000000 > 1000000"),
        ({"model": None}, "model: Field required"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [HI | {"role": "assistant"}]}, 'first message must use the "user" role'),
        ({"messages": [HI | {"content": ""}]}, "messages.0: all messages must have non-empty content"),
        ({"messages": [HI | {"content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [HI | {"name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
        ({"messages": [HI | {"content": [{"type": "audio"}]}]}, "Input tag 'audio' found using 'type'"),
        ({"messages": [HI | {"content": [{"type": "image"}]}]}, "messages.0.content.0.image.source: Field"),
        ({"messages": [HI, USE, HI]}, "`tool_use` ids were found without `tool_result` blocks"),
        ({"messages": [HI, USE, _result("t2")]}, "`tool_use` ids were found without"),
        ({"messages": [HI, _result("t1")]}, "unexpected `tool_use_id` found in `tool_result` blocks: t1"),
        ({"n": 2}, "n: Extra inputs are not permitted"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system.0.type"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": [TOOL | {"name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
        ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found"),
        ({"tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "must be greater than `thinking.budget"),
        (
            {"thinking": {"type": "adaptive"}, "tools": [TOOL], "tool_choice": {"type": "any"}},
            "Thinking may not be enabled when tool_choice forces tool use",
        ),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "max_tokens": 2_000,
                "messages": [HI, USE, _result("t1")],
            },
            "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
        ),
        ({"output_config": {"effort": "most"}}, "output_config.effort: Input should be one of"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.type"),
        ({"stop_sequences": [" "]}, "must contain non-whitespace"),
        ({"metadata": {"user": "x"}}, "metadata.user: Extra inputs are not permitted"),
        ({"service_tier": "default"}, "service_tier: Input should be"),
        ({"cache_control": {"type": "ephemeral", "ttl": "2h"}}, "Input should be '5m' or '1h'"),
        ({"system": [{"type": "text", "text": "x"} | MARK] * 5}, "A maximum of 4 blocks with cache_control"),
        (
            {
                "system": [{"type": "text", "text": "x"} | MARK],
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            "a ttl='1h' block must not come after a ttl='5m' block",
        ),
        ({"temperature": 1}, "temperature: Extra inputs are not permitted"),
        ({"top_p": 0.5}, "top_p: Extra inputs are not permitted"),
        ({"top_k": 5}, "top_k: Extra inputs are not permitted"),
        (
            {"messages": [HI | {"content": [{"type": "text", "text": "x", "citations": [{}]}]}]},
            "citations are not allowed in `user` messages",
        ),
        ({"model": "claude-opus-4-7", "messages": [HI, HI | {"role": "assistant"}]}, "message prefill"),
        (
            {"model": "claude-opus-4-7", "thinking": {"type": "enabled", "budget_tokens": 1024}},
            '"thinking.type.enabled" is not supported for this model',
        ),
        (
            {"model": "claude-haiku-4-5", "thinking": {"type": "adaptive"}},
            "adaptive thinking is not supported",
        ),
        ({"model": "claude-haiku-4-5", "output_config": {"effort": "low"}}, "effort parameter"),
    ],
)
def test_refused_as_by_the_vendor(
    raw_messages: RawMessages, provider: ProviderHandle, change: dict[str, Any], message: str
) -> None:
    fields = {"model": "demo-claude", "max_tokens": 9, "messages": [HI]} | change
    fields = {name: value for name, value in fields.items() if value is not None}
    status, error = raw_messages.refused(fields)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert message in error["message"]
    assert provider.wait_idle()["cost_nano"] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"temperature": 0.5}, 200),
        ({"top_k": 5}, 200),
        ({"temperature": 2}, 400),
        ({"temperature": 1, "top_p": 1}, 400),
        ({"model": "claude-opus-4-7", "temperature": 0.5}, 400),
        ({"model": "claude-opus-4-7", "temperature": 1}, 200),
    ],
)
def test_older_version_takes_sampling_from_models_that_have_it(
    raw_messages: RawMessages, change: dict[str, Any], status: int
) -> None:
    fields = {"model": "demo-claude", "max_tokens": 9, "messages": [HI]} | change
    with raw_messages.post(fields, anthropic_version=OLD) as connection:
        assert int(read_answer(connection)[0].split()[1]) == status


def test_neighbours_of_one_role_are_one_turn(raw_messages: RawMessages, provider: ProviderHandle) -> None:
    joined = HI | {"content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Hi"}]}
    for messages in ([HI, HI], [joined]):
        raw_messages.ask("", stream=False, messages=messages)
    first, second = provider.requests()
    assert first["prompt_tokens"] == second["prompt_tokens"]
    assert first["completion_tokens"] == second["completion_tokens"]


def test_version_is_required_and_known(raw_messages: RawMessages) -> None:
    for version, message in (("", "anthropic-version: header is required"), ("2020-01-01", "valid version")):
        status, error = raw_messages.refused({}, anthropic_version=version)
        assert status == 400
        assert message in error["message"]


def test_of_two_keys_the_vendors_own_header_counts(raw_messages: RawMessages) -> None:
    status, error = raw_messages.refused({}, x_api_key="sk-other")
    assert (status, error) == (401, {"type": "authentication_error", "message": "invalid x-api-key"})
    assert raw_messages.refused({}, x_api_key=KEY)[0] == 400


def test_directives_of_the_last_words_hold_through_tool_results(
    raw_messages: RawMessages, provider: ProviderHandle
) -> None:
    asked = HI | {"content": "Hi [[orbit-demo: tokens=4 prompt_tokens=70]]"}
    raw_messages.ask("", stream=False, messages=[asked, USE, _result("t1")], tools=[TOOL])
    record = provider.requests()[0]
    assert (record["completion_tokens"], record["prompt_tokens"]) == (4, 70)


def test_unknown_page_below_messages_is_not_found(raw_messages: RawMessages) -> None:
    with raw_messages.connect({}, path="/v1/messages/none", anthropic_version=OLD) as connection:
        received, _ = read_answer(connection)
    assert received.startswith(b"HTTP/1.1 404")
    assert b"not_found_error" in received


@pytest.mark.parametrize("odd", [5, "x", [5], [[]], {"type": 5}, {"type": []}, [{"type": {}}], True])
@pytest.mark.parametrize(
    "field", ["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata", "model"]
)
def test_odd_values_are_no_failure_of_the_provider(raw_messages: RawMessages, field: str, odd: Any) -> None:
    with raw_messages.post(
        {"model": "demo-claude", "max_tokens": 9, "messages": [HI]} | {field: odd}
    ) as connection:
        assert int(read_answer(connection)[0].split()[1]) in (200, 400, 404)
