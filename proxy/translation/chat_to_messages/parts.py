"""Content parts of chat messages as content blocks of Anthropic's."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.reading import items, malformed, mapping, only, text

Block = dict[str, Any]

IMAGES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
PDF = "application/pdf"
PDF_START = "JVBERi"  # "%PDF-" in base64
MARKS = ("cache_control", "prompt_cache_breakpoint")


def blocks_of(content: Any, path: str, terms: Terms, kinds: frozenset[str]) -> list[Block]:
    """The blocks of one message, without empty texts: Anthropic refuses those."""
    if content is None:
        return []
    if isinstance(content, str):
        return _written(content)
    made: list[Block] = []
    for place, value in enumerate(items(content, path)):
        where = f"{path}[{place}]"
        part = mapping(value, where)
        kind = text(part.get("type"), f"{where}.type")
        if kind not in kinds:
            terms.cannot(f"{where}.{kind}", "a message of this role has no such part there")
            continue
        only(part, {"type", kind, *MARKS}, where, terms)
        blocks = READERS[kind](part.get(kind), f"{where}.{kind}", terms)
        mark(blocks, part, where, terms)
        made += blocks
    return made


def mark(blocks: list[Block], holder: dict[str, Any], path: str, terms: Terms) -> None:
    """Sets the cache mark of a part, message or tool on the last of its blocks."""
    control = cache_control(holder, path, terms)
    if control is not None and blocks and "thinking" not in blocks[-1]["type"]:
        blocks[-1]["cache_control"] = control


def cache_control(holder: dict[str, Any], path: str, terms: Terms) -> dict[str, Any] | None:
    """Anthropic's own mark, or OpenAI's breakpoint, whose half hour only the longer lifetime keeps."""
    if "cache_control" in holder:
        where = f"{path}.cache_control".removeprefix(".")
        control = mapping(holder["cache_control"], where)
        if control.get("type") != "ephemeral" or control.get("ttl", "5m") not in ("5m", "1h"):
            raise malformed(where, "must be of type ephemeral, with a ttl of 5m or 1h")
        only(control, ("type", "ttl"), where, terms)
        return {name: control[name] for name in ("type", "ttl") if name in control}
    if "prompt_cache_breakpoint" in holder:
        where = f"{path}.prompt_cache_breakpoint"
        point = mapping(holder["prompt_cache_breakpoint"], where)
        only(point, ("mode", "ttl"), where, terms)
        if point.get("ttl", "30m") != "30m":
            terms.cannot(f"{where}.ttl", "nothing is cached for longer than an hour there")
        return {"type": "ephemeral", "ttl": "1h"}
    return None


def _written(value: str) -> list[Block]:
    return [{"type": "text", "text": value}] if value.strip() else []


def _text(value: Any, path: str, terms: Terms) -> list[Block]:
    return _written(text(value, path))


def _image(value: Any, path: str, terms: Terms) -> list[Block]:
    image = mapping(value, path)
    only(image, ("url", "detail"), path, terms)
    if image.get("detail") == "low":
        terms.cannot(f"{path}.detail", "images are always read in full there")
    url = text(image.get("url"), f"{path}.url")
    if url.startswith(("https://", "http://")):
        return [{"type": "image", "source": {"type": "url", "url": url}}]
    kind, data = _data_of(url, f"{path}.url")
    if kind not in IMAGES:
        terms.cannot(f"{path}.url", f"images of type {kind!r} are not read there")
        return []
    return [{"type": "image", "source": {"type": "base64", "media_type": IMAGES[kind], "data": data}}]


def _file(value: Any, path: str, terms: Terms) -> list[Block]:
    file = mapping(value, path)
    only(file, ("file_data", "filename", "file_id"), path, terms)
    if "file_id" in file:
        terms.cannot(f"{path}.file_id", "it names a file at another provider")
        if "file_data" not in file:
            return []
    data = text(file.get("file_data"), f"{path}.file_data")
    source = _document(data, f"{path}.file_data", terms)
    if source is None:
        return []
    made: Block = {"type": "document", "source": source}
    if file.get("filename"):
        made["title"] = text(file["filename"], f"{path}.filename")
    return [made]


def _document(value: str, path: str, terms: Terms) -> dict[str, Any] | None:
    kind, data = (PDF, value) if value.startswith(PDF_START) else _data_of(value, path)
    if kind == PDF:
        return {"type": "base64", "media_type": PDF, "data": data}
    if kind == "text/plain":
        try:
            return {
                "type": "text",
                "media_type": kind,
                "data": base64.b64decode(data, validate=True).decode(),
            }
        except (binascii.Error, UnicodeDecodeError):
            raise malformed(path, "must hold UTF-8 in base64") from None
    terms.cannot(path, f"files of type {kind!r} are not read there")
    return None


def _data_of(uri: str, path: str) -> tuple[str, str]:
    """Media type and base64 text of a data URI."""
    head, comma, data = uri.partition(",")
    scheme, _, rest = head.partition(":")
    if scheme.lower() != "data" or not comma or not rest.lower().endswith(";base64"):
        raise malformed(path, "must be a URL of http or https, or of the form data:TYPE;base64,…")
    return rest.partition(";")[0].strip().lower(), data


READERS: dict[str, Callable[[Any, str, Terms], list[Block]]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _file,
}
TEXT = frozenset({"text"})
SAID = frozenset({"text", "refusal"})
SHOWN = frozenset({"text", "image_url", "file"})
