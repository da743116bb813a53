"""Text completions and moderations, through the official OpenAI client unchanged."""

from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI
from openai.types import ModerationMultiModalInputParam

from orbit.demo.provider.process import ProviderHandle

from .conftest import Raw

MODEL = "gpt-3.5-turbo-instruct"
PATH = "/v1/completions"


def _record(provider: ProviderHandle) -> dict[str, Any]:
    provider.wait_idle()
    return provider.requests()[-1]


def test_plain_completion_reports_what_is_charged(client: OpenAI, provider: ProviderHandle) -> None:
    answer = client.completions.create(model=MODEL, prompt="Once upon a time", max_tokens=12)
    assert (answer.object, answer.choices[0].finish_reason) == ("text_completion", "length")
    assert answer.choices[0].logprobs is None
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 12)
    assert _record(provider)["cost_nano"] == 4 * 1_500 + 12 * 2_000


def test_stream_gives_the_same_text_and_usage_at_its_end(client: OpenAI) -> None:
    plain = client.completions.create(model=MODEL, prompt="Once", max_tokens=9)
    chunks = list(
        client.completions.create(
            model=MODEL, prompt="Once", max_tokens=9, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == plain.choices[0].text
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert {chunk.usage for chunk in chunks[:-1]} == {None}
    unasked = list(client.completions.create(model=MODEL, prompt="Once", stream=True))
    assert all("usage" not in chunk.model_fields_set for chunk in unasked)


def test_every_prompt_has_its_choices_and_all_candidates_are_charged(
    client: OpenAI, provider: ProviderHandle
) -> None:
    answer = client.completions.create(model=MODEL, prompt=["one", "two"], n=2, best_of=3, max_tokens=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage
    assert answer.usage.completion_tokens == 2 * 3 * 5
    assert _record(provider)["completion_tokens"] == 30
    with pytest.raises(BadRequestError) as fewer:
        client.completions.create(model=MODEL, prompt="one", n=2, best_of=1)
    assert fewer.value.param == "best_of"


def test_prompts_of_token_ids_count_their_ids(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt=[[1, 2, 3], [4]], max_tokens=1)
    assert answer.usage
    assert (answer.usage.prompt_tokens, len(answer.choices)) == (4, 2)


def test_echo_and_suffix(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="Once upon", echo=True, max_tokens=0)
    assert answer.choices[0].text == "Once upon"
    assert answer.usage
    assert answer.usage.completion_tokens == 0
    longer = client.completions.create(model=MODEL, prompt="Once upon", suffix=" the end", max_tokens=3)
    assert longer.usage
    assert longer.usage.prompt_tokens == 4


def test_chat_model_is_refused_here(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as refused:
        client.completions.create(model="gpt-4o", prompt="x")
    assert refused.value.status_code == 404


@pytest.mark.parametrize("kind", ["missing", "zero", "twice", "with_finish", "running"])
def test_odd_usage_leaves_the_true_cost(raw: Raw, provider: ProviderHandle, kind: str) -> None:
    fields = {"model": MODEL, "prompt": "Hi", "stream": True, "stream_options": {"include_usage": True}}
    received, ending = raw.ask_at(PATH, fields, f"tokens=5 usage={kind}")
    assert ending == "complete"
    counts = {"missing": 0, "zero": 1, "twice": 2, "with_finish": 1, "running": 6}
    assert received.count(b'"completion_tokens":') == counts[kind]
    assert _record(provider)["cost_nano"] == 1 * 1_500 + 5 * 2_000


def test_faults_of_streams(raw: Raw, provider: ProviderHandle) -> None:
    fields = {"model": MODEL, "prompt": "Hi", "stream": True}
    received, ending = raw.ask_at(PATH, fields, "tokens=9 fin_after_chunks=3")
    assert (received.count(b'"text":"'), ending) == (3, "fin")
    received, _ = raw.ask_at(PATH, fields, "tokens=9 error_after_chunks=2")
    assert b'data: {"error":{' in received
    assert b"[DONE]" not in raw.ask_at(PATH, fields, "tokens=2 no_done")[0]
    provider.wait_idle()
    assert [record["completion_tokens"] for record in provider.requests()] == [3, 2, 2]


def test_directives_stand_in_the_prompt(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as refused:
        client.completions.create(model=MODEL, prompt="[[orbit-demo: status=502]]")
    assert refused.value.status_code == 502


def test_moderation_judges_each_text_and_reports_no_usage(client: OpenAI, provider: ProviderHandle) -> None:
    answer = client.moderations.create(model="omni-moderation-latest", input=["Good day", "I will kill you"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence
    assert answer.results[1].category_scores.violence > 0.9
    assert "usage" not in answer.model_dump()
    record = _record(provider)
    assert (record["cost_nano"], record["work_began"]) == (0, True)


def test_moderation_of_text_and_picture_is_one_judgement(client: OpenAI) -> None:
    parts: list[ModerationMultiModalInputParam] = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    answer = client.moderations.create(input=parts)
    assert answer.model == "omni-moderation-latest"
    (result,) = answer.results
    assert result.category_applied_input_types.violence == ["text", "image"]
    assert result.category_applied_input_types.hate == ["text"]


def test_moderation_refuses_what_it_cannot_read_and_obeys_directives(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.moderations.create(input=[])
    assert refused.value.param == "input"
    with pytest.raises(APIStatusError) as asked:
        client.moderations.create(input="[[orbit-demo: status=500]]")
    assert asked.value.status_code == 500
