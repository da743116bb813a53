"""Images, through the official OpenAI client unchanged."""

import base64
import struct
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI

from orbit.demo.provider.process import ProviderHandle

from .conftest import KEY, Raw

PATH = "/v1/images/generations"


def _record(provider: ProviderHandle) -> dict[str, Any]:
    provider.wait_idle()
    return provider.requests()[-1]


def _size(image: str | None) -> tuple[int, int]:
    content = base64.b64decode(image or "")
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_generated_image_is_a_picture_of_that_size_charged_by_tokens(
    client: OpenAI, provider: ProviderHandle
) -> None:
    answer = client.images.generate(
        model="gpt-image-1", prompt="A red fox", size="1024x1536", quality="low", background="transparent"
    )
    assert answer.data
    assert _size(answer.data[0].b64_json) == (1024, 1536)
    assert (answer.size, answer.quality, answer.background, answer.output_format) == (
        "1024x1536",
        "low",
        "transparent",
        "png",
    )
    assert answer.usage
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (3, 408, 411)
    assert answer.usage.input_tokens_details.text_tokens == 3
    record = _record(provider)
    assert record["units"] == {"images": 1}
    assert record["cost_nano"] == 3 * 5_000 + 408 * 40_000


def test_several_images_differ_and_add_up(client: OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-1-mini", prompt="A fox", n=3, quality="low")
    assert answer.data
    assert len({image.b64_json for image in answer.data}) == 3
    assert answer.usage
    assert answer.usage.output_tokens == 3 * 272


@pytest.mark.parametrize(
    ("asked", "cents"),
    [
        ({"model": "dall-e-3"}, 4),
        ({"model": "dall-e-3", "quality": "hd"}, 8),
        ({"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, 12),
        ({"model": "dall-e-2", "n": 2}, 4),
    ],
)
def test_older_models_charge_each_image_and_report_no_usage(
    client: OpenAI, provider: ProviderHandle, asked: dict[str, Any], cents: int
) -> None:
    answer = client.images.generate(prompt="A fox", **asked)
    assert answer.data
    assert (answer.data[0].url or "").startswith("https://")
    assert answer.usage is None
    assert _record(provider)["cost_nano"] == cents * 10_000_000


def test_older_model_gives_the_picture_itself_if_asked(client: OpenAI) -> None:
    answer = client.images.generate(
        model="dall-e-2", prompt="A fox", response_format="b64_json", size="256x256"
    )
    assert answer.data
    assert _size(answer.data[0].b64_json) == (256, 256)


def test_streamed_image_comes_in_parts_with_usage_at_the_end(
    client: OpenAI, provider: ProviderHandle
) -> None:
    events = list(
        client.images.generate(
            model="gpt-image-1", prompt="A fox", quality="low", stream=True, partial_images=2
        )
    )
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert _size(last.b64_json) == (1024, 1024)
    assert last.usage.output_tokens == 272 + 2 * 100
    assert _record(provider)["cost_nano"] == 2 * 5_000 + 472 * 40_000


def test_edit_counts_the_images_sent(client: OpenAI, provider: ProviderHandle) -> None:
    pictures = [("a.png", b"\x89PNG\r\n--x\r\n\x00\xff"), ("b.png", b"second")]
    answer = client.images.edit(model="gpt-image-1", image=pictures, prompt="Add a hat", quality="low")
    assert answer.usage
    assert answer.usage.input_tokens_details.image_tokens == 2 * 323
    record = _record(provider)
    assert record["cost_nano"] == 3 * 5_000 + 646 * 10_000 + 272 * 40_000
    assert record["fields"]["image"] == [
        {"filename": "a.png", "bytes": 13},
        {"filename": "b.png", "bytes": 6},
    ]
    events = list(
        client.images.edit(
            model="gpt-image-1", image=pictures[0], prompt="A hat", stream=True, partial_images=1
        )
    )
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]


def test_variation(client: OpenAI, provider: ProviderHandle) -> None:
    with pytest.deprecated_call():
        answer = client.images.create_variation(image=("a.png", b"picture"), n=2, size="512x512")
    assert answer.data
    assert len(answer.data) == 2
    assert _record(provider)["cost_nano"] == 2 * 18_000_000


def test_what_the_family_does_not_know_is_refused_and_free(client: OpenAI, provider: ProviderHandle) -> None:
    refused: list[dict[str, Any]] = [
        {"model": "gpt-image-1", "response_format": "b64_json"},
        {"model": "gpt-image-1", "size": "7x7"},
        {"model": "gpt-image-1", "output_format": "webp"},
        {"model": "dall-e-3", "n": 2},
        {"model": "dall-e-3", "stream": True},
    ]
    for asked in refused:
        with pytest.raises(BadRequestError) as failure:
            client.images.generate(prompt="A fox", **asked)
        assert failure.value.param == list(asked)[-1]
    assert provider.wait_idle()["cost_nano"] == 0


@pytest.mark.parametrize(("kind", "expected"), [("missing", None), ("zero", 0), ("excessive", 2_720)])
def test_odd_usage_leaves_the_true_cost(
    client: OpenAI, provider: ProviderHandle, kind: str, expected: int | None
) -> None:
    answer = client.images.generate(model=f"gpt-image-1?usage={kind}", prompt="Fox", quality="low")
    assert (answer.usage.output_tokens if answer.usage else None) == expected
    assert _record(provider)["cost_nano"] == 1 * 5_000 + 272 * 40_000


def test_faults_and_hang_ups(client: OpenAI, raw: Raw, provider: ProviderHandle) -> None:
    with pytest.raises(APIStatusError):
        client.images.generate(model="gpt-image-1", prompt="[[orbit-demo: status=500]]")
    fields = {
        "model": "gpt-image-1",
        "prompt": "A fox",
        "stream": True,
        "partial_images": 3,
        "quality": "low",
    }
    received, ending = raw.ask_at(PATH, fields, "fin_after_chunks=1")
    assert (received.count(b"event: image_generation.partial_image"), ending) == (1, "fin")
    cut = _record(provider)
    assert (cut["outcome"], cut["completion_tokens"]) == ("cut", 100 + 2 * 68)
    with raw.connect({"model": "gpt-image-1", "prompt": "Fox"}, path=PATH, x_demo="pace_ms=1000"):
        pass
    left = _record(provider)
    assert (left["outcome"], left["work_began"]) == ("hung_up", True)
    assert left["completion_tokens"] < 1_056


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na'),
    ],
)
def test_broken_forms_are_refused(provider: ProviderHandle, content_type: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type}
    with closing(HTTPConnection("127.0.0.1", provider.port, timeout=5)) as connection:
        connection.request("POST", "/v1/images/edits", body, headers)
        assert connection.getresponse().status == 400
