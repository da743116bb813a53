"""Pictures, sound and files: sized from their first bytes, and never too small."""

from __future__ import annotations

import base64
import os
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import media, pictures
from quotas.families import family_of
from quotas.media import CONTEXT, MOST, image_tokens, measure


def png(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06\x00\x00\x00"
    )


def jpeg(width: int, height: int, before: int = 0) -> bytes:
    """With a profile of so many bytes before the size, and a thumbnail's size inside it."""
    thumbnail = b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 1, 1)
    profile = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail) + before) + thumbnail + bytes(before)
    return b"\xff\xd8" + profile + b"\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03"


def gif(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    head = b"GIF89a" + struct.pack("<HHB", width, height, 0x81) + b"\x00\x00" + bytes(12)
    extension = b"\x21\xf9\x04\x00\x00\x00\x00\x00"
    return head + extension + b"\x2c" + struct.pack("<HHHHB", 0, 0, *(frame or (width, height)), 0)


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + kind + struct.pack("<I", len(body)) + body


def webp_lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width | 0x4000, height))


def webp_lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(4))


def webp_extended(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes(4) + canvas)


@pytest.mark.parametrize("make", [png, jpeg, gif, webp_lossy, webp_lossless, webp_extended])
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (480, 640), (8000, 3), (16383, 16383)])
def test_sizes_are_read(make: Any, size: tuple[int, int]) -> None:
    assert pictures.size_of(make(*size)) == size


def test_jpeg_with_a_long_profile_is_read() -> None:
    assert pictures.size_of(jpeg(640, 480, before=50_000)) == (640, 480)


def test_frame_beyond_its_canvas_counts() -> None:
    assert pictures.size_of(gif(1, 1, frame=(2000, 1000))) == (2000, 1000)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(0, 10),
        png(10, 10)[:20],
        jpeg(10, 10)[:8],
        b"\xff\xd8\xff\xda\x00\x08",
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 1000 + jpeg(10, 10)[2:],
        gif(10, 10)[:15],
        gif(10, 10)[:25] + b"\x3b",
        webp_lossy(10, 10)[:27],
        webp_extended(10, 10)[:26],
        webp(b"ALPH", bytes(20)),
        b"BM" + bytes(60),
        b"<svg width='1' height='1'/>",
    ],
)
def test_size_that_cannot_be_read_is_none(head: bytes) -> None:
    assert pictures.size_of(head) is None


@given(st.binary(max_size=400), st.sampled_from([png, jpeg, gif, webp_lossy, webp_extended]))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader(noise: bytes, make: Any) -> None:
    whole = make(300, 200)
    for cut in (len(whole) // 3, len(whole) // 2):
        found = pictures.size_of(whole[:cut] + noise)
        assert found is None or min(found) > 0
    pictures.bytes_per_second(b"RIFF\x00\x00\x00\x00WAVE" + noise)


# what OpenAI, Anthropic and Google print for these sizes, or the rules of their pages worked by hand
@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-4o", (1024, 1024), "auto", 765),
        ("gpt-4o", (2048, 4096), "high", 1105),
        ("gpt-4o", (4096, 8192), "low", 85),
        ("gpt-4o", (150, 150), "high", 255),
        ("gpt-4o", (513, 512), "high", 425),
        ("gpt-4o", None, "auto", 1445),
        ("gpt-4o", None, "low", 85),
        ("gpt-4-turbo", (1024, 1024), "auto", 765),
        ("gpt-4.1-2025-04-14", (1024, 1024), "auto", 765),
        ("gpt-4o-mini", (1024, 1024), "auto", 2833 + 4 * 5667),
        ("gpt-4o-mini", None, "auto", 48_169),
        ("gpt-5", (1024, 1024), "auto", 630),
        ("gpt-5.1", None, "auto", 1190),
        ("o3", (1024, 1024), "auto", 675),
        ("gpt-4.1-mini", (1024, 1024), "auto", 1659),
        ("gpt-4.1-mini", (1024, 1024), "low", 415),
        ("gpt-5-nano", (100, 100), "auto", 40),
        ("gpt-5-mini", None, "auto", 4050),
        ("o4-mini", (1024, 1024), "auto", 1762),
        ("gpt-5.2", (1024, 1024), "auto", 1229),
        ("gpt-5.2", (4000, 4000), "high", 3000),
        ("gpt-5.2", (4000, 1000), "high", 1229),  # 2048 x 512
        ("gpt-5.2", None, "auto", 3000),
        ("gpt-5.2", None, "original", 12_000),
        ("gpt-5.4", (3200, 3200), "original", 12_000),
        ("gpt-5.5", (3200, 3200), "auto", 12_000),
        ("gpt-5.5", (6400, 6400), "auto", 48_000),
        ("gpt-5.5", (6400, 6400), "high", 3000),
        ("gpt-6", None, "auto", MOST),
        ("gpt-6", None, "low", 7373),
        ("claude-sonnet-4", (200, 200), "auto", 64),
        ("claude-sonnet-4", (1092, 1092), "auto", 1521),
        ("claude-sonnet-4", (8000, 8000), "auto", 1568),
        ("claude-sonnet-4", (3136, 280), "auto", 56 * 5),
        ("claude-sonnet-4", None, "auto", 1568),
        ("claude-opus-4-7", (8000, 8000), "auto", 4784),
        ("claude-opus-4-7", None, "low", 4784),
        ("gemini-2.5-flash", (384, 384), "auto", 258),
        ("gemini-2.5-flash", (960, 540), "auto", 6 * 258),
        ("gemini-2.5-flash", (3072, 3072), "auto", 16 * 258),
        ("gemini-3-pro", (100, 100), "auto", 1120),
        ("gemini-2.5-flash", None, "auto", MOST),
        ("my-deployment", None, "low", MOST),
        ("my-deployment", (1024, 1024), "low", 2833 + 4 * 5667),
    ],
)
def test_pictures_count_by_their_family(
    model: str, size: tuple[int, int] | None, detail: str, tokens: int
) -> None:
    assert image_tokens(family_of(model), size, detail) == tokens


