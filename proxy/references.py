"""The ids in a request's body that name something which the provider keeps. Pure.

An id is all that a provider asks for: its account is ours, so without a look at the owner any tenant could read on in
another's conversation. What is missed here is not protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

RESPONSE, ITEM = "response", "item"


class Reference(NamedTuple):
    """`kind` is one of `response` and `item`, whose owners we know, or of what we keep no account of."""

    kind: str
    id: str
    param: str


NAMED = {
    "comparison_response_id": RESPONSE,
    "connector_id": "connector",
    "container_id": "container",
    "continuation_id": RESPONSE,
    "file_id": "file",
    "file_ids": "file",
    "previous_response_id": RESPONSE,
    "skill_id": "skill",
    "tunnel_id": "tunnel",
    "vector_store_ids": "vector_store",
}
# An object or its id, by the name of the field that holds it.
HELD = {"container": "container", "conversation": "conversation", "prompt": "prompt", "voice": "voice"}
# What belongs to the application: its words, the arguments and schemas of its own tools.
OWN = frozenset({"arguments", "input_schema", "metadata", "parameters", "schema"})
# Items that stand for what the provider kept of them, unless they bring it along.
CONTENT = {"reasoning": ("encrypted_content", "content"), "image_generation_call": ("result",)}


# A body that holds none of these refers to nothing. An escape may spell any of them.
TELLING = (b'_id"', b'_ids"', b'"id"', b'"container"', b'"conversation"', b"\\u")
SAID = frozenset({"role", "content", "name"})  # of a message that is a text
FLAT = OWN | {"stop", "stream_options"}  # fields of a body in which nothing is looked for


def may_refer(body: Mapping[str, Any], raw: bytes) -> bool:
    """Whether a body has to be looked at: known at once where all is texts, else by its bytes."""
    return not _is_plain(body) and any(one in raw for one in TELLING)


def _is_plain(body: Mapping[str, Any]) -> bool:
    for name, value in body.items():
        if name == "messages":
            if not isinstance(value, list) or not all(map(_is_text, value)):
                return False
        elif name in NAMED or name in HELD or (isinstance(value, dict | list) and name not in FLAT):
            return False
    return True


def _is_text(message: Any) -> bool:
    return isinstance(message, dict) and message.keys() <= SAID and isinstance(message.get("content"), str)


def object_references(endpoint: str, body: Mapping[str, Any]) -> list[Reference]:
    """All of them, in the order of the body. Of a field that holds several, each."""
    found = list(_walk(body, ""))
    if endpoint == "responses":
        found += _items(body.get("input"))
    elif endpoint == "chat/completions":
        found += _audio(body.get("messages"))
    return found


def _walk(value: Any, path: str) -> Iterator[Reference]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            if isinstance(one, dict | list):
                yield from _walk(one, f"{path}[{number}]")
    elif isinstance(value, dict):
        own = _own(value)
        for name, one in value.items():
            if name not in own:
                yield from _field(value, name, one, f"{path}.{name}" if path else name)


def _own(value: Mapping[str, Any]) -> frozenset[str]:
    """The fields of an object that the provider reads as they are."""
    if value.get("type") in ("tool_use", "server_tool_use", "mcp_tool_use"):
        return OWN | {"input"}
    return OWN


def _field(holder: Mapping[str, Any], name: str, value: Any, path: str) -> Iterator[Reference]:
    kind = NAMED.get(name)
    if kind == "skill" and holder.get("type") == "anthropic":
        return  # everybody's
    if kind is not None:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one:
                yield Reference(kind, one, path)
    elif name in HELD:
        yield from _held(HELD[name], value, path)
    if isinstance(value, dict | list):
        yield from _walk(value, path)


def _held(kind: str, value: Any, path: str) -> Iterator[Reference]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield Reference(kind, value["id"], f"{path}.id")
    elif isinstance(value, str) and value and kind in ("container", "conversation"):
        yield Reference(kind, value, path)  # a prompt or a voice that is a text has no id


def _items(items: Any) -> Iterator[Reference]:
    """Items of the input that stand for stored ones."""
    given = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    brought = {one.get("id") for one in given if one.get("type") == "mcp_approval_request"}
    for number, one in enumerate(items if given else []):
        if not isinstance(one, dict):
            continue
        name = "id" if _stands_for_another(one) else "approval_request_id"
        value = one.get(name)
        if isinstance(value, str) and value and not (name != "id" and value in brought):
            yield Reference(ITEM, value, f"input[{number}].{name}")


def _stands_for_another(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    if kind == "item_reference" or item.keys() == {"id"} or (kind is None and "role" not in item):
        return True
    content = CONTENT.get(kind) if isinstance(kind, str) else None
    return content is not None and not any(item.get(name) for name in content)


def _audio(messages: Any) -> Iterator[Reference]:
    """Spoken answers of earlier calls."""
    for number, one in enumerate(messages if isinstance(messages, list) else []):
        audio = one.get("audio") if isinstance(one, dict) else None
        if isinstance(audio, dict) and isinstance(audio.get("id"), str):
            yield Reference("audio", audio["id"], f"messages[{number}].audio.id")
