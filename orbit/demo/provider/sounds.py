"""Sound that can be played, made token by token: 50 milliseconds each."""

import math
import struct
import wave
from array import array
from functools import lru_cache
from io import BytesIO

TOKENS_PER_SECOND = 20
_RATE = 24_000
_SAMPLES_PER_TOKEN = _RATE // TOKENS_PER_SECOND
_LOUDNESS = 6_000
# All multiples of 20 Hz, so that each token ends where the next begins.
_TONES = (220, 260, 300, 340, 400, 440)
# One MPEG-2 layer III frame at 24 kHz, mono, 32 kbit/s, with nothing in it: 24 milliseconds of silence.
_SILENT_FRAME = b"\xff\xf3\x44\xc0" + bytes(92)
_USUAL_BYTES_PER_SECOND = 16_000

CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}


def opening(form: str, tokens: int) -> bytes:
    """What stands before the sound: a WAV file tells its length first."""
    if form != "wav":
        return b""
    size = tokens * _SAMPLES_PER_TOKEN * 2
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + layout + b"data" + struct.pack("<I", size)


def sound_of(form: str, number: int) -> bytes:
    """One token: a tone, or in MP3 silence."""
    return _SILENT_FRAME * 2 if form == "mp3" else _tone(_TONES[number // 4 % len(_TONES)])


@lru_cache
def _tone(frequency: int) -> bytes:
    step = 2 * math.pi * frequency / _RATE
    samples = array("h", [int(_LOUDNESS * math.sin(step * each)) for each in range(_SAMPLES_PER_TOKEN)])
    return struct.pack(f"<{len(samples)}h", *samples)


def seconds_of(content: bytes) -> float:
    """The true length of a WAV file; of others a guess by size, at 128 kbit/s."""
    try:
        with wave.open(BytesIO(content)) as sound:
            return float(sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(content) / _USUAL_BYTES_PER_SECOND
