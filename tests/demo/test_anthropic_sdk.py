"""The official Anthropic client, unchanged, against the demo provider."""

from anthropic import Anthropic
from anthropic.types import MessageParam

from orbit.demo.provider.process import ProviderHandle

HELLO: list[MessageParam] = [{"role": "user", "content": "Hello there, how are you?"}]


def test_plain_answer_has_text_and_a_full_usage_block(claude: Anthropic, provider: ProviderHandle) -> None:
    answer = claude.messages.create(model="claude-sonnet-4-6", max_tokens=500, messages=HELLO)
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    assert answer.model == "claude-sonnet-4-6"
    assert answer.content[0].type == "text"
    assert len(answer.content[0].text) > 40
    assert answer._request_id
    record = provider.request(answer._request_id)
    assert (record["prompt_tokens"], record["completion_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    assert record["cost_nano"] == record["prompt_tokens"] * 3_000 + record["completion_tokens"] * 15_000


def test_stream_says_what_the_plain_answer_says(claude: Anthropic) -> None:
    plain = claude.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=HELLO)
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=500, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert streamed.to_dict() == plain.to_dict() | {"id": streamed.id}
    assert streamed.stop_reason == plain.stop_reason == "end_turn"
