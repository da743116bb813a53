"""What requests beside chat ask for: text completions, moderations, pictures, sound. Of a form, `body` holds its texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.fields import MOST_CHOICES, MOST_OUTPUT, Asked, bad, flag, integer, stream_of

MOST_FRAMES = 1_000
USUAL_COMPLETION = 16  # tokens that a text completion has where nobody says how many
# What OpenAI takes where a request names no model. The gateway has to know whose call it is.
USUAL_MODELS = {"moderations": "omni-moderation-latest"}


def _completion(body: Mapping[str, Any]) -> Asked:
    prompt = body.get("prompt")
    if prompt is not None and (not isinstance(prompt, (str, list)) or prompt == []):
        raise bad("prompt", "must be a text, a list of texts, a list of tokens, or a list of such lists")
    stream = stream_of(body)
    choices = integer(body, "n", 1, MOST_CHOICES) or 1
    drafts = integer(body, "best_of", 1, MOST_CHOICES)
    if drafts is not None and drafts < choices:
        raise bad("best_of", "must not be less than 'n'")
    output = integer(body, "max_tokens", 0, MOST_OUTPUT)
    return Asked(stream, choices, USUAL_COMPLETION if output is None else output)


def _moderation(body: Mapping[str, Any]) -> Asked:
    given = body.get("input")
    if not isinstance(given, (str, list)) or not given:
        raise bad("input", "must be a text, a list of texts, or a list of parts")
    return Asked(output=0)


def _images(body: Mapping[str, Any]) -> Asked:
    _texts(body, "size", "quality", "output_format", "response_format", "prompt")
    _whole(body, "frame_count", 1, MOST_FRAMES)
    _whole(body, "partial_images", 0, MOST_FRAMES)
    return Asked(_truth(body, "stream"), _whole(body, "n", 1, MOST_CHOICES) or 1, output=0)


def _generation(body: Mapping[str, Any]) -> Asked:
    if not isinstance(body.get("prompt"), str) or not body["prompt"]:
        raise bad("prompt", "must be a text")
    return _images(body)


def _speech(body: Mapping[str, Any]) -> Asked:
    """Sound always comes as it is made."""
    if not isinstance(body.get("input"), str) or not body["input"]:
        raise bad("input", "must be a text")
    _texts(body, "instructions", "response_format", "stream_format")
    return Asked(stream=True, output=0)


def _transcription(body: Mapping[str, Any]) -> Asked:
    _texts(body, "prompt", "language", "response_format")
    return Asked(_truth(body, "stream"), output=0)


def _texts(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(body.get(name), str | None):
            raise bad(name, "must be a text")


def _truth(body: Mapping[str, Any], name: str) -> bool:
    """In a form it is a word."""
    value = body.get(name)
    return value == "true" if value in ("true", "false") else flag(body, name)


def _whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """In a form it is written out, in plain digits: whoever reads it otherwise would reserve too little."""
    value = body.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return integer({name: int(value)}, name, low, high)
    return integer(body, name, low, high)


CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Asked]] = {
    "completions": _completion,
    "moderations": _moderation,
    "images/generations": _generation,
    "images/edits": _images,
    "images/variations": _images,
    "audio/speech": _speech,
    "audio/transcriptions": _transcription,
    "audio/translations": _transcription,
}
