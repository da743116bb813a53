"""Pictures and sounds to send, the models that take them, and forms written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from orbit.demo.provider.pictures import png
from tests.proxy.conftest import LIMITS

BOUNDARY = "----orbit-test"
MODELS = (
    "gpt-image-1",
    "gpt-image-1-mini",
    "dall-e-2",
    "dall-e-3",
    "tts-1",
    "gpt-4o-mini-tts",
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-3.5-turbo-instruct",
    "omni-moderation-latest",
)
ENTRY: Mapping[str, Any] = {
    "models": [{"alias": one, "targets": [{"account": "demo", "model": one}]} for one in MODELS]
    + [{"alias": "ears", "targets": [{"account": "demo", "model": "gpt-4o-transcribe"}]}]
}
# dall-e has no price in the book
PRICED: Mapping[str, Any] = {
    **ENTRY,
    "prices": [
        {
            "provider": "openai",
            "model": "dall-e*",
            "input": "1.00",
            "output": "1.00",
            "units": {"images": "0.04"},
        }
    ],
}
POLICY: Mapping[str, Any] = {"limits": LIMITS}
PNG = png(64, 64, 7)


def wav(seconds: float, rate: int = 16_000) -> bytes:
    samples = bytes(round(seconds * rate) * 2)
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(samples))
        + b"WAVE"
        + layout
        + struct.pack("<4sI", b"data", len(samples))
        + samples
    )


def part(name: str, content: bytes, filename: str | None = None, media_type: str | None = None) -> bytes:
    shown = f'; filename="{filename}"' if filename is not None else ""
    typed = f"\r\nContent-Type: {media_type}" if media_type else ""
    return f'Content-Disposition: form-data; name="{name}"{shown}{typed}\r\n\r\n'.encode() + content


def form(*parts: bytes) -> bytes:
    mark = b"--" + BOUNDARY.encode()
    return b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts) + mark + b"--\r\n"


FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def heard(*more: bytes, model: str = "whisper-1", sound: bytes | None = None) -> bytes:
    """A form to have a sound written down."""
    file = part("file", wav(1.5) if sound is None else sound, "a.wav", "audio/wav")
    return form(part("model", model.encode()), *more, file)
