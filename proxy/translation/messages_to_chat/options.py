"""What servers of chat completions differ in."""

from __future__ import annotations

from dataclasses import dataclass

# Anthropic's signature field on what a chat model thought: lets the same translation know its own work again.
SIGNATURE = "orbit:chat-reasoning"
# From the least to the most.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are those of OpenAI itself.

    `reasoning_field` names the field of an assistant message under which the model wants its own reasoning back.
    `efforts` are the values of reasoning_effort that the model takes; empty when it has no such field.
    `short_ids` is for servers that take ids of tool calls only as nine letters and digits.
    """

    reasoning_field: str | None = None
    user_field: str | None = "safety_identifier"
    efforts: frozenset[str] = frozenset(EFFORTS)
    top_k: bool = False
    short_ids: bool = False
    description_length: int | None = 1024  # of a function; what is longer goes into the system message


USUAL = Options()
