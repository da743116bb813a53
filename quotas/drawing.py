"""Pictures: tokens by size and quality for OpenAI's image models, a number of pictures for others.

Tokens of gpt-image-1 and 1.5 are OpenAI's published table; those of its mini follow from the prices that OpenAI prints
for each picture, at $8 a million. From gpt-image-2 on there is no table: a forum quotes OpenAI's calculator with 7,024
for a square megapixel and 12,329 for 3584x2048 at high quality, and the bound is laid over both. How much dearer
`xhigh` and `max` are is a guess. Partial pictures cost 100 tokens each.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from quotas import media, pictures
from quotas.families import family_of, longest
from quotas.needs import Asked, Made, Need, bytes_of, number

PARTIAL = 100
PROMPT = 200  # around the prompt
STATED = ("1024x1024", "1024x1536", "1536x1024")
TABLE: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "gpt-image-1": {"low": (272, 408, 400), "medium": (1_056, 1_584, 1_568), "high": (4_160, 6_240, 6_208)},
    "gpt-image-1-mini": {
        "low": (625, 750, 750),
        "medium": (1_375, 1_875, 1_875),
        "high": (4_500, 6_500, 6_500),
    },
}
# Of the tokens at high quality. `auto` may choose any.
SHARES = {"low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 2.0, "max": 4.0}
LARGEST = 3_840 * 2_160
LEAST_HIGH, PIXELS_PER_TOKEN = 8_192, 500
BY_PICTURE = ("dall-e",)
BY_TOKENS = ("gpt-image", "chatgpt-image")
FRAMES = 9  # of a GIF, unless the request says
IMAGES = ("image", "images", "mask", "markup", "input_image_mask")


def need(asked: Asked) -> Need:
    """An image model that is not OpenAI's may be charged either way: both are reserved."""
    name = family_of(asked.model).name
    body, count = asked.body, max(1, number(asked.body, "n", 1))
    if name.startswith(BY_PICTURE):
        return Need(units={"images": count})
    frames = number(body, "frame_count", FRAMES) if body.get("output_format") == "gif" else 1
    partial = PARTIAL * number(body, "partial_images", 0)
    each = _tokens(name, body.get("size"), body.get("quality")) * max(frames, 1) + partial
    given = (bytes_of(body, "prompt") + PROMPT + _shown(asked)) * count
    return Need(given, each * count, {} if name.startswith(BY_TOKENS) else {"images": count})


def drawn(asked: Asked, reserved: Need, made: Made) -> Need:
    """By the pictures that came."""
    count = number(asked.body, "n", 1)
    if made.images is None or not 0 < made.images < count:
        return reserved
    units = {name: made.images if name == "images" else value for name, value in reserved.units.items()}
    given, written = (
        -(-one * made.images // count) for one in (reserved.input_tokens, reserved.output_tokens)
    )
    return Need(given, written, units)


def unbounded(asked: Asked) -> str | None:
    """A drawing in SVG is written by another model, at that model's price and without a limit of its own."""
    return "output_format" if asked.body.get("output_format") == "svg" else None


def _tokens(name: str, size: Any, quality: Any) -> int:
    """Of one picture; the dearest that a size or quality that is left to the model can become."""
    table = longest(TABLE, name)
    if table is not None and not _sized_freely(name):
        shares = table.get(quality) if isinstance(quality, str) else None
        tokens = shares or table["high"]
        return tokens[STATED.index(size)] if size in STATED else max(tokens)
    share = SHARES.get(quality) if isinstance(quality, str) else None
    high = max(LEAST_HIGH, ceil(_pixels(size) / PIXELS_PER_TOKEN))
    return ceil(high * (max(SHARES.values()) if share is None else share))


def _sized_freely(name: str) -> bool:
    return family_of(name).version >= (2, 0)


def _pixels(size: Any) -> int:
    width, _, height = size.partition("x") if isinstance(size, str) else ("", "", "")
    sides = [int(one) for one in (width, height) if one.isascii() and one.isdigit() and len(one) < 6]
    return sides[0] * sides[1] if len(sides) == 2 else LARGEST


def _shown(asked: Asked) -> int:
    """Tokens of the pictures that are to be edited."""
    family = family_of(asked.model)
    files = sum(
        media.image_tokens(family, pictures.size_of(one.head))
        for one in asked.files
        if one.field.removesuffix("[]") in IMAGES
    )
    given = [asked.body[name] for name in IMAGES if asked.body.get(name) is not None]
    inside = sum(len(one) if isinstance(one, list) else 1 for one in given)
    return files + inside * media.MOST