FAMILIES = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1-mini",
    "gpt-5.2",
    "claude-opus-4-6",
    "claude-opus-5",
    "gpt-5-nano",
)


@given(
    st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    st.sampled_from(FAMILIES),
    st.sampled_from(["auto", "low", "high", "original", "strange"]),
)
@settings(max_examples=200, deadline=None)
def test_unknown_size_counts_no_less_than_any_known_one(
    size: tuple[int, int], model: str, detail: str
) -> None:
    family = family_of(model)
    assert 0 < image_tokens(family, size, detail) <= image_tokens(family, None, detail)


@given(st.tuples(st.integers(1, 9_000), st.integers(1, 9_000)), st.sampled_from([*FAMILIES, "gpt-5.5", "x"]))
@settings(max_examples=100, deadline=None)
def test_lying_pictures_cost_what_standing_ones_do(size: tuple[int, int], model: str) -> None:
    family = family_of(model)
    assert image_tokens(family, size) == image_tokens(family, size[::-1])


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def of(*parts: Any, model: str = "gpt-4o") -> int:
    return measure({"messages": [{"role": "user", "content": list(parts)}]}, model).tokens


def test_pictures_in_the_request_are_measured() -> None:
    content = png(1024, 1024) + os.urandom(100_000)
    assert of(image(data_uri(content))) == 765
    assert of(image(data_uri(content, "image/jpeg"), detail="low")) == 85
    assert of(image(data_uri(jpeg(1024, 1024, before=50_000) + os.urandom(9_000)))) == 765
    assert of(image(data_uri(content)), image(data_uri(content)), {"type": "text", "text": "?"}) == 2 * 765


def test_wrapped_base_64_is_measured() -> None:
    wrapped = base64.encodebytes(png(1024, 1024) + bytes(300)).decode()
    assert of(image(f"data:image/png;base64,{wrapped}")) == 765


@pytest.mark.parametrize(
    "part",
    [
        image("https://x.example/a.png"),
        {"type": "image_url", "image_url": "https://x.example/a.png"},
        image("data:image/png;base64,!!!!"),
        image("data:image/png;base64," + "=" * 40),
        image("data:image/png;base64,"),
        image("data:image/png," + "%89PNG"),
        image("data:image/png;base64,ééééééééé"),
        image(data_uri(png(9, 9))[5:]),
        image(data_uri(bytes(100))),
        image(data_uri(jpeg(9, 9, before=60_000)[:50_000])),
        image(data_uri(b"\xff\xd8" + b"\xff\xe1\xff\xff" + bytes(65_533) + jpeg(1, 1)[2:])),
        image(7),
        image(None, detail=7),
        {"type": "image_url", "image_url": [1]},
        {"type": "image_url"},
        {"image_url": {"url": "https://x.example/a.png"}},
        {"type": "image", "source": {"data": "AAAA"}},
    ],
)
def test_what_cannot_be_measured_counts_as_the_largest(part: Any) -> None:
    assert of(part) == 1445


