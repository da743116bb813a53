"""Each endpoint's class: a bound that nothing the provider reports exceeds, and a charge where it reports nothing."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import genai
from quotas.classes import CLASSES, Class, class_of, need, priced, refused_field, settled
from quotas.listening import seconds_of
from quotas.needs import WHOLE, Asked, File, Made, Need
from quotas.prices import UNPRICED
from quotas.rates import UNITS, Rates
from tests.quotas.test_estimate import SCALARS, WORDS
from tests.quotas.test_media import png


def wav(seconds: int, rate: int = 16_000) -> bytes:
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return head + b"data" + struct.pack("<I", rate * 2 * seconds) + bytes(rate * 2 * seconds)


def sound(content: bytes) -> File:
    return File("file", content[: 64 * 1024], len(content))


def asked(model: str, body: dict[str, Any] | None = None, *files: File, **more: Any) -> Asked:
    return Asked(model, body or {}, files, **more)


def pictures(model: str, **body: Any) -> Need:
    return need("images/generations", asked(model, body))


NOW = datetime(2026, 11, 1, tzinfo=UTC)
ENDPOINTS = sorted(CLASSES)
ASKED = st.builds(
    Asked,
    model=st.sampled_from(
        [
            *("gpt-4o", "gpt-image-1", "gpt-image-2.5-flare", "dall-e-3", "flux", "tts-1", "gpt-4o-mini-tts"),
            *("whisper-1", "gpt-4o-transcribe", "voxtral-mini", "gpt-transcribe", "what"),
        ]
    ),
    body=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                ("prompt", "input", "instructions", "keywords"), WORDS | SCALARS | st.lists(SCALARS)
            ),
            **dict.fromkeys(("n", "best_of", "partial_images", "frame_count"), SCALARS | st.just("3")),
            "size": SCALARS | st.sampled_from(["auto", "1024x1024", "1536x864", "x", "9x", "-1x5"]),
            "quality": SCALARS | st.sampled_from(["auto", "low", "max"]),
            "output_format": SCALARS | st.sampled_from(["gif", "svg"]),
            "image": SCALARS | st.lists(SCALARS, max_size=3),
            "tools": SCALARS | st.lists(SCALARS, max_size=3),
        },
    ),
    files=st.lists(
        st.builds(
            File,
            st.sampled_from(["file", "image", "image[]", "mask"]),
            st.binary(max_size=60),
            st.integers(0, 10**8),
        ),
        max_size=3,
    ).map(tuple),
    input_bound=st.integers(0, 10**6),
    output_cap=st.integers(0, 10**6),
    choices=st.integers(1, 128),
)
MADE = st.builds(
    Made,
    input_tokens=st.none() | st.integers(0, 10**6),
    output_tokens=st.none() | st.integers(0, 10**6),
    images=st.none() | st.integers(0, 20),
    seconds=st.none() | st.integers(0, 10**6),
)


@given(st.sampled_from(ENDPOINTS), ASKED, MADE)
@settings(max_examples=500, deadline=None)
def test_nothing_is_free_but_what_is_always_free(endpoint: str, request: Asked, made: Made) -> None:
    reserved = need(endpoint, request)
    charged = settled(endpoint, request, reserved, made)
    figures = [charged.input_tokens, charged.output_tokens, *charged.units.values()]
    assert all(isinstance(one, int) and one >= 0 for one in figures)
    assert charged.units.keys() <= UNITS.keys()
    assert any(figures) is (class_of(endpoint) is not Class.FREE)


@given(st.sampled_from(ENDPOINTS), ASKED, MADE)
@settings(max_examples=300, deadline=None)
def test_answer_whose_tokens_nobody_counted_never_costs_more_than_was_reserved(
    endpoint: str, request: Asked, made: Made
) -> None:
    reserved = need(endpoint, request)
    charged = settled(endpoint, request, reserved, Made(images=made.images, seconds=made.seconds))
    assert charged.input_tokens <= max(reserved.input_tokens, 1)
    assert charged.output_tokens <= reserved.output_tokens
    assert all(charged.units[name] <= reserved.units[name] for name in charged.units)


def test_endpoint_without_a_class_is_an_error() -> None:
    with pytest.raises(KeyError):
        class_of("realtime")


# tokens


def test_every_choice_may_write_up_to_the_cap() -> None:
    request = asked("gpt-4o", {"tools": [{"type": "web_search"}]}, input_bound=50, output_cap=100, choices=3)
    assert need("chat/completions", request) == Need(50, 300, {"web_searches": 10})


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({"prompt": "a"}, 2),
        ({"prompt": ["a", "b", "c"]}, 6),
        ({"prompt": [1, 2, 3]}, 2),
        ({"prompt": [[1, 2], [3]], "best_of": 5}, 10),
        ({"prompt": []}, 2),
    ],
)
def test_completions_write_for_each_prompt_and_draft(body: dict[str, Any], answers: int) -> None:
    assert need("completions", asked("gpt-4o", body, output_cap=7, choices=2)).output_tokens == 7 * answers


def test_input_that_the_provider_keeps_may_fill_the_window() -> None:
    request = asked("gpt-5", {"previous_response_id": "resp_1"}, input_bound=50, output_cap=9, window=400_000)
    assert need("responses", request) == Need(400_000, 9)


def test_answer_without_usage_is_charged_by_what_was_counted() -> None:
    request = asked("gpt-4o", {}, input_bound=500, output_cap=100)
    reserved = need("messages", request)
    assert settled("messages", request, reserved, Made(input_tokens=80, output_tokens=7)) == Need(80, 7)
    assert settled("messages", request, reserved, Made()) == reserved
    assert settled("messages", request, reserved, Made(input_tokens=0, output_tokens=0)) == Need(1, 0)


def test_embedding_has_no_output() -> None:
    assert need("embeddings", asked("text-embedding-3-small", input_bound=9, output_cap=5)) == Need(9, 0)


# pictures


@pytest.mark.parametrize(
    ("size", "quality", "tokens"),
    [
        ("1024x1024", "low", 272),
        ("1536x1024", "medium", 1_568),
        ("1024x1536", "high", 6_240),
        ("auto", "high", 6_240),
        ("auto", "auto", 6_240),
        (None, None, 6_240),
        ("1024x1024", "what", 4_160),
    ],
)
def test_tokens_of_a_picture_are_those_that_openai_published(
    size: str | None, quality: str | None, tokens: int
) -> None:
    assert pictures("gpt-image-1.5", size=size, quality=quality).output_tokens == tokens


def test_every_picture_and_each_partial_one_counts() -> None:
    one = pictures("gpt-image-1", size="1024x1024", quality="low")
    four = pictures("gpt-image-1", size="1024x1024", quality="low", n=4, partial_images=3)
    assert four.output_tokens == 4 * (272 + 300)
    assert four.input_tokens == 4 * one.input_tokens


@pytest.mark.parametrize(
    ("size", "calculated"),
    [("1024x1024", 7_024), ("1536x1024", 5_488), ("1792x1024", 5_063), ("3584x2048", 12_329)],
)
def test_pictures_of_any_size_are_bounded_over_what_openais_calculator_says(
    size: str, calculated: int
) -> None:
    bound = pictures("gpt-image-2", size=size, quality="high").output_tokens
    assert calculated <= bound < 2 * calculated
    assert bound <= pictures("gpt-image-2", size="auto", quality="high").output_tokens
    assert bound < pictures("gpt-image-2", size=size, quality="auto").output_tokens


def test_frames_of_a_gif_are_pictures() -> None:
    still = pictures("gpt-image-2", size="1024x1024", quality="low").output_tokens
    assert (
        pictures("gpt-image-2", size="1024x1024", quality="low", output_format="gif").output_tokens
        == 9 * still
    )
    moving = pictures("gpt-image-2", size="1024x1024", quality="low", output_format="gif", frame_count=16)
    assert moving.output_tokens == 16 * still


def test_pictures_to_be_edited_are_input() -> None:
    body = {"prompt": "x" * 100, "n": "2"}  # a form's fields are texts
    plain = need("images/edits", asked("gpt-image-1", body))
    files = [File("image[]", png(1024, 1024), 10**6), File("mask", b"unreadable", 10)]
    shown = need("images/edits", asked("gpt-image-1", body, *files))
    assert shown.input_tokens - plain.input_tokens > 2 * (48_200 + 6_144)
    assert shown.output_tokens == plain.output_tokens == 2 * 6_240
    inside = need("images/edits", asked("gpt-image-1", {**body, "images": [{"file_id": "f"}]}))
    assert inside.input_tokens - plain.input_tokens == 2 * 48_200


def test_dalle_is_charged_by_the_picture_and_an_unknown_model_either_way() -> None:
    assert pictures("dall-e-3", n=2) == Need(units={"images": 2})
    unknown = pictures("flux-pro", n=2, prompt="x")
    assert unknown.units == {"images": 2}
    assert unknown.output_tokens > 0
    assert pictures("gpt-image-1").units == {}


def test_pictures_that_came_are_charged() -> None:
    request = asked("dall-e-2", {"n": 4})
    reserved = need("images/generations", request)
    assert settled("images/generations", request, reserved, Made(images=3)).units == {"images": 3}
    assert settled("images/generations", request, reserved, Made(images=0)) == reserved
    assert settled("images/generations", request, reserved, Made()) == reserved


def test_drawing_that_another_model_writes_is_to_be_refused() -> None:
    assert (
        refused_field("images/generations", asked("gpt-image-2.5-flare", {"output_format": "svg"}))
        == "output_format"
    )
    assert refused_field("images/generations", asked("gpt-image-1", {"output_format": "png"})) is None
    assert refused_field("messages", asked("gpt-5", {"output_format": "svg"})) is None


# speech


def test_speech_is_charged_by_characters_or_by_tokens() -> None:
    body = {"input": "héllo", "instructions": "slowly"}
    assert need("audio/speech", asked("tts-1-hd", body)) == Need(units={"characters": 5})
    spoken = need("audio/speech", asked("gpt-4o-mini-tts", body))
    assert (spoken.input_tokens, dict(spoken.units)) == (6 + 6, {})
    assert spoken.output_tokens == 210 + 11 * 6
    assert need("audio/speech", asked("kokoro", body)).units == {"characters": 5}


def test_speech_is_charged_by_its_length_where_it_is_known() -> None:
    request = asked("gpt-4o-mini-tts", {"input": "x" * 1_000})
    reserved = need("audio/speech", request)
    assert settled("audio/speech", request, reserved, Made(seconds=60)).output_tokens == 1_260
    assert settled("audio/speech", request, reserved, Made()).output_tokens == 2_000
    assert settled("audio/speech", request, reserved, Made(seconds=10**6)) == reserved


# transcription


def test_length_of_a_wav_is_that_of_its_samples_whatever_it_says_of_itself() -> None:
    assert seconds_of(sound(wav(30))) == 31  # the head is a second begun
    liar = wav(30)[:40] + struct.pack("<I", 1) + wav(30)[44:]
    assert seconds_of(sound(liar)) == 31


@pytest.mark.parametrize(
    ("head", "rate"),
    [(b"\xff\xfb\x90\x00", 1_000), (b"OggS", 500), (b"fLaC", 500), (b"ID3", 500), (b"", 500)],
)
def test_length_of_anything_else_is_that_at_the_lowest_rate(head: bytes, rate: int) -> None:
    assert seconds_of(File("file", head, 60 * rate)) == 60
    assert seconds_of(File("file", head, 0)) == 1


def test_transcription_is_charged_by_seconds_or_by_tokens() -> None:
    file = sound(wav(59))
    for model in ("whisper-1", "gpt-transcribe"):
        assert need("audio/transcriptions", asked(model, {"prompt": "x"}, file)) == Need(
            units={"seconds": 60}
        )
    heard = need("audio/transcriptions", asked("gpt-4o-transcribe", {"prompt": "x" * 7}, file))
    assert heard == Need(607, 200 + 600)
    either = need("audio/translations", asked("voxtral-mini", {}, file))
    assert (either.input_tokens, dict(either.units)) == (600, {"seconds": 60})


def test_transcription_is_charged_by_the_length_that_its_answer_tells() -> None:
    file = File("file", b"OggS", 500 * 1_000)
    request = asked("voxtral-mini", {"prompt": "x" * 7}, file)
    reserved = need("audio/transcriptions", request)
    charged = settled("audio/transcriptions", request, reserved, Made(seconds=60))
    assert charged == Need(607, 800, {"seconds": 60})
    assert settled("audio/transcriptions", request, reserved, Made(seconds=10**6)) == reserved
    only = asked("whisper-1", {}, file)
    reserved = need("audio/transcriptions", only)
    assert settled("audio/transcriptions", only, reserved, Made(seconds=0)) == Need(units={"seconds": 1})
    assert settled("audio/transcriptions", only, reserved, Made()).units == {"seconds": 1_000}


# prices


@pytest.mark.parametrize(
    ("endpoint", "model", "body"),
    [
        ("audio/speech", "tts-1", {"input": "x"}),
        ("audio/transcriptions", "whisper-1", {}),
        ("audio/transcriptions", "gpt-4o-transcribe", {}),
        ("images/generations", "gpt-image-2", {}),
        ("chat/completions", "gpt-5", {}),
    ],
)
def test_what_a_model_is_charged_by_has_a_price_in_the_package(
    endpoint: str, model: str, body: dict[str, Any]
) -> None:
    (document,) = [document for _, document in genai.timeline("openai", model, NOW)]
    rates = Rates.parse(document, "test")
    request = asked(model, body, File("file", b"", 10_000))
    reserved = need(endpoint, request)
    assert priced(rates, reserved)
    assert not priced(UNPRICED, reserved)
    most = rates.most_nano(reserved.input_tokens, reserved.output_tokens or 1, units=reserved.units)
    assert most > 0


def test_price_of_a_tool_is_no_price_of_the_call() -> None:
    rates = Rates.parse({"units": {"web_searches": 10}}, "test")
    assert not priced(rates, Need(5, 5, {"web_searches": 10}))
    assert not priced(Rates.parse({"units": {"images": 10}}, "test"), Need(5, 5, {"characters": 10}))
    assert "web_searches" not in WHOLE
