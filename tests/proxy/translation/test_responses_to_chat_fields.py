"""Every field of the vendor's request, and every kind of item and tool, has been decided on; refusals name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from openai.types.responses import (
    custom_tool_param,
    easy_input_message_param,
    function_tool_param,
    response_create_params,
    response_custom_tool_call_output_param,
    response_custom_tool_call_param,
    response_function_tool_call_param,
    response_includable,
    response_input_item_param,
    response_output_message_param,
    response_reasoning_item_param,
    response_text_config_param,
    tool_param,
)
from openai.types.responses.response_input_file_content_param import ResponseInputFileContentParam
from openai.types.responses.response_input_file_param import ResponseInputFileParam
from openai.types.responses.response_input_image_content_param import ResponseInputImageContentParam
from openai.types.responses.response_input_image_param import ResponseInputImageParam
from openai.types.responses.response_input_text_content_param import ResponseInputTextContentParam
from openai.types.responses.response_input_text_param import ResponseInputTextParam
from openai.types.responses.response_output_refusal_param import ResponseOutputRefusalParam
from openai.types.responses.response_output_text_param import ResponseOutputTextParam
from openai.types.shared_params.reasoning import Reasoning

from orbit.lib.errors import Code, OrbitError
from proxy.formats.base import Terms
from proxy.translation.responses_to_chat import responses_to_chat
from proxy.translation.responses_to_chat.request import NEEDLESS, REFUSED, TRANSLATED
from tenants.untranslatable import Dropping
from tests.proxy.translation.responses_to_chat_cases import (
    CALL,
    CUSTOM,
    CUSTOM_CALL,
    CUSTOM_RESULT,
    FUNCTION,
    HI,
    RESULT,
    ask,
    takes,
    translate,
)

PROGRAM = {"type": "program", "caller_id": "call_9"}
PICTURE = {"type": "input_image", "image_url": "https://example.com/a.png"}


def arms(kind: Any) -> Iterator[Any]:
    """The members of a union, however deep."""
    if get_origin(kind) is None or not get_args(kind) or hasattr(kind, "__required_keys__"):
        yield kind
    else:
        for one in get_args(kind):
            yield from arms(one)


def named(kind: Any) -> set[str]:
    """The values that a TypedDict's `type` can have."""
    found = get_type_hints(kind)["type"]
    values: set[str] = set()
    stack = [found]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            values.add(one)
        elif one is not type(None):
            stack += get_args(one)
    return values


def fields(kind: Any) -> set[str]:
    return set(get_type_hints(kind))


def refused(body: dict[str, Any], path: str) -> None:
    with pytest.raises(OrbitError) as caught:
        translate(body)
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.param == path
    assert repr(path) in caught.value.message


def shows(*parts: Any) -> dict[str, Any]:
    return ask(input=[{"role": "user", "content": [{"type": "input_text", "text": "a"}, *parts]}])