def wav(rate: int, channels: int, bits: int, seconds: float, kind: int = 1, junk: int = 0) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, 1, frame, bits)
    chunks = b"JUNK" + struct.pack("<I", junk) + bytes(junk) if junk else b""
    chunks += b"fmt " + struct.pack("<I", len(form)) + form
    return b"RIFF\xff\xff\xff\xffWAVE" + chunks + b"data\x01\x00\x00\x00" + bytes(int(rate * frame * seconds))


def sound(content: bytes, kind: Any = "wav") -> dict[str, Any]:
    return {
        "type": "input_audio",
        "input_audio": {"data": base64.b64encode(content).decode(), "format": kind},
    }


@pytest.mark.parametrize(
    "content",
    [
        wav(16_000, 1, 16, 30),
        wav(8_000, 2, 16, 30),
        wav(8_000, 1, 32, 30, kind=3),
        wav(8_000, 1, 8, 30, junk=500),
    ],
)
def test_wav_counts_by_its_length_and_not_by_what_it_says_of_it(content: bytes) -> None:
    assert 300 <= of(sound(content), model="gpt-4o-audio-preview") <= 302
    assert 960 <= of(sound(content), model="gemini-2.5-pro") <= 964


@pytest.mark.parametrize(
    ("content", "kind", "tokens"),
    [
        (bytes(30_000), "mp3", 300),
        (bytes(30_000), "opus", 600),
        (bytes(30_000), 7, 600),
        (wav(16_000, 1, 16, 1, kind=0x55), "wav", 641),
        (wav(0, 1, 16, 1) + bytes(29_956), "wav", 600),
        (bytes(1), "mp3", 1),
    ],
)
def test_other_sound_counts_by_the_lowest_rate_of_its_format(content: bytes, kind: Any, tokens: int) -> None:
    assert of(sound(content, kind), model="gpt-4o-audio-preview") == tokens


def test_earlier_spoken_answer_counts_as_the_longest() -> None:
    body = {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}
    assert measure(body, "gpt-4o-audio-preview").tokens == media.SPOKEN


def file(**fields: str) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def test_files_count_as_many_pages_as_their_bytes_can_hold() -> None:
    content = data_uri(bytes(10 * 1024), "application/pdf")
    pages = 10 * media.PAGE
    assert pages <= of(file(file_data=content, filename="a.pdf")) <= pages + media.PAGE
    assert of(file(file_data=content), model="gemini-2.5-pro") <= 11 * 1024
    assert of(file(file_data=data_uri(bytes(2_000_000)))) == CONTEXT


@pytest.mark.parametrize(
    "part",
    [
        file(file_id="file-1"),
        {"type": "file"},
        {"type": "file", "file": {"file_data": "https://x.example/a.pdf"}},
        {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}},
        {"type": "input_audio", "input_audio": {"data": "https://x.example/a.mp3"}},
        {"type": "audio_url", "audio_url": {"url": "https://x.example/a.mp3"}},
        {"type": "input_audio"},
    ],
)
def test_what_lies_elsewhere_counts_as_the_largest_window(part: Any) -> None:
    assert of(part) == CONTEXT


def test_embeddings_of_pictures_are_measured() -> None:
    body = {"input": [image(data_uri(png(1024, 1024))), "text"]}
    assert measure(body, "gpt-4o").tokens == 765


def test_only_contents_are_taken_from_the_text() -> None:
    part = file(file_data="data:x", filename="notes.pdf") | {"text": "and words"}
    assert sorted(map(str, media.words_of(part))) == ["and words", "notes.pdf"]
    found = measure(
        {"messages": [{"content": [part, image("https://x.example/a.png", detail="low")]}]}, "gpt-4o"
    )
    assert found.characters == len("data:x") + len("https://x.example/a.png")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None},
        {"messages": ["x", {"content": None}, {"content": [None, "x", {"type": 7}, {"type": ["file"]}]}]},
        {"messages": [{"audio": "x"}], "input": {"type": "file"}},
        {"input": "text"},
    ],
)
def test_what_is_no_medium_counts_nothing(body: dict[str, Any]) -> None:
    assert measure(body, "gpt-4o") == media.Media(0, 0)
