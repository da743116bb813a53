"""Messages requests as chat completions, judged by OpenAI's SDK types."""

from __future__ import annotations

import random
from typing import Any

import pytest

from orbit.lib.errors import Code, OrbitError
from proxy.formats.chat import Chat
from proxy.translation.messages_to_chat import SIGNATURE, Options, messages_to_chat
from tests.proxy.translation.messages_to_chat import HELLO, fixture, sent, terms, translated

Block = dict[str, Any]

PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


def user(*blocks: Block | str) -> dict[str, Any]:
    return {"role": "user", "content": [text(one) if isinstance(one, str) else one for one in blocks]}


def assistant(*blocks: Block | str) -> dict[str, Any]:
    return {"role": "assistant", "content": [text(one) if isinstance(one, str) else one for one in blocks]}


def text(said: str) -> Block:
    return {"type": "text", "text": said}


def use(call: str, name: str = "f", **given: Any) -> Block:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def result(call: str, content: Any = "ok", **fields: Any) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": content, **fields}


def tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": OPEN, **fields}


def messages(*given: dict[str, Any], options: Options | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sent(options, messages=list(given))["messages"]
    return found


def parts(*blocks: Block | str) -> Any:
    (message,) = messages(user(*blocks))
    return message["content"]


def refused(*given: dict[str, Any], **fields: Any) -> str | None:
    with pytest.raises(OrbitError) as caught:
        translated(**fields | ({"messages": list(given)} if given else {}))
    assert caught.value.code is Code.INVALID_REQUEST
    return caught.value.param


def test_a_coding_agents_turn_is_sent_whole() -> None:
    given = fixture("agent_request")
    settled = terms(stream=True)
    assert sent(settled=settled, **given["body"]) == given["sent"]
    assert settled.dropped == ["thinking"]


@pytest.mark.parametrize("stream", [True, False])
def test_chat_format_has_nothing_to_change(stream: bool) -> None:
    settled = terms(stream=stream)
    assert Chat().changes(sent(settled=settled), settled) == {}


def test_texts_become_one_string() -> None:
    assert parts("a", "b") == "a\n\nb"
    assert sent(system="s")["messages"][0] == {"role": "system", "content": "s"}


def test_empty_texts_are_nothing() -> None:
    assert messages(user("", "a"), assistant(""), user("b")) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]
    assert [one["role"] for one in sent(system="")["messages"]] == ["user"]


def test_messages_of_one_role_that_follow_one_another_are_one_turn() -> None:
    given = [user("a"), user("b"), assistant("c"), assistant(use("1")), assistant(use("2"))]
    made = messages(*given, user(result("2")), user(result("1"), "d"))
    assert [one["role"] for one in made] == ["user", "assistant", "tool", "tool", "user"]
    assert [one.get("tool_call_id") for one in made[2:4]] == ["1", "2"]
    assert made[1]["content"] == "c"


def test_images_keep_their_place() -> None:
    by_url = {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}}
    assert parts("a", PIXEL, by_url, "b") == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}},
        {"type": "text", "text": "b"},
    ]


def test_image_that_must_not_be_made_smaller_is_refused() -> None:
    kept = {**PIXEL, "transformations": {"oversized_image": "error"}}
    assert refused(user(kept)) == "messages[0].content[0].transformations"
    assert parts({**PIXEL, "transformations": {"oversized_image": "downsize"}})


@pytest.mark.parametrize(("title", "filename"), [(None, "document.pdf"), ("a", "a.pdf"), ("b.pdf", "b.pdf")])
def test_pdf_becomes_a_file(title: str | None, filename: str) -> None:
    found = parts({"type": "document", "source": PDF, "title": title, "context": "why"})
    file = {"filename": filename, "file_data": "data:application/pdf;base64,JVBERi0="}
    assert found[-1] == {"type": "file", "file": file}
    assert found[0]["text"].endswith("Context: why")


def test_documents_of_text_and_of_content_become_parts() -> None:
    plain = {"type": "text", "media_type": "text/plain", "data": "inside"}
    assert parts({"type": "document", "source": plain, "title": "T"}) == "Title: T\n\ninside"
    assert parts({"type": "document", "source": {"type": "content", "content": "inside"}}) == "inside"
    found = parts({"type": "document", "source": {"type": "content", "content": [text("a"), PIXEL]}})
    assert [part["type"] for part in found] == ["text", "image_url"]


def test_search_result_becomes_text() -> None:
    block = {
        "type": "search_result",
        "title": "T",
        "source": "https://e.example",
        "content": [text("a"), text("b")],
    }
    assert parts(block) == "Search result: T\nSource: https://e.example\n\na\n\nb"


@pytest.mark.parametrize("kind", ["document", "search_result"])
def test_citations_that_are_asked_for_are_refused(kind: str) -> None:
    block: Block = {"type": kind, "title": "T", "citations": {"enabled": True}}
    block["source"] = PDF if kind == "document" else "s"
    if kind == "search_result":
        block["content"] = [text("a")]
    assert refused(user(block)) == "messages[0].content[0].citations"
    assert parts({**block, "citations": {"enabled": False}})


def test_citations_of_earlier_answers_are_told_as_left_out() -> None:
    settled = terms()
    cited = {**text("a"), "citations": [{"type": "char_location"}]}
    made = sent(settled=settled, messages=[*HELLO, assistant(cited, "b"), user("c")])
    assert made["messages"][1]["content"] == "ab"
    assert settled.dropped == ["citations"]


