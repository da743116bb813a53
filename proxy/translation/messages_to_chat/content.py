"""Content blocks as the parts of a chat message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.messages_to_chat.fields import (
    blocks_of,
    note,
    object_of,
    object_or_nothing,
    only,
    text_of,
    wrong,
)

Part = dict[str, Any]

BREAK = "\n\n"  # between texts that were blocks
PDF = "application/pdf"
# The fields of each block that are decided about. cache_control is a hint: OpenAI caches by itself.
FIELDS = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control", "transformations"}),
    "document": frozenset({"type", "source", "cache_control", "citations", "context", "title"}),
    "search_result": frozenset({"type", "source", "title", "content", "cache_control", "citations"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller", "toolset_name"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
}
DATA = frozenset({"type", "media_type", "data"})
SOURCES = {
    "image": {"base64": DATA, "url": frozenset({"type", "url"})},
    "document": {"base64": DATA, "text": DATA, "content": frozenset({"type", "content"})},
}
SEEN = frozenset({"text", "image", "document", "search_result"})  # by the model, of users and of tools
_SERVER = "what Anthropic's own tools did has no counterpart in chat completions"
_CHANGE = "chat completions cannot change their tools within a conversation"
REFUSED = {
    "server_tool_use": _SERVER,
    "web_search_tool_result": _SERVER,
    "web_fetch_tool_result": _SERVER,
    "code_execution_tool_result": _SERVER,
    "bash_code_execution_tool_result": _SERVER,
    "text_editor_code_execution_tool_result": _SERVER,
    "tool_search_tool_result": _SERVER,
    "advisor_tool_result": _SERVER,
    "mcp_tool_use": _SERVER,
    "mcp_tool_result": _SERVER,
    "mcp_tool_listing": _SERVER,
    "container_upload": "files of Anthropic's containers cannot be read elsewhere",
    "compaction": "only Anthropic can read its summary of a conversation",
    "fallback": "a change of Anthropic's models within an answer has no counterpart",
    "tool_addition": _CHANGE,
    "tool_removal": _CHANGE,
    "tool_reference": "tools that are searched for are Anthropic's own",
    "browser_state": "the browser tool is Anthropic's own",
}


def refuse(block: Mapping[str, Any], path: str, place: str, terms: Terms) -> None:
    kind = block["type"]
    if kind in FIELDS:
        raise wrong(path, f"is a block of type {kind!r}, which has no place in {place}")
    terms.cannot(path, f"{kind!r}: {REFUSED.get(kind, 'blocks of this type are unknown')}")


def parts_of(block: Mapping[str, Any], path: str, terms: Terms) -> list[Part]:
    """A block of one of the kinds that are SEEN."""
    kind = block["type"]
    only(block, FIELDS[kind], path, terms)
    if kind == "text":
        return [_text(text_block(block, path, terms))]
    if kind == "image":
        return _image(block, path, terms)
    if kind == "document":
        return _document(block, path, terms)
    return _search_result(block, path, terms)


def text_block(block: Mapping[str, Any], path: str, terms: Terms) -> str:
    """What a text quotes from is lost, but not the text."""
    if block.get("citations"):
        note(terms, "citations")
    return text_of(block, "text", path)


def joined(parts: list[Part]) -> str | list[Part]:
    """Texts alone as one string: not every server takes lists."""
    if all(part["type"] == "text" for part in parts):
        return BREAK.join(part["text"] for part in parts)
    return parts


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _image(block: Mapping[str, Any], path: str, terms: Terms) -> list[Part]:
    changes = object_or_nothing(block, "transformations", path)
    only(changes, frozenset({"oversized_image"}), f"{path}.transformations", terms)
    if changes.get("oversized_image") not in (None, "downsize"):
        terms.cannot(f"{path}.transformations", "images that are too large are always made smaller")
    source, kind = _source_of(block, path, terms)
    if kind == "url":
        url = text_of(source, "url", f"{path}.source")
    elif kind == "base64":
        url = _data_uri(source, f"{path}.source")
    else:
        terms.cannot(f"{path}.source", f"an image of source {kind!r} cannot be read elsewhere")
        return []
    return [{"type": "image_url", "image_url": {"url": url}}]


def _source_of(block: Mapping[str, Any], path: str, terms: Terms) -> tuple[dict[str, Any], Any]:
    """With its type."""
    source, known = object_of(block, "source", path), SOURCES[block["type"]]
    kind = source.get("type")
    if isinstance(kind, str) and kind in known:
        only(source, known[kind], f"{path}.source", terms)
    return source, kind


def _data_uri(source: Mapping[str, Any], path: str) -> str:
    return f"data:{text_of(source, 'media_type', path)};base64,{text_of(source, 'data', path)}"


def _document(block: Mapping[str, Any], path: str, terms: Terms) -> list[Part]:
    _no_citations(block, path, terms)
    told = [
        (name, text_of(block, name, path)) for name in ("title", "context") if block.get(name) is not None
    ]
    about = [f"{name.capitalize()}: {text}" for name, text in told if text]
    found = _source(*_source_of(block, path, terms), block.get("title"), f"{path}.source", terms)
    return [_text("\n".join(about)), *found] if about and found else found


def _source(source: Mapping[str, Any], kind: Any, title: Any, path: str, terms: Terms) -> list[Part]:
    if kind == "text":
        return [_text(text_of(source, "data", path))]
    if kind == "content":
        return _inner(source.get("content"), frozenset({"text", "image"}), f"{path}.content", terms)
    if kind == "base64":
        if source.get("media_type") != PDF:
            raise wrong(f"{path}.media_type", f"must be {PDF}")
        name = title or "document"
        name = name if name.endswith(".pdf") else f"{name}.pdf"
        return [{"type": "file", "file": {"filename": name, "file_data": _data_uri(source, path)}}]
    terms.cannot(path, f"a document of source {kind!r} cannot be read elsewhere; send it as base64")
    return []


def _search_result(block: Mapping[str, Any], path: str, terms: Terms) -> list[Part]:
    _no_citations(block, path, terms)
    head = f"Search result: {text_of(block, 'title', path)}\nSource: {text_of(block, 'source', path)}"
    texts = _inner(block.get("content"), frozenset({"text"}), f"{path}.content", terms)
    return [_text(BREAK.join([head, *(part["text"] for part in texts)]))]


def _inner(content: Any, kinds: frozenset[str], path: str, terms: Terms) -> list[Part]:
    found: list[Part] = []
    for place, block in blocks_of(content, path):
        if block["type"] in kinds:
            found += parts_of(block, place, terms)
        else:
            refuse(block, place, "this block", terms)
    return found


def _no_citations(block: Mapping[str, Any], path: str, terms: Terms) -> None:
    citations = object_or_nothing(block, "citations", path)
    only(citations, frozenset({"enabled"}), f"{path}.citations", terms)
    if citations.get("enabled"):
        terms.cannot(f"{path}.citations", "answers of this provider cite nothing")
