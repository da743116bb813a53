"""Every field of the vendor's request has been decided on, and is refused where there is no word for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from openai.types.chat import completion_create_params as params

from orbit.lib.errors import Code, OrbitError
from proxy.formats.base import Terms
from proxy.translation.chat_to_messages import chat_to_messages
from proxy.translation.chat_to_messages.request import NEEDLESS, REFUSED, TRANSLATED
from tenants.untranslatable import Dropping
from tests.proxy.translation.chat_to_messages_cases import ask, translate

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
F = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
FORCED = {"type": "function", "function": {"name": "f"}}


def said(role: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, **fields}


def talk(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return ask(messages=list(messages), **fields)


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return talk(said("user", content=[{"type": "text", "text": "a"}, *parts]))


def strict(**schema: Any) -> dict[str, Any]:
    wanted = {"name": "x", "schema": {"type": "object", **schema}}
    return ask(response_format={"type": "json_schema", "json_schema": wanted})


HI, YES = said("user", content="Hi"), said("assistant", content="Yes")
NAMED = {
    "audio": ask(audio={"format": "wav", "voice": "alloy"}),
    "frequency_penalty": ask(frequency_penalty=0.5),
    "logit_bias": ask(logit_bias={"50256": -100}),
    "logprobs": ask(logprobs=True),
    "modalities": ask(modalities=["text", "audio"]),
    "moderation": ask(moderation={"model": "omni-moderation-latest"}),
    "n": ask(n=2),
    "prediction": ask(prediction={"type": "content", "content": "x"}),
    "presence_penalty": ask(presence_penalty=-1),
    "prompt_cache_retention": ask(prompt_cache_retention="24h"),
    "seed": ask(seed=7),
    "store": ask(store=True),
    "top_logprobs": ask(top_logprobs=3),
    "verbosity": ask(verbosity="low"),
    "web_search_options": ask(web_search_options={}),
    "mystery": ask(mystery=1),
    "temperature": ask(temperature=1.5),
    "top_p": ask(temperature=0.5, top_p=0.5),
    "stop": ask(stop=" \n"),
    "stop[1]": ask(stop=["a", "\t"]),
    "service_tier": ask(service_tier="priority"),
    "stream_options.include_obfuscation": ask(stream=True, stream_options={"include_obfuscation": True}),
    "stream_options.other": ask(stream=True, stream_options={"other": 1}),
    "tools[0].type": ask(tools=[CUSTOM]),
    "tools[0].function.other": ask(tools=[{"type": "function", "function": {"name": "f", "other": 1}}]),
    "tool_choice.type": ask(tools=[F], tool_choice=CUSTOM),
    "tool_choice": ask(tools=[F], tool_choice=FORCED, reasoning_effort="high"),
    "messages[0].name": talk(said("user", content="a", name="Ann")),
    "messages[0].content[1].input_audio": user(AUDIO),
    "messages[0].content[1].image_url.detail": user(
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
    ),
    "messages[0].content[1].image_url.url": user(
        {"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}}
    ),
    "messages[0].content[1].file.file_id": user({"type": "file", "file": {"file_id": "file-1"}}),
    "messages[0].content[1].file.file_data": user(
        {"type": "file", "file": {"file_data": "data:text/csv;base64,AAAA"}}
    ),
    "messages[0].content[1].video": user({"type": "video", "video": {}}),
    "messages[0].content[1].prompt_cache_breakpoint.ttl": user(
        {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    ),
    "messages[0].content[0].image_url": talk(said("system", content=[PICTURE]), HI),
    "messages[1].audio": talk(HI, said("assistant", content="x", audio={"id": "a"}), HI),
    "messages[1].tool_calls[0].type": talk(
        HI, said("assistant", content="x", tool_calls=[{"id": "a", **CUSTOM}]), HI
    ),
    "messages[2]": talk(HI, YES, said("system", content="Now in French."), HI),
    "response_format.json_schema.schema.additionalProperties": strict(
        properties={}, additionalProperties={"type": "string"}
    ),
    "response_format.json_schema.schema": strict(
        properties={"a": {"$ref": "#/$defs/a"}},
        **{"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
    ),
    "response_format.json_schema.schema.properties.any": strict(properties={"any": {"type": "object"}}),
}


def test_every_field_of_the_sdk_is_decided_on() -> None:
    fields = get_type_hints(params.CompletionCreateParamsBase).keys() | {"stream"}
    decided = TRANSLATED | NEEDLESS | REFUSED.keys()
    assert fields - decided == set()
    assert decided - fields == {
        "cache_control",
        "thinking",
    }  # Anthropic's own, that clients send to others too


def test_every_field_that_is_decided_on_is_documented() -> None:
    told = (
        Path("docs/translation.md").read_text().split("## Chat completions to Anthropic")[1].split("\n## ")[0]
    )
    assert [name for name in TRANSLATED | NEEDLESS | REFUSED.keys() if f"`{name}" not in told] == []


def test_every_refused_field_has_its_case_here() -> None:
    assert REFUSED.keys() <= NAMED.keys()


@pytest.mark.parametrize("path", NAMED)
def test_refusal_names_what_cannot_be_sent(path: str) -> None:
    with pytest.raises(OrbitError) as refused:
        translate(NAMED[path])
    assert refused.value.code == Code.INVALID_REQUEST
    assert refused.value.param == path


@pytest.mark.parametrize("path", NAMED)
def test_what_a_policy_lets_be_dropped_is_listed_and_gone(path: str) -> None:
    terms = Terms(model="claude-sonnet-4-5", output_cap=4096, drop=Dropping((None,)))
    body = chat_to_messages(NAMED[path], terms).body
    assert path in terms.dropped
    assert body["messages"]
    assert path not in body or path == "tool_choice"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_value_that_asks_for_what_happens_anyway_is_no_reason_to_refuse(name: str) -> None:
    for value in (None, *REFUSED[name][1]):
        assert translate(ask(**{name: value})).body == translate(ask()).body


def test_only_the_named_fields_may_be_dropped() -> None:
    terms = Terms(model="claude-sonnet-4-5", output_cap=9, drop=Dropping((frozenset({"seed"}),)))
    with pytest.raises(OrbitError) as refused:
        chat_to_messages(ask(seed=1, n=2), terms)
    assert refused.value.param == "n"
    assert terms.dropped in ([], ["seed"])


ODD: list[Any] = [1, ["low"], {}]
DEEP = '{"a":' + "[" * 300 + "]" * 300 + "}"  # more than can be written again
MALFORMED = {
    "messages": [
        talk(),
        ask(messages="x"),
        talk(said("system", content="a")),
        talk(said("user", content=" ")),
    ],
    "messages[0]": [ask(messages=["x"])],
    "messages[0].role": [talk(said("robot", content="x")), talk({"content": "x"})],
    "messages[0].content": [talk(said("user", content=1))],
    "messages[0].content[1].text": [user({"type": "text", "text": 1}), user({"type": "text"})],
    "messages[0].content[1].image_url.url": [
        user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
        user({"type": "image_url", "image_url": {"url": "data:image/png,AAAA"}}),
    ],
    "messages[0].content[1].file.file_data": [
        user({"type": "file", "file": {"file_data": "data:text/plain;base64,_"}}),
        user({"type": "file", "file": {"filename": "a.pdf"}}),
    ],
    "messages[0].content[1].cache_control": [
        user({"type": "text", "text": "b", "cache_control": {"type": "x"}})
    ],
    "messages[0].tool_calls[0].function.arguments": [
        talk(said("assistant", tool_calls=[{"id": "a", "function": {"name": "f", "arguments": wrong}}]), HI)
        for wrong in ("{", "[]", "1", "nonsense", "NaN", '{"a":NaN}', 7, DEEP)
    ],
    "messages[0].tool_calls[0].id": [
        talk(said("assistant", tool_calls=[{"id": wrong, "function": {"name": "f"}}]))
        for wrong in ("", 3, None)
    ],
    "messages[0].tool_call_id": [talk(said("tool", content="x"))],
    "messages[0].name": [talk(said("function", name="f", content="x"))],
    "messages[0].thinking_blocks[0].type": [talk(said("assistant", thinking_blocks=[{"type": "x"}]))],
    "messages[0].thinking_blocks[0].signature": [
        talk(said("assistant", thinking_blocks=[{"type": "thinking"}]))
    ],
    "parallel_tool_calls": [ask(tools=[F], parallel_tool_calls=wrong) for wrong in ("no", *ODD)],
    "reasoning_effort": [ask(reasoning_effort=wrong) for wrong in ("huge", *ODD)],
    "response_format": [ask(response_format="json")],
    "response_format.type": [ask(response_format={"type": "xml"})],
    "response_format.json_schema.schema": [
        ask(response_format={"type": "json_schema", "json_schema": {"name": "x"}})
    ],
    "temperature": [ask(temperature="hot"), ask(temperature=True)],
    "thinking": [ask(thinking="yes")],
    "tools": [ask(tools={})],
    "tools[0].function.name": [ask(tools=[{"type": "function", "function": {}}])],
    "tools[0].function.strict": [
        ask(tools=[{"type": "function", "function": {"name": "f", "strict": "yes"}}])
    ],
    "tools[0].function.parameters.type": [
        ask(tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}])
    ],
    "tool_choice": [ask(tools=[F], tool_choice="sometimes"), ask(tools=[F], tool_choice=[])],
    "tool_choice.allowed_tools.tools": [
        ask(
            tools=[F],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]},
            },
        )
    ],
    "stop": [ask(stop=1)],
    "stop[0]": [ask(stop=[1])],
    "user": [ask(user=1)],
    "stream_options": [ask(stream_options=[])],
    "prompt_cache_options.mode": [ask(prompt_cache_options={"mode": "none"})],
}


@pytest.mark.parametrize(("path", "body"), [(path, body) for path in MALFORMED for body in MALFORMED[path]])
def test_what_is_wrong_in_itself_is_refused_whatever_may_be_dropped(path: str, body: dict[str, Any]) -> None:
    terms = Terms(model="claude-sonnet-4-5", output_cap=4096, drop=Dropping((None,)))
    with pytest.raises(OrbitError) as refused:
        chat_to_messages(body, terms)
    assert refused.value.code == Code.INVALID_REQUEST
    assert refused.value.param == path
