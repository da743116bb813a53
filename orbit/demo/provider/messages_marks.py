"""The marks by which a request says what to cache, and for how long."""

from collections.abc import Iterator
from typing import Any

from .messages_refusals import invalid, refuse_extra

Turn = dict[str, Any]

_MOST_MARKS = 4
_LIFETIMES = ("5m", "1h")


def marks_in(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cache marks of a block and of the blocks inside it, the innermost first."""
    inner = block.get("content")
    for each in inner if isinstance(inner, list) else []:
        if isinstance(each, dict):
            yield from marks_in(each)
    if isinstance(mark := block.get("cache_control"), dict):
        yield mark


def check_mark(mark: Any, path: str) -> None:
    if mark is None:
        return
    if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
        raise invalid(f"{path}: Input should be an object of type 'ephemeral'")
    if mark.get("ttl", "5m") not in _LIFETIMES:
        raise invalid(f"{path}.ephemeral.ttl: Input should be '5m' or '1h'")
    refuse_extra(mark, frozenset({"type", "ttl"}), f"{path}.ephemeral.")


def mark_last_block(mark: Any, turns: list[Turn]) -> None:
    """`cache_control` of the whole request marks its last block that can be cached."""
    if mark is None:
        return
    check_mark(mark, "cache_control")
    blocks = [block for block in turns[-1]["content"] if not block["type"].endswith("thinking")]
    if blocks and not blocks[-1].get("cache_control"):
        marked = blocks[-1] | {"cache_control": mark}
        turns[-1]["content"] = [marked if block is blocks[-1] else block for block in turns[-1]["content"]]


def check_marks(tools: list[Any], system: list[Any], turns: list[Turn]) -> None:
    marks = _marks_of(tools) + _marks_of(system)
    for turn in turns:
        marks += _marks_of(turn["content"])
    if len(marks) > _MOST_MARKS:
        raise invalid(
            f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
        )
    lifetimes = [mark.get("ttl", "5m") for mark in marks]
    if lifetimes != sorted(lifetimes):  # "1h" sorts before "5m"
        raise invalid(
            "cache_control: a ttl='1h' block must not come after a ttl='5m' block. Blocks are processed in the "
            "order `tools`, `system`, `messages`."
        )


def _marks_of(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [mark for block in blocks for mark in marks_in(block)]
