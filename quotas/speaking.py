"""Speech: characters for OpenAI's tts-1, tokens in and out for its later models, both for others.

A minute of speech is about 1,250 tokens (from OpenAI's printed price of a minute). Nobody publishes how slowly a model
may speak: the bound is half a second for each byte of text, ten times as slow as usual.
"""

from __future__ import annotations

from quotas.families import family_of
from quotas.needs import Asked, Made, Need, bytes_of

PER_SECOND = 21
MOST_PER_BYTE = 11
USUAL_PER_BYTE = 2  # about 10 bytes a second, on the slow side of reading aloud
SHORTEST = 10 * PER_SECOND  # a word may be drawn out, and end in silence
BY_CHARACTERS, BY_TOKENS = ("tts-1",), ("gpt-",)


def need(asked: Asked) -> Need:
    name, text = family_of(asked.model).name, asked.body.get("input")
    characters = {"characters": len(text)} if isinstance(text, str) else {}
    if name.startswith(BY_CHARACTERS):
        return Need(units=characters)
    given = bytes_of(asked.body, "input", "instructions")
    written = SHORTEST + MOST_PER_BYTE * bytes_of(asked.body, "input")
    return Need(given, written, {} if name.startswith(BY_TOKENS) else characters)


def spoken(asked: Asked, reserved: Need, made: Made) -> Need:
    """By the length of what was said where it is known, else at a usual pace: such answers rarely bring a usage."""
    if not reserved.output_tokens:
        return reserved
    usual = max(1, USUAL_PER_BYTE * bytes_of(asked.body, "input"))
    written = usual if made.seconds is None else max(1, made.seconds * PER_SECOND)
    return Need(reserved.input_tokens, min(written, reserved.output_tokens), reserved.units)
