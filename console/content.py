"""Stored contents as people read them: who said what, in order; beside it what went over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proxy.formats.base import parsed_object
from proxy.put_together import answer_in
from tenants.services import ReadPart

MOST_TURNS = 500
WHY_NOT = {
    "not_kept": "It was not kept: it could not be written in time. The ledger has its digest.",
    "erased": "It was erased on request.",
    "expired": "It was deleted when its time was over.",
    "destroyed": "The data key that it was encrypted by is destroyed.",
    "damaged": "It does not open: the stored bytes, or the key, are not what they were.",
}


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One part on the page."""

    part: ReadPart
    title: str
    why_not: str
    turns: list[Turn]
    raw: str | None  # None for what is no text


def shown(part: ReadPart) -> Shown:
    title = "What was sent" if part.name == "request" else "What was answered"
    if part.state != "kept":
        return Shown(part, title, WHY_NOT[part.state], [], None)
    whole = whole_answer(part) or parsed_object(part.content)
    text = as_text(part)
    if whole is not None:
        text = json.dumps(whole, ensure_ascii=False, indent=2)
    return Shown(part, title, "", turns(whole or {}), text)


def as_text(part: ReadPart) -> str | None:
    """What was cut may end in half a character."""
    try:
        return part.content.decode("utf-8", "replace" if part.truncated else "strict")
    except UnicodeDecodeError:
        return None


def whole_answer(part: ReadPart) -> dict[str, Any] | None:
    return answer_in(part.content, part.content_type, part.spoken)


def turns(body: dict[str, Any]) -> list[Turn]:
    """The texts of a request or an answer in any of the formats; none where it has another shape."""
    leading = {name: _text(body.get(name)) for name in ("system", "instructions")}
    found = [Turn("system", text) for text in leading.values() if text]
    for name in ("messages", "input", "prompt", "choices", "output", "texts"):
        found.extend(_said(body.get(name)))
    if isinstance(body.get("role"), str) and (text := _text(body.get("content"))):
        found.append(Turn(body["role"], text))
    return found[:MOST_TURNS]


def _said(value: Any) -> Iterator[Turn]:
    if isinstance(value, str):
        yield Turn("user", value)
    for one in value if isinstance(value, list) else ():
        if isinstance(one, str):
            yield Turn("", one)
        elif isinstance(one, dict):
            message = one.get("message") if isinstance(one.get("message"), dict) else one
            assert isinstance(message, dict)
            role, text = message.get("role") or message.get("type"), _text(message)
            if text:
                yield Turn(role if isinstance(role, str) else "", text)


def _text(value: Any) -> str:
    """All that a message says, its tool calls included."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(_text, value)))
    if not isinstance(value, dict):
        return ""
    said = [
        _text(value.get(name)) for name in ("content", "text", "refusal", "thinking", "output", "summary")
    ]
    called = value.get("function") if isinstance(value.get("function"), dict) else value
    assert isinstance(called, dict)
    given = called.get("arguments", called.get("input"))
    if isinstance(called.get("name"), str) and given is not None:
        words = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        said.append(f"{called['name']}({words})")
    said.append(_text(value.get("tool_calls")))
    return "\n".join(filter(None, said))
