"""What a response repeats of its request: as the client gave it, but for what was left out on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

# As given here where the client gave nothing.
REPEATED: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
NAME = r"[^.\[\]]+"
PATH = re.compile(rf"{NAME}(?:\[\d+\]|\.{NAME})*")
STEP = re.compile(NAME)
LEFT_OUT = object()


def repeated(body: Mapping[str, Any], dropped: Sequence[str], inside: Sequence[str]) -> dict[str, Any]:
    """`dropped` fields are not told as if they held, and neither is what was dropped `inside` of fields, such as
    `tools[0]`: paths in this very body."""
    given = {name: value for name, value in body.items() if value is not None and name not in dropped}
    for name, paths in _by_field(inside).items():
        if name in REPEATED and name in given:
            given[name] = _without(given[name], paths)
    return {name: given.get(name, value) for name, value in REPEATED.items()}


def _by_field(paths: Sequence[str]) -> dict[str, list[list[str]]]:
    """The steps of each path from its field on. Names of fields are the client's: one may make a path unreadable."""
    found: dict[str, list[list[str]]] = {}
    for path in filter(PATH.fullmatch, paths):
        field, *steps = STEP.findall(path)
        if steps:
            found.setdefault(field, []).append(steps)
    return found


def _without(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    """A copy. Places in lists are those of the whole list, so all are marked before any goes."""
    made = deepcopy(value)
    holders = []
    for *way, last in paths:
        holder = made
        for step in way:
            holder = _inside(holder, step)
        if _inside(holder, last) is not None:
            holder[int(last) if isinstance(holder, list) else last] = LEFT_OUT
            holders.append(holder)
    for holder in holders:
        if isinstance(holder, list):
            holder[:] = [one for one in holder if one is not LEFT_OUT]
        else:
            for name in [name for name, one in holder.items() if one is LEFT_OUT]:
                del holder[name]
    return made


def _inside(holder: Any, step: str) -> Any:
    """None where there is nothing of the kind."""
    if isinstance(holder, dict):
        return holder.get(step)
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
        return holder[int(step)]
    return None
