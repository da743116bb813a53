"""Speech both ways, through the official OpenAI client unchanged."""

import base64
import wave
from io import BytesIO
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI

from orbit.demo.provider.process import ProviderHandle

from .conftest import Raw, unchunked

PATH = "/v1/audio/speech"
SAY: dict[str, Any] = {"voice": "alloy", "input": "Hello there, how are you?"}


def _record(provider: ProviderHandle) -> dict[str, Any]:
    provider.wait_idle()
    return provider.requests()[-1]


def _recording(seconds: float) -> tuple[str, bytes]:
    held = BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(int(8_000 * seconds) * 2))
    return "speech.wav", held.getvalue()


def test_speech_is_a_sound_file_charged_by_the_character(client: OpenAI, provider: ProviderHandle) -> None:
    content = client.audio.speech.create(model="tts-1", response_format="wav", **SAY).content
    with wave.open(BytesIO(content)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (24_000, 34 * 1_200)
        assert any(sound.readframes(100))
    record = _record(provider)
    assert record["units"] == {"characters": 25}
    assert (record["cost_nano"], record["completion_tokens"]) == (25 * 15_000, 0)


def test_speech_streams_in_chunks_as_it_is_made(client: OpenAI, provider: ProviderHandle) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts?tokens=9", response_format="pcm", instructions="Softly", **SAY
    ) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        assert answer.headers["transfer-encoding"] == "chunked"
        content = b"".join(answer.iter_bytes())
    assert len(content) == 9 * 2_400
    record = _record(provider)
    assert (record["chunks"], record["completion_tokens"]) == (9, 9)
    assert record["cost_nano"] == record["prompt_tokens"] * 600 + 9 * 12_000


def test_default_is_mp3_frames(client: OpenAI) -> None:
    content = client.audio.speech.create(model="tts-1", **SAY).content
    frames = [content[start : start + 96] for start in range(0, len(content), 96)]
    assert {(len(frame), frame[:4]) for frame in frames} == {(96, b"\xff\xf3\x44\xc0")}


def test_speech_in_events_reports_usage_at_its_end(raw: Raw, provider: ProviderHandle) -> None:
    fields = SAY | {"model": "gpt-4o-mini-tts", "response_format": "pcm", "stream_format": "sse"}
    events = raw.events_at(PATH, fields, "tokens=3")
    assert [event["type"] for event in events] == ["speech.audio.delta"] * 3 + ["speech.audio.done"]
    assert len(base64.b64decode(events[0]["audio"])) == 2_400
    record = _record(provider)
    assert events[-1]["usage"] == {
        "input_tokens": record["prompt_tokens"],
        "output_tokens": 3,
        "total_tokens": record["prompt_tokens"] + 3,
    }
    assert "usage" not in raw.events_at(PATH, fields, "tokens=3 usage=missing")[-1]


def test_speech_broken_off_is_charged_for_what_was_made(raw: Raw, provider: ProviderHandle) -> None:
    fields = SAY | {"model": "gpt-4o-mini-tts", "response_format": "pcm"}
    received, ending = raw.ask_at(PATH, fields, "tokens=9 fin_after_chunks=2")
    assert ending == "fin"
    assert len(unchunked(received)) == 2 * 2_400
    assert _record(provider)["completion_tokens"] == 2
    assert raw.ask_at(PATH, fields, "tokens=9 error_after_chunks=2")[1] == "reset"
    with raw.connect(fields, path=PATH, x_demo="tokens=1000 pace_ms=10") as connection:
        while b"audio/pcm" not in connection.recv(4_096):
            pass
    record = _record(provider)
    assert record["outcome"] == "hung_up"
    assert record["completion_tokens"] < 1_000


def test_speech_refuses_what_it_cannot_do(client: OpenAI, provider: ProviderHandle) -> None:
    refused: list[dict[str, Any]] = [
        {"response_format": "opus"},
        {"stream_format": "sse"},
        {"speed": 9.0},
        {"input": "x" * 4_097},
        {"input": "[[orbit-demo: status=400]]"},
    ]
    for asked in refused:
        with pytest.raises(APIStatusError) as failure:
            client.audio.speech.create(**({"model": "tts-1"} | SAY | asked))
        assert failure.value.status_code == 400
    assert provider.wait_idle()["cost_nano"] == 0


