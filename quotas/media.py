"""Tokens of images, sound, films and files in a request: the most that they can be for the model's family.

Sizes are read from the first bytes of what is in the request. Nothing is decoded, nothing is fetched: what
lies elsewhere, or cannot be read, counts as the largest that the family takes.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from quotas import pictures
from quotas.families import CLAUDE, GEMINI, OPENAI, Family, family_of, longest
from quotas.pictures import Size

HEAD = 64 * 1024  # bytes of a picture or sound that are looked at
FIRST = 48  # bytes that suffice for most
MOST = 48_200  # of a picture: the dearest size of the dearest family
CONTEXT = 1_050_000  # the largest window of a model that reads files or films: no input is larger
SPOKEN = 16_384  # of an earlier spoken answer that a message points to: no answer is longer
PAGE, PAGE_GEMINI = 3_000, 258
BYTES_PER_PAGE = 1_024
PER_SECOND, PER_SECOND_GEMINI = 10, 32
BYTES_PER_SECOND = {"mp3": 1_000}  # the lowest rates in use
BYTES_PER_SECOND_LEAST = 500

KINDS = {
    **dict.fromkeys(("image_url", "input_image", "image"), "image"),
    **dict.fromkeys(("input_audio", "audio_url", "audio"), "sound"),
    **dict.fromkeys(("file", "input_file", "document"), "file"),
    **dict.fromkeys(("video_url", "input_video", "video"), "film"),
    "image_generation_call": "image",
    "redacted_thinking": "sealed",
}
SEALED = ("encrypted_content", "signature")  # fields of a part that hold what only the vendor can read
INSIDE = (
    "content",
    "output",
    "outputs",
)  # fields of a part that hold parts: results of tools, turns, documents
WRITTEN = ("text", "content")  # kinds of a document's source that are no medium
KIND = 32  # characters that the name of a kind has at most
CONTENTS = ("url", "data", "file_data", "result")  # fields of a part that hold what is no text


@dataclass(frozen=True, slots=True)
class Media:
    tokens: int
    characters: int  # of the request, that are these media and no text


def measure(body: Mapping[str, Any], model: str) -> Media:
    """All media among the messages, or among the parts of an embedding's input."""
    family = family_of(model)
    tokens = characters = 0
    for part in _parts(body):
        for kind, given in _media(part):
            content = content_of(given)
            tokens += COUNTS[kind](given, content or "", family)
            characters += len(content or "")
    return Media(tokens, characters)


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    """A part, or those of a list, and all that are inside them."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo.extend(_inside(one))
            if isinstance(one.get("source"), dict):
                todo.extend(_inside(one["source"]))
        elif isinstance(one, list) and dict in map(
            type, one
        ):  # token ids may be many, and are passed over fast
            todo.extend(part for part in reversed(one) if isinstance(part, dict))


def _inside(part: Mapping[str, Any]) -> Iterator[Any]:
    return (part[field] for field in INSIDE if isinstance(part.get(field), dict | list))


def words_of(part: Mapping[str, Any]) -> Iterator[Any]:
    """What of a part may be read as text: all but its kind, the contents of its media, and the parts inside it."""
    medium = _medium(part)
    content = content_of(medium) if medium is not None else None
    for field, value in part.items():
        if field in KINDS:
            if isinstance(value, dict):
                held = content_of(value)
                yield from (one for one in value.values() if one is not held)
            elif not isinstance(value, str):
                yield value
        elif field == "source" and isinstance(value, dict):
            yield from _plain(value, content if value is medium else None)
        else:
            yield from _plain({field: value}, content if part is medium else None)


def _plain(fields: Mapping[str, Any], content: str | None) -> Iterator[Any]:
    for field, value in fields.items():
        if field in INSIDE and isinstance(value, dict | list):
            if isinstance(value, list):
                yield [one for one in value if not isinstance(one, dict)]
        elif field in SEALED and isinstance(value, str):
            continue
        elif not names_a_kind(field, value) and (content is None or value is not content):
            yield value


def names_a_kind(field: str, value: Any) -> bool:
    """Such as `"type": "text"`, which no model reads."""
    return field == "type" and isinstance(value, str) and len(value) <= KIND


def content_of(given: Any) -> str | None:
    """What a part's medium holds: an address, or the bytes in base 64."""
    if isinstance(given, dict):
        given = next((given[field] for field in CONTENTS if isinstance(given.get(field), str)), None)
    return given if isinstance(given, str) else None