TRANSLATED_ITEMS = {
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
}
REFUSED_ITEMS = {
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "web_search_call",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "configuration_update",
    "compaction",
    "compaction_trigger",
    "image_generation_call",
    "code_interpreter_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "item_reference",
    "program",
    "program_output",
}
REFUSED_TOOLS = {
    "file_search",
    "computer",
    "computer_use_preview",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "mcp",
    "code_interpreter",
    "programmatic_tool_calling",
    "image_generation",
    "local_shell",
    "shell",
    "namespace",
    "tool_search",
    "apply_patch",
}
REFUSED_CHOICES = {
    "file_search",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "computer",
    "computer_use_preview",
    "computer_use",
    "image_generation",
    "code_interpreter",
    "mcp",
    "programmatic_tool_calling",
    "apply_patch",
    "shell",
}
# A body for each field that is refused, wherever it stands.
NAMED: dict[str, dict[str, Any]] = {
    "access_programs": ask(access_programs={"cyber": "standard"}),
    "background": ask(background=True),
    "background_options": ask(background_options={"completion_window": "2h"}),
    "context_management": ask(context_management=[{"type": "compaction"}]),
    "conversation": ask(conversation="conv_1"),
    "image": ask(image={"context_compression": "enabled"}),
    "moderation": ask(moderation={"model": "omni-moderation-latest"}),
    "previous_response_id": ask(previous_response_id="resp_1"),
    "prompt": ask(prompt={"id": "pmpt_1"}),
    "store": ask(store=True),
    "top_logprobs": ask(top_logprobs=3),
    "truncation": ask(truncation="auto"),
    "mystery": ask(mystery=1),
    "service_tier": ask(service_tier="ultrafast"),
    "stream_options.include_obfuscation": ask(stream_options={"include_obfuscation": True}),
    "prompt_cache_options.ttl": ask(prompt_cache_options={"ttl": "12h"}),
    "prompt_cache_options.prewarm": ask(prompt_cache_options={"prewarm": True}),
    "prompt_cache_options.comparison_response_id": ask(prompt_cache_options={"comparison_response_id": "r"}),
    "reasoning.summary": ask(reasoning={"summary": "concise"}),
    "reasoning.generate_summary": ask(reasoning={"generate_summary": "concise"}),
    "reasoning.context": ask(reasoning={"context": "all_turns"}),
    "reasoning.mode": ask(reasoning={"mode": "pro"}),
    "input[1].caller": takes({**CALL, "caller": PROGRAM}),
    "input[1].async": takes({**CALL, "async": True}),
    "input[1].namespace": takes({**CALL, "namespace": "n"}),
    "input[2].caller": takes(CALL, {**RESULT, "caller": PROGRAM}),
    "input[2].namespace": takes(CALL, {**RESULT, "namespace": "n"}),
    "input[2].output[0]": takes(CALL, {**RESULT, "output": [PICTURE]}),
    "input[0].content[0]": ask(input=[{"role": "system", "content": [PICTURE]}, HI]),
    "input[0].content[1].file_id": shows({"type": "input_image", "file_id": "file-1"}),
    "input[0].content[1].file_url": shows({"type": "input_file", "file_url": "https://example.com/a.pdf"}),
    "input[0].content[1].detail": shows({"type": "input_file", "file_data": "x", "detail": "high"}),
    "input[0].content[1].mystery": shows({"type": "input_text", "text": "b", "mystery": 1}),
    "tools[0].async": ask(tools=[{**FUNCTION, "async": True}]),
    "tools[0].defer_loading": ask(tools=[{**CUSTOM, "defer_loading": True}]),
    "tools[0].allowed_callers": ask(tools=[{**FUNCTION, "allowed_callers": ["programmatic"]}]),
    "tools[0].output_schema": ask(tools=[{**FUNCTION, "output_schema": {}}]),
    "tool_choice.tools[0]": ask(
        tools=[FUNCTION], tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}
    ),
    "text.mystery": ask(text={"mystery": 1}),
}
WRONG: dict[str, dict[str, Any]] = {
    "input": ask(input=[]),
    "instructions": ask(instructions=[]),
    "input[0]": ask(input=["Hi"]),
    "input[0].role": ask(input=[{"role": "robot", "content": "a"}]),
    "input[1].call_id": takes({"type": "function_call_output", "output": "ok"}),
    "input[0].content[1].image_url": shows({"type": "input_image"}),
    "input[0].content[1].file_data": shows({"type": "input_file", "filename": "a.pdf"}),
    "temperature": ask(temperature="warm"),
    "tools[1].name": ask(tools=[FUNCTION, {**CUSTOM, "name": "f"}]),
    "tool_choice": ask(tool_choice="maybe"),
    "tool_choice.mode": ask(tool_choice={"type": "allowed_tools", "tools": []}),
    "text.format.type": ask(text={"format": {"type": "xml"}}),
    "text.format.schema": ask(text={"format": {"type": "json_schema", "name": "n"}}),
    "reasoning.effort": ask(reasoning={"effort": "huge"}),
    "tool_choice.type": ask(tools=[FUNCTION], tool_choice={"type": []}),
    "parallel_tool_calls": ask(tools=[FUNCTION], parallel_tool_calls="yes"),
}


def test_every_field_of_a_request_is_decided_on() -> None:
    known = {"stream", "client_metadata"}  # the first stands in a subtype, the second is Codex's
    found = fields(response_create_params.ResponseCreateParamsBase)
    assert found | known == TRANSLATED | NEEDLESS | REFUSED.keys()
    assert not (TRANSLATED & NEEDLESS) | (TRANSLATED | NEEDLESS) & REFUSED.keys()
    assert REFUSED.keys() <= NAMED.keys()


def test_every_field_inside_a_setting_is_decided_on() -> None:
    assert fields(Reasoning) == {"effort", "summary", "generate_summary", "context", "mode"}
    assert fields(response_text_config_param.ResponseTextConfigParam) == {"format", "verbosity"}
    assert fields(response_create_params.StreamOptions) == {"include_obfuscation"}
    options = {"mode", "ttl", "prewarm", "comparison_response_id"}
    assert fields(response_create_params.PromptCacheOptions) == options


def test_every_kind_of_item_is_decided_on() -> None:
    found = {name for kind in arms(response_input_item_param.ResponseInputItemParam) for name in named(kind)}
    assert found == TRANSLATED_ITEMS | REFUSED_ITEMS


@pytest.mark.parametrize("kind", sorted(REFUSED_ITEMS))
def test_item_without_a_counterpart_is_refused_by_its_place(kind: str) -> None:
    refused(takes({"type": kind, "id": "x_1"}), "input[1]")


def test_reference_may_come_without_its_type() -> None:
    refused(takes({"id": "msg_1"}), "input[1]")


def test_every_kind_of_tool_is_decided_on() -> None:
    found = {name for kind in arms(tool_param.ToolParam) for name in named(kind)}
    assert found == {"function", "custom"} | REFUSED_TOOLS


@pytest.mark.parametrize("kind", sorted(REFUSED_TOOLS))
def test_tool_that_the_provider_would_run_is_refused_by_its_place(kind: str) -> None:
    refused(ask(tools=[FUNCTION, {"type": kind}]), "tools[1]")


