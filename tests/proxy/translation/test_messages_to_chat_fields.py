"""Nothing that Anthropic's SDK can send is undecided: a new field or block of a later SDK fails here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from anthropic.types import (
    content_block_source_content_param,
    document_block_param,
    image_block_param,
    message_create_params,
    tool_result_block_param,
    tool_union_param,
)
from anthropic.types.beta import beta_tool_union_param
from anthropic.types.beta import message_create_params as beta_create_params
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

from orbit.lib.errors import Code, OrbitError
from proxy.translation.messages_to_chat import content, request, tools
from proxy.translation.messages_to_chat.conversation import MESSAGE
from tests.proxy.translation.messages_to_chat import sent, terms

CREATE = [
    message_create_params.MessageCreateParamsNonStreaming,
    message_create_params.MessageCreateParamsStreaming,
    beta_create_params.MessageCreateParamsNonStreaming,
    beta_create_params.MessageCreateParamsStreaming,
]
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def objects(kind: Any) -> Iterator[Any]:
    """The objects of a union, a list, or an annotation."""
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        yield kind
    for inner in get_args(kind):
        yield from objects(inner)


def fields(kind: Any) -> dict[str, Any]:
    if is_typeddict(kind):
        return get_type_hints(kind)
    # a model of the SDK names a field that Python keeps for itself otherwise than JSON does
    return {one.alias or name: one.annotation for name, one in kind.model_fields.items()}


def names(kind: Any) -> set[str]:
    """The values of its field `type`."""
    return {value for value in literals(fields(kind)["type"]) if isinstance(value, str)}


def literals(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for inner in get_args(kind):
            yield from literals(inner)


def of(name: str) -> list[Any]:
    """The objects that a top-level field can hold."""
    return [one for params in CREATE if name in fields(params) for one in objects(fields(params)[name])]


def refused(**given: Any) -> str | None:
    with pytest.raises(OrbitError) as caught:
        sent(**given)
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.param is not None
    assert repr(caught.value.param) in caught.value.message
    return caught.value.param


MESSAGES = of("messages")
BLOCKS = [
    block
    for source in [
        *[fields(message)["content"] for message in MESSAGES],
        tool_result_block_param.Content,
        content_block_source_content_param.ContentBlockSourceContentParam,
    ]
    for block in objects(source)
]
TOOLS = [*objects(tool_union_param.ToolUnionParam), *objects(beta_tool_union_param.BetaToolUnionParam)]


def test_every_field_of_a_request_is_decided() -> None:
    known = {name for params in CREATE for name in fields(params)}
    assert len(known) > 25
    assert known <= request.TRANSLATED | request.LEFT_OUT | request.REFUSED.keys()


@pytest.mark.parametrize("name", sorted(request.REFUSED))
def test_field_that_is_refused_is_named_or_left_out_by_permission(name: str) -> None:
    assert refused(**{name: "x"}) == name
    settled = terms(drop=[name])
    given: dict[str, Any] = {name: "x"}
    assert name not in sent(settled=settled, **given)
    assert settled.dropped == [name]


@pytest.mark.parametrize("name", sorted(request.REFUSED))
def test_field_that_says_nothing_is_not_refused(name: str) -> None:
    settled = terms()
    sent(settled=settled, **{name: None})
    assert settled.dropped == []


def test_field_that_nobody_knows_is_refused() -> None:
    assert refused(new_field=1) == "new_field"


def test_every_block_is_decided() -> None:
    kinds = {name for block in BLOCKS for name in names(block)}
    assert len(kinds) > 20
    assert kinds <= content.FIELDS.keys() | content.REFUSED.keys()


def test_every_field_of_a_block_is_decided() -> None:
    undecided = {
        (kind, name)
        for block in BLOCKS
        for kind in names(block) & content.FIELDS.keys()
        for name in fields(block).keys() - content.FIELDS[kind]
    }
    assert undecided == set()


@pytest.mark.parametrize("kind", [*sorted(content.REFUSED), "new_block"])
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_block_that_is_refused_is_named_wherever_it_stands(kind: str, role: str) -> None:
    text = {"type": "text", "text": "a"}
    last = {"role": "user", "content": "b"}
    messages = [{"role": role, "content": [text, {"type": kind}]}, last]
    assert refused(messages=messages) == "messages[0].content[1]"
    settled = terms(drop=["messages"])
    assert sent(settled=settled, messages=messages)["messages"][0]["content"].startswith("a")
    assert settled.dropped == ["messages[0].content[1]"]


@pytest.mark.parametrize("kind", sorted(content.FIELDS))
def test_unknown_field_of_a_block_is_refused(kind: str) -> None:
    block = {
        "type": kind,
        "text": "a",
        "id": "1",
        "name": "f",
        "input": {},
        "tool_use_id": "0",
        "title": "t",
        "content": [],
        "source": {"type": "url", "url": "https://e.example/i.png"},
    }
    known = {name: value for name, value in block.items() if name in content.FIELDS[kind]}
    before = {"role": "assistant", "content": [{"type": "tool_use", "id": "0", "name": "f", "input": {}}]}
    mine = kind in ("tool_use", "thinking", "redacted_thinking")
    history = [before] if kind == "tool_result" else []
    messages = [*history, {"role": "assistant" if mine else "user", "content": [{**known, "new": 1}]}]
    assert refused(messages=messages) == f"messages[{len(history)}].content[0].new"


def test_every_tool_is_custom_or_refused_by_its_type() -> None:
    kinds = [(kind, tool) for tool in TOOLS for kind in names(tool)]
    assert len(kinds) > 20
    for kind, tool in kinds:
        if kind == "custom":
            assert fields(tool).keys() <= tools.TOOL
        else:
            assert refused(tools=[TOOL, {"type": kind, "name": "x"}]) == "tools[1]"


def test_every_choice_of_tools_is_translated() -> None:
    for choice in of("tool_choice"):
        assert names(choice) <= tools.CHOICES.keys() | {"tool"}
        assert fields(choice).keys() <= tools.CHOICE


# Fields of the objects of a request that are refused; the value makes no difference.
INNER = {
    "thinking": {"block_binding"},
    "output_config": {"task_budget"},
    "metadata": set[str](),
    "context_management": set[str](),
}
KNOWN = {
    "thinking": request.THINKING,
    "output_config": request.OUTPUT_CONFIG,
    "metadata": {"user_id"},
    "context_management": {"edits"},
}


@pytest.mark.parametrize("name", sorted(INNER))
def test_every_field_of_the_objects_of_a_request_is_decided(name: str) -> None:
    assert {one for kind in of(name) for one in fields(kind)} <= KNOWN[name] | INNER[name]
    for inner in INNER[name]:
        assert refused(
            **{name: {"type": "adaptive", inner: {"x": 1}} if name == "thinking" else {inner: 1}}
        ) == (f"{name}.{inner}")


def test_every_kind_of_thinking_is_decided() -> None:
    kinds = {name for kind in of("thinking") for name in names(kind)}
    assert kinds == {"enabled", "disabled", "adaptive", "between_tools"}
    assert refused(thinking={"type": "between_tools"}) == "thinking.type"


def test_every_field_of_a_message_is_decided() -> None:
    assert {name for kind in MESSAGES for name in fields(kind)} <= MESSAGE


def test_every_source_is_decided() -> None:
    images = {name for kind in objects(image_block_param.Source) for name in names(kind)}
    documents = {name for kind in objects(document_block_param.Source) for name in names(kind)}
    assert images == {"base64", "url", "file"}
    assert documents == {"base64", "text", "content", "url", "file"}


@pytest.mark.parametrize(("block", "source"), [("image", "file"), ("document", "file"), ("document", "url")])
def test_source_that_cannot_be_read_elsewhere_is_refused(block: str, source: str) -> None:
    one = {"type": block, "source": {"type": source, "file_id": "f", "url": "https://e.example/a.pdf"}}
    assert refused(messages=[{"role": "user", "content": [one]}]) == "messages[0].content[0].source"


def test_every_edit_of_the_context_is_decided() -> None:
    edits = {
        name
        for kind in of("context_management")
        for edit in objects(fields(kind)["edits"])
        for name in names(edit)
    }
    assert edits == {"clear_tool_uses_20250919", "clear_thinking_20251015", "compact_20260112"}
    for edit in edits - {"clear_thinking_20251015"}:
        assert refused(context_management={"edits": [{"type": edit}]}) == "context_management.edits[0]"