def test_texts_on_both_sides_of_a_call_are_kept_apart() -> None:
    made = messages(user("a"), assistant("b", use("1", x=[1, "é"]), "c"), user(result("1")))
    assert made[1] == {
        "role": "assistant",
        "content": "b\n\nc",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":[1,"é"]}'}}
        ],
    }


def test_results_come_first_and_in_the_order_of_the_calls() -> None:
    made = messages(
        user("a"), assistant(use("1"), use("2")), user("b", result("2", "two"), result("1", "one"))
    )
    assert made[2:] == [
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "user", "content": "b"},
    ]


def test_result_may_be_empty_an_error_or_of_parts() -> None:
    def content(**fields: Any) -> str:
        found: str = messages(user("a"), assistant(use("1")), user({**result("1"), **fields}))[2]["content"]
        return found

    assert content(content=None) == ""
    assert content(content="no", is_error=True) == "Error: no"
    assert content(content=[text("a"), text("b")]) == "a\n\nb"


def test_files_of_results_follow_in_the_users_message() -> None:
    pdf = {"type": "document", "source": PDF}
    made = messages(
        user("a"), assistant(use("1", "shot"), use("2")), user(result("1", [PIXEL, pdf]), result("2"))
    )
    assert [one["role"] for one in made[2:]] == ["tool", "tool", "user"]
    assert [part["type"] for part in made[4]["content"]] == ["text", "image_url", "file"]
    assert "1 (shot)" in made[4]["content"][0]["text"]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([assistant(use("1"))], "messages[1].content[0]"),
        ([assistant(use("1")), user("b")], "messages[1].content[0]"),
        ([assistant(use("1"), use("2")), user(result("1"))], "messages[1].content[1]"),
        ([assistant(use("1")), {"role": "system", "content": "s"}], "messages[1].content[0]"),
        ([user(result("1"))], "messages[1].content[0].tool_use_id"),
        ([assistant(use("1")), user(result("1"), result("1"))], "messages[2].content[1].tool_use_id"),
        ([assistant(use("1"), use("1")), user(result("1"))], "messages[1].content[1].id"),
        (
            [assistant(use("1")), user(result("1")), assistant("c"), user(result("1"))],
            "messages[4].content[0].tool_use_id",
        ),
    ],
)
def test_calls_and_results_that_do_not_belong_together_are_refused(
    given: list[dict[str, Any]], param: str
) -> None:
    assert refused(user("a"), *given) == param


def test_missing_result_is_named_by_its_call() -> None:
    with pytest.raises(OrbitError, match="toolu_7"):
        messages(user("a"), assistant(use("toolu_7")), user("b"))


def test_start_of_an_answer_is_refused_or_left_out_by_permission() -> None:
    given = [*HELLO, assistant("{")]
    assert refused(*given) == "messages[1]"
    settled = terms(drop=["messages"])
    assert [one["role"] for one in sent(settled=settled, messages=given)["messages"]] == ["user"]
    assert settled.dropped == ["messages[1]"]


def test_thinking_is_left_out_and_told() -> None:
    settled = terms()
    thought = {"type": "thinking", "thinking": "x", "signature": "Eq"}
    given = [*HELLO, assistant(thought, {"type": "redacted_thinking", "data": "d"}, "a"), user("b")]
    made = sent(settled=settled, messages=given)["messages"]
    assert made[1] == {"role": "assistant", "content": "a"}
    assert settled.dropped == ["thinking"]


def test_model_gets_its_own_thinking_back_if_it_wants_it() -> None:
    options = Options(reasoning_field="reasoning_content")
    made = translated(options)
    answer = made.answer({"choices": [{"message": {"content": "a", "reasoning": "own", "tool_calls": []}}]})
    other = {"type": "thinking", "thinking": "of Claude", "signature": "Eq"}
    assert answer["content"][0]["signature"] == SIGNATURE
    back = messages(*HELLO, assistant(other, *answer["content"]), user("b"), options=options)[1]
    assert back == {"role": "assistant", "content": "a", "reasoning_content": "own"}


def test_system_message_within_a_conversation_stays_where_it_is() -> None:
    made = messages(user("a"), {"role": "system", "content": [text("s")]}, user("b"))
    assert [one["content"] for one in made] == ["a", "s", "b"]


def test_system_message_that_is_over_is_not_sent() -> None:
    over = {"role": "system", "content": "s", "clear_at": "next_user_message"}
    assert [one["content"] for one in messages(user("a"), over, assistant("b"), user("c"))] == ["a", "b", "c"]
    assert [one["content"] for one in messages(user("a"), over)] == ["a", "s"]


def test_effort_of_one_turn_is_refused() -> None:
    message = {"role": "system", "output_config": {"effort": "low"}}
    assert refused(user("a"), message, user("b")) == "messages[1].output_config"


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
    assert messages_to_chat({"messages": HELLO, "top_k": 4}, terms(), Options(top_k=True)).body["top_k"] == 4


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


@pytest.mark.parametrize("options", [Options(), Options(short_ids=True)])
def test_ids_that_the_server_would_not_take_are_replaced_alike(options: Options) -> None:
    long = "toolu_" + "x" * 60
    made = messages(*HELLO, assistant(use(long)), user(result(long)), options=options)
    (call,) = made[1]["tool_calls"]
    assert call["id"] == made[2]["tool_call_id"]
    assert len(call["id"]) == (9 if options.short_ids else 29)


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