def test_every_choice_of_a_tool_is_decided_on() -> None:
    kinds = [kind for kind in arms(response_create_params.ToolChoice) if hasattr(kind, "__required_keys__")]
    found = {name for kind in kinds for name in named(kind)}
    assert found == {"allowed_tools", "function", "custom"} | REFUSED_CHOICES


@pytest.mark.parametrize("kind", sorted(REFUSED_CHOICES))
def test_choice_of_a_tool_that_is_not_run_is_refused(kind: str) -> None:
    refused(ask(tools=[FUNCTION], tool_choice={"type": kind}), "tool_choice")


def test_everything_to_include_but_encrypted_reasoning_is_refused() -> None:
    included = get_args(response_includable.ResponseIncludable)
    assert "reasoning.encrypted_content" in included
    for name in included:
        if name != "reasoning.encrypted_content":
            refused(ask(include=["reasoning.encrypted_content", name]), "include[1]")


KEPT = {"type", "id", "status"}
# Read, or of no use to the model; whatever else a type has stands under `NAMED`, or is tested below.
DECIDED: list[tuple[Any, set[str], set[str]]] = [
    (easy_input_message_param.EasyInputMessageParam, {"type", "role", "content", "phase"}, set()),
    (response_input_item_param.Message, {"type", "role", "content", "status"}, set()),
    (response_output_message_param.ResponseOutputMessageParam, KEPT | {"role", "content", "phase"}, set()),
    (
        response_function_tool_call_param.ResponseFunctionToolCallParam,
        KEPT | {"call_id", "name", "arguments"},
        {"caller", "async", "namespace"},
    ),
    (
        response_input_item_param.FunctionCallOutput,
        KEPT | {"call_id", "output", "name"},
        {"caller", "namespace"},
    ),
    (
        response_custom_tool_call_param.ResponseCustomToolCallParam,
        {"type", "id", "call_id", "name", "input"},
        {"caller", "async", "namespace"},
    ),
    (
        response_custom_tool_call_output_param.ResponseCustomToolCallOutputParam,
        {"type", "id", "call_id", "output"},
        {"caller"},
    ),
    (
        response_reasoning_item_param.ResponseReasoningItemParam,
        KEPT | {"summary", "content", "encrypted_content"},
        set(),
    ),
    (
        function_tool_param.FunctionToolParam,
        {"type", "name", "description", "parameters", "strict"},
        {"async", "defer_loading", "allowed_callers", "output_schema"},
    ),
    (
        custom_tool_param.CustomToolParam,
        {"type", "name", "description", "format"},
        {"async", "defer_loading", "allowed_callers"},
    ),
    *(
        (kind, {"type", "text", "prompt_cache_breakpoint"}, set())
        for kind in (ResponseInputTextParam, ResponseInputTextContentParam)
    ),
    *(
        (kind, {"type", "image_url", "detail", "prompt_cache_breakpoint"}, {"file_id"})
        for kind in (ResponseInputImageParam, ResponseInputImageContentParam)
    ),
    *(
        (
            kind,
            {"type", "file_data", "filename", "prompt_cache_breakpoint"},
            {"file_id", "file_url", "detail"},
        )
        for kind in (ResponseInputFileParam, ResponseInputFileContentParam)
    ),
    (ResponseOutputTextParam, {"type", "text", "annotations", "logprobs"}, set()),
    (ResponseOutputRefusalParam, {"type", "refusal"}, set()),
]


@pytest.mark.parametrize(("kind", "taken", "named_fields"), DECIDED, ids=[one[0].__name__ for one in DECIDED])
def test_every_field_of_what_is_translated_is_decided_on(
    kind: Any, taken: set[str], named_fields: set[str]
) -> None:
    assert fields(kind) == taken | named_fields
    refusals = {path.rpartition(".")[2] for path in NAMED}
    assert named_fields <= refusals


@pytest.mark.parametrize("path", NAMED)
def test_what_has_no_counterpart_is_refused_by_name(path: str) -> None:
    refused(NAMED[path], path)


@pytest.mark.parametrize("item", [CUSTOM_CALL, CUSTOM_RESULT], ids=["call", "result"])
def test_custom_calls_by_programs_are_refused_too(item: dict[str, Any]) -> None:
    refused(takes({**item, "caller": PROGRAM}), "input[1].caller")


@pytest.mark.parametrize("path", WRONG)
def test_what_the_format_itself_forbids_is_named(path: str) -> None:
    with pytest.raises(OrbitError) as caught:
        translate(WRONG[path], drop=Dropping((None,)))
    assert (caught.value.code, caught.value.param) == (Code.INVALID_REQUEST, path)


@pytest.mark.parametrize("path", NAMED)
def test_policy_may_let_it_be_left_out_and_it_is_listed(path: str) -> None:
    terms = Terms(
        model="served", output_cap=10, drop=Dropping((frozenset({path.partition("[")[0].partition(".")[0]}),))
    )
    made = responses_to_chat(NAMED[path], terms)
    assert terms.dropped == [path]
    assert made.body["messages"]
