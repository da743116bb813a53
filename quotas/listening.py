"""Transcription: seconds of sound, or tokens of it and of what is written down; both where it is not known which.

The length follows from a file's bytes: exactly for a WAV of plain samples, at the lowest rate in use for everything else
(MP3 knows none below 8 kbit/s; speech in Opus and AMR goes down to 4). What a header says of the length is not
asked, for whoever writes it would choose the price.
"""

from __future__ import annotations

from quotas import pictures
from quotas.families import family_of
from quotas.media import BYTES_PER_SECOND, BYTES_PER_SECOND_LEAST, PER_SECOND
from quotas.needs import Asked, File, Made, Need, bytes_of

WRITTEN_PER_SECOND = 10  # tokens: twice the fastest speech, in the scripts that take most
WRITTEN_LEAST = 200
BY_SECONDS, BY_TOKENS = ("whisper", "gpt-transcribe"), ("gpt-4o",)
TEXTS = ("prompt", "keywords", "languages", "known_speaker_names")


def need(asked: Asked) -> Need:
    name = family_of(asked.model).name
    seconds = sum(seconds_of(one) for one in asked.files if one.field == "file")
    units = {} if name.startswith(BY_TOKENS) else {"seconds": seconds}
    if name.startswith(BY_SECONDS):
        return Need(units=units)
    samples = -(-bytes_of(asked.body, "known_speaker_references") // BYTES_PER_SECOND_LEAST)
    given = (seconds + samples) * PER_SECOND + bytes_of(asked.body, *TEXTS)
    return Need(given, WRITTEN_LEAST + seconds * WRITTEN_PER_SECOND, units)


def heard(asked: Asked, reserved: Need, made: Made) -> Need:
    """By the length that the answer tells, never beyond what the file can hold."""
    seconds = sum(seconds_of(one) for one in asked.files if one.field == "file")
    if made.seconds is None or not seconds:
        return reserved
    known = min(max(made.seconds, 1), seconds)
    units = {name: known if name == "seconds" else value for name, value in reserved.units.items()}
    if not reserved.input_tokens:
        return Need(units=units)
    given = reserved.input_tokens - (seconds - known) * PER_SECOND
    return Need(given, WRITTEN_LEAST + known * WRITTEN_PER_SECOND, units)


def seconds_of(file: File) -> int:
    """The most that a file can hold; one that is empty still takes a second."""
    rate = pictures.bytes_per_second(file.head)
    if rate is None:
        rate = BYTES_PER_SECOND["mp3"] if _is_mp3(file.head) else BYTES_PER_SECOND_LEAST
    return max(1, -(-file.size // rate))


def _is_mp3(head: bytes) -> bool:
    """A frame of layer III at once; behind a tag there may be anything."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
