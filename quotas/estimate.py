"""How many input tokens a request can have: a bound from its bytes, or the count where that would refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from quotas import tokens

MESSAGE_TOKENS = 4  # per message: role, separators and a possible name
REPLY_TOKENS = 3  # that prime the answer
TOOL_TOKENS = 16  # per tool: its wrapping, over providers.md C.1
REMOTE_IMAGE_TOKENS = 48_200  # the dearest size of the dearest family that we count, providers.md C.5
AUDIO_BYTES_PER_TOKEN = 1_000


def bound(body: Mapping[str, Any], size: int) -> int:
    """Never less than the provider counts, from the body's size in bytes alone.

    A byte-level tokenizer makes at most one token of each byte, and the JSON around each message, tool and
    number is longer than the tokens that a provider adds for it. Media are added by `media`.
    """
    return size + REPLY_TOKENS + media(body)


async def exact(body: Mapping[str, Any], model: str) -> int:
    """The tokenizer's count with the provider's overhead, padded for other vendors' tokenizers."""
    counted, overhead = 0, REPLY_TOKENS
    messages = body.get("messages")
    if isinstance(messages, list):
        overhead += MESSAGE_TOKENS * len(messages)
        counted += await tokens.count_off_loop("\n".join(_message_texts(messages)))
    for field in ("input", "tools", "functions", "response_format", "tool_choice", "prediction"):
        value = body.get(field)
        if value is None:
            continue
        if field in ("tools", "functions") and isinstance(value, list):
            overhead += TOOL_TOKENS * len(value) + 2 * _keys(value)
        counted += _numbers(value) + await tokens.count_off_loop("\n".join(tokens.texts(value)))
    return ceil(counted * tokens.factor(model)) + overhead + media(body)


def media(body: Mapping[str, Any]) -> int:
    """Tokens of images and audio among the messages: the most that they can be."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return 0
    total = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            continue
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "image_url":
                total += REMOTE_IMAGE_TOKENS
            elif kind in ("input_audio", "file"):
                total += len(str(part)) // AUDIO_BYTES_PER_TOKEN + REMOTE_IMAGE_TOKENS
    return total


def _message_texts(messages: list[Any]) -> list[str]:
    """What is tokenized of messages; the bytes of media are not."""
    found: list[str] = []
    for message in messages:
        if not isinstance(message, dict):
            continue
        for field, value in message.items():
            if field == "content" and isinstance(value, list):
                kept = [
                    part
                    for part in value
                    if isinstance(part, dict) and part.get("type") in ("text", "refusal")
                ]
                found.extend(tokens.texts(kept))
            else:
                found.extend(tokens.texts(value))
    return found


def _keys(value: Any) -> int:
    """How many named fields a tool's schema has."""
    if isinstance(value, dict):
        return len(value) + sum(_keys(item) for item in value.values())
    return sum(_keys(item) for item in value) if isinstance(value, list) else 0


def _numbers(value: Any) -> int:
    """Token ids given in place of text."""
    if isinstance(value, list):
        return sum(1 if isinstance(item, int) else _numbers(item) for item in value)
    return 0
