"""The provider's tokenizer: simple, deterministic, near to the real ones on prose.

One token is: a word of up to ten Latin letters with the space before it, two letters of another script,
up to three digits, up to three signs, or a run of blanks. Every token takes at least one character, so the
count never exceeds the UTF-8 length of the text. The gateway must not lean on it: it is a stranger's count.
"""

import re
from collections.abc import Sequence
from typing import Any

_TOKEN = re.compile(
    r" ?[A-Za-z\u00c0-\u024f]{1,10}"
    r"| ?[^\W\d_]{1,2}"
    r"|\d{1,3}"
    r"| ?[^\w\s]{1,3}"
    r"|\s+"
    r"|.",
    re.DOTALL,
)

TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
TOKENS_TO_PRIME = 3
TOKENS_PER_IMAGE = 85


def pieces(text: str) -> list[str]:
    """The text cut into its tokens; joined again they are the text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    return len(_TOKEN.findall(text))


def count_message(message: dict[str, Any]) -> int:
    total = TOKENS_PER_MESSAGE
    for field, value in message.items():
        if field == "tool_calls" and isinstance(value, list):
            total += sum(_count_call(call) for call in value)
        elif isinstance(value, str):
            total += count(value) + (TOKENS_PER_NAME if field == "name" else 0)
        elif isinstance(value, list):
            total += sum(_count_part(part) for part in value)
    return total


def count_messages(messages: Sequence[dict[str, Any]]) -> int:
    return TOKENS_TO_PRIME + sum(map(count_message, messages))


def _count_part(part: object) -> int:
    if not isinstance(part, dict):
        return 0
    if isinstance(text := part.get("text"), str):
        return count(text)
    return TOKENS_PER_IMAGE


def _count_call(call: object) -> int:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return 0
    return count(str(function.get("name", ""))) + count(str(function.get("arguments", "")))
