"""How much the model thinks: `reasoning_effort`, or Anthropic's own `thinking` in a chat body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.chat_to_messages.abilities import abilities_of
from proxy.translation.reading import malformed, mapping, text

# Tokens of thinking on models that take a budget; the API's least is the first.
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 65_536}
LEAST_BUDGET = 1_024
EFFORTS = {**{name: name for name in BUDGETS}, "minimal": "low"}


def add_thinking(body: Mapping[str, Any], made: dict[str, Any], terms: Terms) -> None:
    """Sets `thinking` and `output_config`; `messages` is set already."""
    if "thinking" in body:
        made["thinking"] = mapping(body["thinking"], "thinking")
    if "reasoning_effort" not in body:
        return
    effort = text(body["reasoning_effort"], "reasoning_effort")
    able = abilities_of(terms.model)
    if effort == "none":
        if "thinking" not in made:
            _do_not_think(made, able.off, terms)
    elif effort not in EFFORTS:
        raise malformed("reasoning_effort", f"must be none or one of {', '.join(EFFORTS)}")
    elif able.adapts:
        made.setdefault("thinking", {"type": "adaptive"})
        known = EFFORTS[effort] if effort != "xhigh" or able.knows_xhigh else "high"
        made["output_config"] = {"effort": known}
    elif "thinking" not in made:
        _think_within(BUDGETS[effort], able.thinks, made, terms)


def _do_not_think(made: dict[str, Any], off: str | None, terms: Terms) -> None:
    if off is None:
        terms.cannot("reasoning_effort", "this model always thinks")
    elif off:
        made["thinking"] = {"type": off}


def _think_within(budget: int, thinks: bool, made: dict[str, Any], terms: Terms) -> None:
    """A budget that leaves a quarter of the maximum for the answer, as far as the least one does."""
    why = ""
    if not thinks:
        why = "this model does not think"
    elif terms.output_cap <= LEAST_BUDGET:
        why = f"this model thinks only where more than {LEAST_BUDGET} output tokens are allowed"
    elif _is_thoughtless(made["messages"]):
        why = "this model goes on thinking after tool calls only if their thinking_blocks come back with them"
    if why:
        terms.cannot("reasoning_effort", why)
        return
    room = terms.output_cap - terms.output_cap // 4
    made["thinking"] = {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, min(budget, room))}


def _is_thoughtless(messages: list[dict[str, Any]]) -> bool:
    """Whether results answer a turn that began without thinking."""
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return "thinking" not in messages[-2]["content"][0]["type"]