def test_transcription_is_charged_by_the_second(client: OpenAI, provider: ProviderHandle) -> None:
    answer = client.audio.transcriptions.create(model="whisper-1", file=_recording(2.5))
    assert len(answer.text) > 40
    assert answer.usage
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == 3
    record = _record(provider)
    assert (record["units"], record["cost_nano"]) == ({"seconds": 3}, 3 * 100_000)
    assert record["fields"]["file"][0]["filename"] == "speech.wav"


def test_newer_transcription_is_charged_by_tokens(client: OpenAI, provider: ProviderHandle) -> None:
    answer = client.audio.transcriptions.create(
        model="gpt-4o-transcribe?tokens=7", file=_recording(2), prompt="Two words"
    )
    assert answer.usage
    assert answer.usage.type == "tokens"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (22, 7)
    assert answer.usage.input_token_details
    assert answer.usage.input_token_details.audio_tokens == 20
    assert _record(provider)["cost_nano"] == 20 * 6_000 + 2 * 2_500 + 7 * 10_000


def test_transcript_streams_and_ends_with_text_and_usage(client: OpenAI, provider: ProviderHandle) -> None:
    events = list(
        client.audio.transcriptions.create(
            model="gpt-4o-transcribe?tokens=5", file=_recording(1), stream=True
        )
    )
    last = events[-1]
    assert last.type == "transcript.text.done"
    assert [event.type for event in events[:-1]] == ["transcript.text.delta"] * 5
    assert "".join(event.delta for event in events[:-1] if event.type == "transcript.text.delta") == last.text
    assert last.usage
    assert last.usage.output_tokens == 5
    assert _record(provider)["completion_tokens"] == 5


def test_subtitles_and_plain_text(client: OpenAI) -> None:
    def written(form: Any) -> str:
        answer = client.audio.transcriptions.create(
            model="whisper-1?tokens=24", file=_recording(4), response_format=form
        )
        return str(answer)

    assert written("text").endswith(".\n")
    assert "1\n00:00:00,000 --> 00:00:02,000\n" in written("srt")
    assert written("vtt").startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n")


def test_verbose_answer_has_segments_and_words(client: OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper-1?tokens=24",
        file=_recording(4),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.duration == 4
    assert answer.segments
    assert [(segment.start, segment.end) for segment in answer.segments] == [(0, 2), (2, 4)]
    assert answer.words
    assert answer.usage
    assert answer.usage.seconds == 4


def test_translation_reports_nothing_and_is_charged(client: OpenAI, provider: ProviderHandle) -> None:
    with pytest.deprecated_call():
        answer = client.audio.translations.create(
            model="whisper-1?echo", file=_recording(1), prompt="Good day"
        )
    assert answer.text == "Good day"
    assert "usage" not in answer.model_dump()
    assert _record(provider)["cost_nano"] == 100_000
    with pytest.deprecated_call(), pytest.raises(BadRequestError):
        client.audio.translations.create(model="gpt-4o-transcribe", file=_recording(1))


def test_recordings_and_forms_that_do_not_fit_are_refused(client: OpenAI, provider: ProviderHandle) -> None:
    with pytest.raises(BadRequestError) as wrong:
        client.audio.transcriptions.create(model="whisper-1", file=("notes.txt", b"text"))
    assert wrong.value.param == "file"
    with pytest.raises(BadRequestError) as form:
        client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=_recording(1), response_format="srt"
        )
    assert form.value.param == "response_format"
    with pytest.raises(APIStatusError) as asked:
        client.audio.transcriptions.create(
            model="whisper-1", file=_recording(1), prompt="[[orbit-demo: status=503]]"
        )
    assert asked.value.status_code == 503
    assert provider.wait_idle()["cost_nano"] == 0


@pytest.mark.parametrize(("kind", "expected"), [("missing", None), ("zero", 0), ("excessive", 20)])
def test_odd_usage_leaves_the_true_cost(
    client: OpenAI, provider: ProviderHandle, kind: str, expected: int | None
) -> None:
    answer = client.audio.transcriptions.create(model=f"whisper-1?usage={kind}", file=_recording(2))
    found = answer.usage.seconds if answer.usage and answer.usage.type == "duration" else None
    assert found == expected
    assert _record(provider)["cost_nano"] == 2 * 100_000