def _parts(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        yield from parts_of(message.get("content"))
        if isinstance(message.get("audio"), dict):
            yield {"audio": message["audio"]}
    for field in ("system", "input"):
        yield from parts_of(body[field]) if isinstance(body.get(field), list) else ()


def _media(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """By the fields that a part has; by its type when it has none of them."""
    detail = part.get("detail")
    for field in part:
        if field in KINDS:
            given = part[field]
            beside = isinstance(given, str) and detail is not None
            yield KINDS[field], {"url": given, "detail": detail} if beside else given
        elif field in SEALED and isinstance(part[field], str):
            yield "sealed", part[field]
    medium = _medium(part)
    if medium is not None:
        yield KINDS[part["type"]], medium


def _medium(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What holds the medium of a part that says only by its type that it is one: its source, else itself."""
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in KINDS or any(field in KINDS for field in part):
        return None
    source = part.get("source")
    if not isinstance(source, dict):
        return part
    return None if source.get("type") in WRITTEN else source


# pictures


def _image(given: Any, content: str, family: Family) -> int:
    detail = given.get("detail") if isinstance(given, dict) else None
    return image_tokens(family, _picture(content), detail if isinstance(detail, str) else "auto")


def _picture(content: str) -> Size | None:
    """The size of a picture in a data URI, or of one in plain base 64."""
    start = 0
    if content.startswith("data:"):
        start = content.find(",", 0, 256) + 1
        if not content[: max(0, start - 1)].endswith(";base64"):
            return None
    return pictures.size_of(_head(content, start, FIRST)) or pictures.size_of(_head(content, start, HEAD))


def _head(content: str, start: int, most: int) -> bytes:
    """The first bytes of what is written in base 64; none when it is not written strictly."""
    written = "".join(content[start : start + most * 4 // 3].split())
    written = written[: len(written) // 4 * 4]
    try:
        return binascii.a2b_base64(written, strict_mode=True)
    except ValueError:
        return b""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A price for the picture, and one for each square of 512 of it when fitted."""

    base: int
    tile: int

    def tokens(self, size: Size | None, detail: str) -> int:
        if detail == "low":
            return self.base
        width, height = _shrunk(size or (768, 2048), longest_side=2048)
        scale = min(Fraction(1), 768 / min(width, height))
        return self.base + self.tile * ceil(width * scale / 512) * ceil(height * scale / 512)


@dataclass(frozen=True, slots=True)
class Patches:
    """A price for each square of 32, up to so many, by detail."""

    per_patch: Fraction
    most: Mapping[str, tuple[int, int | None]]  # detail: patches, longest side

    def tokens(self, size: Size | None, detail: str) -> int:
        patches, side = self.most.get(detail) or self.most["auto"]
        if size is not None:
            fitted = _shrunk(size, longest_side=side) if side else size
            patches = min(patches, ceil(Fraction(fitted[0]) / 32) * ceil(Fraction(fitted[1]) / 32))
        return ceil(patches * self.per_patch)


HIGH, LOW = (2_500, 2_048), (256, 512)
UNBOUNDED = (2**40, None)
FIXED = {"auto": HIGH, "low": LOW}
ORIGINAL = {"auto": HIGH, "low": LOW, "original": (10_000, 6_000)}
NEWEST = {"auto": UNBOUNDED, "high": HIGH, "low": (6_144, None)}

PLAIN, MINI, O4_MINI, NANO = (Fraction(text) for text in ("1.2", "1.62", "1.72", "2.46"))
GPT_4O_MINI = Tiles(2_833, 5_667)
OPENAI_IMAGES: dict[str, Tiles | Patches] = {
    **dict.fromkeys(("gpt-4", "gpt-4o", "gpt-4.1", "gpt-4.5", "chatgpt-4o"), Tiles(85, 170)),
    "gpt-4o-mini": GPT_4O_MINI,
    **dict.fromkeys(("gpt-4.1-mini", "gpt-5-mini", "gpt-5.1-codex-mini"), Patches(MINI, FIXED)),
    **dict.fromkeys(("gpt-4.1-nano", "gpt-5-nano"), Patches(NANO, FIXED)),
    **dict.fromkeys(("gpt-5", "gpt-5.1"), Tiles(70, 140)),
    **dict.fromkeys(("o1", "o3"), Tiles(75, 150)),
    **dict.fromkeys(("o4-mini", "codex-mini"), Patches(O4_MINI, FIXED)),
}


def image_tokens(family: Family, size: Size | None, detail: str = "auto") -> int:
    """Of one picture; None for a size that is not known."""
    if family.vendor == OPENAI:
        rule = _openai_rule(family)
        if rule is not None:
            return min(rule.tokens(size, detail), MOST) if size is None else rule.tokens(size, detail)
    elif family.vendor == CLAUDE:
        return _claude_image(size, (2_576, 4_784) if family.version >= (4, 7) else (1_568, 1_568))
    elif family.vendor == GEMINI and size is not None:
        return max(_gemini_tiles(size) * 258, 1_120 if family.version >= (3, 0) else 0)
    if size is None:
        return MOST
    return max(GPT_4O_MINI.tokens(size, "high"), Patches(PLAIN, NEWEST).tokens(size, "auto"))


def _openai_rule(family: Family) -> Tiles | Patches | None:
    name, version = family.name, family.version
    if name.startswith("gpt-") and (5, 2) <= version < (99, 0):
        per_patch = NANO if "nano" in name else MINI if "mini" in name else PLAIN
        return Patches(per_patch, NEWEST if version >= (5, 5) else ORIGINAL)
    return longest(OPENAI_IMAGES, name)


def _claude_image(size: Size | None, most: tuple[int, int]) -> int:
    side, tokens = most
    if size is None:
        return tokens
    width, height = _shrunk(size, longest_side=side)
    return min(tokens, ceil(width / 28) * ceil(height / 28))


def _gemini_tiles(size: Size) -> int:
    """Squares of two thirds of the shorter side, from 256 to 768; one for a small picture."""
    if max(size) <= 384:
        return 1
    side = min(768, max(256, min(size) * 2 // 3))
    return -(-size[0] // side) * -(-size[1] // side)


def _shrunk(size: Size, *, longest_side: int) -> tuple[Fraction, Fraction]:
    scale = min(Fraction(1), Fraction(longest_side, max(size)))
    return size[0] * scale, size[1] * scale


# sound, films, files


def _sound(given: Any, content: str, family: Family) -> int:
    """By the rate that a WAV states, else by the lowest rate of its format; of an earlier answer the most."""
    per_second = PER_SECOND if family.vendor == OPENAI else PER_SECOND_GEMINI
    if not content or "://" in content[:16]:
        return SPOKEN if isinstance(given, dict) and set(given) == {"id"} else CONTEXT
    size = len(content) * 3 // 4
    start = content.find(",", 0, 256) + 1
    kind = given.get("format") if isinstance(given, dict) else None
    rate = pictures.bytes_per_second(_head(content, start, FIRST)) or pictures.bytes_per_second(
        _head(content, start, HEAD)
    )
    rate = rate or (BYTES_PER_SECOND.get(kind) if isinstance(kind, str) else None) or BYTES_PER_SECOND_LEAST
    return min(CONTEXT, -(-size * per_second // rate))


def _film(given: Any, content: str, family: Family) -> int:
    return CONTEXT


def _file(given: Any, content: str, family: Family) -> int:
    """As many pages as the bytes can hold, or one token for each byte of a plain text."""
    if not content or "://" in content[:16]:
        return CONTEXT
    size = len(content) * 3 // 4
    page = PAGE_GEMINI if family.vendor == GEMINI and family.version < (3, 0) else PAGE
    return min(CONTEXT, max(size, page * (1 + size // BYTES_PER_PAGE)))


def _sealed(given: Any, content: str, family: Family) -> int:
    """Enciphered text in base 64 of which nobody packs more than a token into a byte and a half."""
    return -(-len(content) // 2)


COUNTS: Mapping[str, Callable[[Any, str, Family], int]] = {
    "image": _image,
    "sound": _sound,
    "film": _film,
    "file": _file,
    "sealed": _sealed,
}
