"""Content parts of input items as those of chat messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.reading import items, malformed, mapping, only, text

Part = dict[str, Any]

CACHE_MARKS = (
    "prompt_cache_breakpoint",
    "cache_control",
)  # the second is Anthropic's; some clients send it anyway
ASKED = frozenset({"input_text", "input_image", "input_file"})
TOLD = frozenset({"input_text"})
SAID = frozenset({"input_text", "output_text", "refusal"})


def parts_of(content: Any, path: str, terms: Terms, kinds: frozenset[str]) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    made: list[Part] = []
    for place, value in enumerate(items(content, path)):
        where = f"{path}[{place}]"
        part = mapping(value, where)
        kind = text(part.get("type"), f"{where}.type")
        if kind not in kinds:
            terms.cannot(where, f"no part of type {kind!r} can stand there")
            continue
        read = READERS[kind](part, where, terms)
        if read is not None:
            made.append(read | {name: part[name] for name in CACHE_MARKS if name in part})
    return made


def content_of(parts: list[Part]) -> str | list[Part]:
    """A plain text where that says the same: some servers know nothing else."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def _text(part: Part, path: str, terms: Terms) -> Part:
    only(part, ("type", "text", *CACHE_MARKS), path, terms)
    return {"type": "text", "text": text(part.get("text"), f"{path}.text")}


def _output_text(part: Part, path: str, terms: Terms) -> Part:
    # what the answer told about the text is of no use to the model
    only(part, ("type", "text", "annotations", "logprobs", *CACHE_MARKS), path, terms)
    return {"type": "text", "text": text(part.get("text"), f"{path}.text")}


def _refusal(part: Part, path: str, terms: Terms) -> Part:
    only(part, ("type", "refusal"), path, terms)
    return {"type": "refusal", "refusal": text(part.get("refusal"), f"{path}.refusal")}


def _image(part: Part, path: str, terms: Terms) -> Part | None:
    only(part, ("type", "image_url", "detail", "file_id", *CACHE_MARKS), path, terms)
    if _is_elsewhere(part, path, terms):
        return None
    image = {"url": text(part.get("image_url"), f"{path}.image_url")}
    if "detail" in part:
        image["detail"] = text(part["detail"], f"{path}.detail")
    return {"type": "image_url", "image_url": image}


def _file(part: Part, path: str, terms: Terms) -> Part | None:
    only(
        part,
        ("type", "file_data", "filename", "detail", "file_id", "file_url", *CACHE_MARKS),
        path,
        terms,
    )
    if part.get("detail", "auto") != "auto":
        terms.cannot(f"{path}.detail", "how closely a file is read cannot be said there")
    if _is_elsewhere(part, path, terms):
        return None
    if "file_url" in part:
        terms.cannot(f"{path}.file_url", "files are sent as data there")
        return None
    file = {name: text(part[name], f"{path}.{name}") for name in ("file_data", "filename") if name in part}
    if "file_data" not in file:
        raise malformed(f"{path}.file_data", "is missing")
    return {"type": "file", "file": file}


def _is_elsewhere(part: Part, path: str, terms: Terms) -> bool:
    if "file_id" in part:
        terms.cannot(f"{path}.file_id", "it names a file at another provider")
    return "file_id" in part


READERS: dict[str, Callable[[Part, str, Terms], Part | None]] = {
    "input_text": _text,
    "input_image": _image,
    "input_file": _file,
    "output_text": _output_text,
    "refusal": _refusal,
}
