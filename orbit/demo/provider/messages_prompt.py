"""The prompt of a Messages request as the vendor counts and caches it: tools, then system, then the turns."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from . import tokens
from .messages_marks import marks_in

_TOKENS_OF_UNSEEN_IMAGE = 1_600
_PIXELS_PER_TOKEN = 750
_TOKENS_PER_PAGE = 2_000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Segment:
    """One block; `ttl` is set where the request marks a breakpoint for the cache."""

    content: bytes
    tokens: int
    ttl: str | None


def segments_of(
    tools: list[dict[str, Any]], system: list[dict[str, Any]], turns: list[dict[str, Any]]
) -> list[Segment]:
    found = [_segment(tool, tokens.count(_json(tool).decode())) for tool in tools]
    found += [_segment(block, _count(block)) for block in system]
    for turn in turns:
        extra = tokens.TOKENS_PER_MESSAGE
        for block in turn["content"]:
            found.append(_segment(block, _count(block) + extra, turn["role"]))
            extra = 0
    return found


def count(segments: list[Segment]) -> int:
    return tokens.TOKENS_TO_PRIME + sum(segment.tokens for segment in segments)


def _segment(block: dict[str, Any], size: int, role: str = "") -> Segment:
    ttls = [mark.get("ttl", "5m") for mark in marks_in(block)]
    return Segment(role.encode() + _json(block), size, ttls[-1] if ttls else None)


def _json(block: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in block.items() if name != "cache_control"})


def _count(block: dict[str, Any]) -> int:
    match block.get("type"):
        case "text":
            return tokens.count(block["text"])
        case "image":
            return _count_image(block["source"])
        case "document":
            return _count_document(block)
        case "thinking" | "redacted_thinking":
            return 0  # the vendor drops the thinking of earlier turns, and so do we with all of it
        case "tool_use":
            return tokens.count(block["name"]) + tokens.count(orjson.dumps(block["input"]).decode())
        case "tool_result" | "search_result":
            return _count_inner(block.get("content"))
    return tokens.count(_json(block).decode())


def _count_inner(content: Any) -> int:
    if isinstance(content, str):
        return tokens.count(content)
    return sum(_count(each) for each in content or [])


def _count_image(source: dict[str, Any]) -> int:
    """A PNG by its size, as the vendor does with all; other images cost a flat sum."""
    if source.get("type") == "base64":
        head = _decoded(str(source.get("data", ""))[:64])
        if head.startswith(_PNG) and len(head) >= 24:
            width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
            return max(1, min(_TOKENS_OF_UNSEEN_IMAGE, width * height // _PIXELS_PER_TOKEN))
    return _TOKENS_OF_UNSEEN_IMAGE


def _count_document(block: dict[str, Any]) -> int:
    source = block["source"]
    total = sum(tokens.count(str(block.get(name) or "")) for name in ("title", "context"))
    match source.get("type"):
        case "text":
            return total + tokens.count(str(source.get("data", "")))
        case "content":
            return total + _count_inner(source.get("content"))
        case "base64":
            data = _decoded(str(source.get("data", "")))
            pages = data.count(b"/Type /Page") - data.count(b"/Type /Pages")
            return total + _TOKENS_PER_PAGE * max(1, pages)
    return total + _TOKENS_PER_PAGE


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except binascii.Error:
        return b""
