"""The turns of a Messages request: what the vendor accepts in them, and how it joins them."""

from typing import Any

from .messages_marks import Turn, check_mark
from .messages_refusals import invalid, refuse_extra
from .thinking import is_ours

VERSION_OF_2026 = "2026-10-21"
REDACTED = "redacted"

# Fields that a block must have, and those that it may have besides.
_BLOCKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "text": (("text",), ("citations",)),
    "image": (("source",), ("transformations",)),
    "document": (("source",), ("citations", "context", "title")),
    "search_result": (("content", "source", "title"), ("citations",)),
    "thinking": (("thinking", "signature"), ()),
    "redacted_thinking": (("data",), ()),
    "tool_use": (("id", "name", "input"), ("caller", "toolset_name")),
    "tool_result": (("tool_use_id",), ("content", "is_error", "toolset_name")),
}
_ONLY_BY = {
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_use": "assistant",
    "tool_result": "user",
}
_TEXTS = frozenset({"text", "thinking", "signature", "data", "id", "name", "tool_use_id"})
_SOURCES = {
    "image": {"base64": "data", "url": "url", "file": "file_id"},
    "document": {"base64": "data", "text": "data", "url": "url", "file": "file_id", "content": "content"},
}
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def read_turns(value: Any, version: str) -> list[Turn]:
    """The turns, checked and with neighbours of one role joined; texts have become blocks."""
    if value is None:
        raise invalid("messages: Field required")
    if not isinstance(value, list):
        raise invalid("messages: Input should be a valid list")
    if not value:
        raise invalid("messages: at least one message is required")
    read = [_read_message(each, number, len(value), version) for number, each in enumerate(value)]
    turns: list[Turn] = []
    for turn in read:
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1]["content"] += turn["content"]
        else:
            turns.append(turn)
    if turns[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    _check_tool_results(turns)
    return turns


def read_blocks(value: Any, path: str) -> list[dict[str, Any]]:
    """A text, or a list of blocks, as a list of blocks."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}] if value else []
    if not isinstance(value, list):
        raise invalid(f"{path}: Input should be a valid list")
    for number, block in enumerate(value):
        _check_block(block, f"{path}.{number}")
    return value


def text_of(block: dict[str, Any]) -> str:
    """The text of a block, or of the blocks inside a tool's result."""
    if block.get("type") != "tool_result":
        return str(block.get("text", ""))
    content = block.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(text_of(each) for each in content or [])


def _read_message(message: Any, number: int, count: int, version: str) -> Turn:
    path = f"messages.{number}"
    if not isinstance(message, dict):
        raise invalid(f"{path}: Input should be an object")
    for name in ("role", "content"):
        if name not in message:
            raise invalid(f"{path}.{name}: Field required")
    refuse_extra(message, frozenset({"role", "content"}), f"{path}.")
    role = message["role"]
    if role not in ("user", "assistant", "system"):
        raise invalid(f"{path}.role: Input should be 'user', 'assistant' or 'system'")
    blocks = read_blocks(message["content"], f"{path}.content")
    if not blocks and not (role == "assistant" and number == count - 1):
        raise invalid(
            f"{path}: all messages must have non-empty content except for the optional final assistant message"
        )
    for place, block in enumerate(blocks):
        _check_role(block, role, f"{path}.content.{place}", version)
    return {"role": role, "content": list(blocks)}


def _check_role(block: dict[str, Any], role: str, path: str, version: str) -> None:
    kind = block["type"]
    if role == "system" and kind != "text":
        raise invalid(f"{path}: `{kind}` blocks are not allowed in `system` messages")
    if _ONLY_BY.get(kind, role) != role:
        raise invalid(f"{path}: `{kind}` blocks can only be in `{_ONLY_BY[kind]}` messages")
    if version != VERSION_OF_2026:
        return
    if kind == "document" and role == "assistant":
        raise invalid(f"{path}: `document` blocks are not allowed in `assistant` messages")
    if kind == "text" and role == "user" and block.get("citations"):
        raise invalid(f"{path}.text.citations: citations are not allowed in `user` messages")


def _check_block(block: Any, path: str) -> None:
    if not isinstance(block, dict):
        raise invalid(f"{path}: Input should be an object")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise invalid(f"{path}.type: Field required")
    check_mark(block.get("cache_control"), f"{path}.{kind}.cache_control")
    if kind.startswith("server_tool_use") or (kind.endswith("_tool_result") and kind not in _BLOCKS):
        return  # what the vendor's own tools left behind; it is not looked into
    if kind not in _BLOCKS:
        expected = ", ".join(f"'{each}'" for each in _BLOCKS)
        raise invalid(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )
    required, optional = _BLOCKS[kind]
    for name in required:
        if name not in block:
            raise invalid(f"{path}.{kind}.{name}: Field required")
        if name in _TEXTS and not isinstance(block[name], str):
            raise invalid(f"{path}.{kind}.{name}: Input should be a valid string")
    refuse_extra(block, frozenset({"type", "cache_control", *required, *optional}), f"{path}.{kind}.")
    _check_inside(kind, block, path)


def _check_inside(kind: str, block: dict[str, Any], path: str) -> None:
    match kind:
        case "text" if not block["text"]:
            raise invalid("messages: text content blocks must be non-empty")
        case "image" | "document":
            _check_source(kind, block["source"], f"{path}.{kind}.source")
        case "thinking" if not is_ours(block["signature"], block["thinking"]):
            raise invalid(f"{path}: Invalid `signature` in `thinking` block")
        case "redacted_thinking" if not is_ours(block["data"], REDACTED):
            raise invalid(f"{path}: Invalid `data` in `redacted_thinking` block")
        case "tool_use" if not isinstance(block["input"], dict):
            raise invalid(f"{path}.tool_use.input: Input should be an object")
        case "tool_result" | "search_result" if block.get("content") is not None:
            read_blocks(block["content"], f"{path}.{kind}.content")


def _check_source(kind: str, source: Any, path: str) -> None:
    sources = _SOURCES[kind]
    if not isinstance(source, dict) or str(source.get("type")) not in sources:
        expected = ", ".join(f"'{each}'" for each in sources)
        raise invalid(f"{path}: Input tag does not match any of the expected tags: {expected}")
    form = source["type"]
    field = sources[form]
    if field not in source:
        raise invalid(f"{path}.{form}.{field}: Field required")
    if form == "content":
        read_blocks(source[field], f"{path}.content.content")
    elif not isinstance(source[field], str):
        raise invalid(f"{path}.{form}.{field}: Input should be a valid string")
    if kind == "image" and form == "base64" and source.get("media_type") not in _IMAGE_TYPES:
        expected = ", ".join(f"'{each}'" for each in _IMAGE_TYPES)
        raise invalid(f"{path}.base64.media_type: Input should be one of {expected}")


def _check_tool_results(turns: list[Turn]) -> None:
    """Every use is answered at the head of the next turn, and nothing else is."""
    for number, turn in enumerate(turns):
        used = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        after = turns[number + 1]["content"] if number + 1 < len(turns) else []
        missing = used - _leading_results(after)
        if missing:
            raise invalid(
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(missing))}. Each `tool_use` block must have a corresponding `tool_result` "
                "block in the next message."
            )
        before = turns[number - 1]["content"] if number else []
        known = {block["id"] for block in before if block["type"] == "tool_use"}
        for place, block in enumerate(turn["content"]):
            if block["type"] == "tool_result" and block["tool_use_id"] not in known:
                raise invalid(
                    f"messages.{number}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` "
                    "block in the previous message."
                )


def _leading_results(blocks: list[dict[str, Any]]) -> set[str]:
    found = set()
    for block in blocks:
        if block["type"] != "tool_result":
            break
        found.add(block["tool_use_id"])
    return found
