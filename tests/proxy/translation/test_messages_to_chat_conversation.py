"""What was said, as messages of chat completions, judged by OpenAI's SDK types."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib.errors import OrbitError
from proxy.formats.chat_options import SIGNATURE, Options
from tests.proxy.translation.messages_to_chat import (
    HELLO,
    PDF,
    PIXEL,
    Block,
    assistant,
    messages,
    parts,
    refused,
    result,
    sent,
    terms,
    text,
    translated,
    use,
    user,
)


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


@pytest.mark.parametrize(
    "message", [{"role": "system", "clear_at": "soon"}, user("b") | {"clear_at": "next_user_message"}]
)
def test_message_that_would_go_otherwise_is_refused(message: dict[str, Any]) -> None:
    assert refused(user("a"), {"content": "b", **message}, user("c")) == "messages[1].clear_at"


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ({**PIXEL, "transformations": {"tiles": 4}}, "transformations.tiles"),
        ({**PIXEL, "source": {"type": "url", "url": "https://e.example", "page": 1}}, "source.page"),
        ({"type": "document", "source": {**PDF, "pages": [1]}}, "source.pages"),
        ({"type": "document", "source": {**PDF, "media_type": "text/html"}}, "source.media_type"),
        ({"type": "document", "source": PDF, "citations": {"style": "x"}}, "citations.style"),
        ({"type": "document", "source": PDF, "title": ["a"]}, "title"),
        ({"type": "document", "source": PDF, "context": {}}, "context"),
    ],
)
def test_nothing_inside_a_block_is_passed_over(block: Block, field: str) -> None:
    assert refused(user(block)) == f"messages[0].content[0].{field}"


def test_effort_of_one_turn_is_refused() -> None:
    message = {"role": "system", "output_config": {"effort": "low"}}
    assert refused(user("a"), message, user("b")) == "messages[1].output_config"


@pytest.mark.parametrize("options", [Options(), Options(short_ids=True)])
def test_ids_that_the_server_would_not_take_are_replaced_alike(options: Options) -> None:
    long = "toolu_" + "x" * 60
    made = messages(*HELLO, assistant(use(long)), user(result(long)), options=options)
    (call,) = made[1]["tool_calls"]
    assert call["id"] == made[2]["tool_call_id"]
    assert len(call["id"]) == (9 if options.short_ids else 29)
