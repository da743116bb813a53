"""OpenAI's speech (https://platform.openai.com/docs/api-reference/audio/createSpeech): bare sound, or events of it."""

from __future__ import annotations

import math

from proxy.formats.media import Media, kind_of
from quotas import pictures
from quotas.needs import Made

PCM = frozenset({"audio/pcm", "audio/l16"})
PCM_RATE = 48_000  # bytes a second of OpenAI's: 24,000 samples of 16 bits
OTHERS = "aac,aacp,basic,flac,m4a,mp3,mp4,mpeg,mpeg3,mpegurl,mulaw,ogg,opus,vnd.wave,wav,wave,webm,x-flac,x-m4a,x-wav"
SOUNDS = PCM | {f"audio/{one}" for one in OTHERS.split(",")} | {"application/octet-stream"}


class Speech(Media):
    kinds = flowing = SOUNDS
    last = frozenset({"speech.audio.done"})

    def flowed(self, head: bytes, size: int, content_type: str) -> Made:
        kind = kind_of(content_type)
        rate = PCM_RATE if kind in PCM else pictures.bytes_per_second(head)
        return Made(seconds=math.ceil(size / rate) if rate else None)
