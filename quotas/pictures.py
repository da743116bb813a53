"""The size of a picture and the length of a sound, from their first bytes. Nothing is decoded.

None whenever a decoder could see something else than we do.
"""

from __future__ import annotations

import struct
from struct import unpack_from

Size = tuple[int, int]

STEPS = 512  # segments and blocks that are looked through
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
JPEG_DATA = frozenset({0xD9, 0xDA})  # the picture itself, or its end
SAMPLES = frozenset({1, 3})  # kinds of WAV whose bytes are samples: integers, floats
EXTENSIBLE = 0xFFFE


def size_of(head: bytes) -> Size | None:
    """Width and height of a PNG, JPEG, GIF or WebP."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            found = _png(head)
        elif head.startswith(b"\xff\xd8"):
            found = _jpeg(head)
        elif head.startswith((b"GIF87a", b"GIF89a")):
            found = _gif(head)
        elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            found = _webp(head)
        else:
            found = None
    except (IndexError, struct.error):
        return None
    return found if found is not None and min(found) > 0 else None


def _png(head: bytes) -> Size | None:
    if head[12:16] != b"IHDR":
        return None
    width, height = unpack_from(">II", head, 16)
    return width, height


def _jpeg(head: bytes) -> Size | None:
    at = 2
    for _ in range(STEPS):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in JPEG_BARE:
            at += 2
        elif marker in JPEG_DATA:
            return None
        elif marker in JPEG_SIZES:
            height, width = unpack_from(">HH", head, at + 5)
            return width, height
        else:
            (length,) = unpack_from(">H", head, at + 2)
            at += 2 + length
    return None


def _gif(head: bytes) -> Size | None:
    """The canvas, or the first frame where that reaches beyond it."""
    width, height, flags = unpack_from("<HHB", head, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(STEPS):
        if head[at] == 0x2C:
            left, top, wide, high = unpack_from("<HHHH", head, at + 1)
            return max(width, left + wide), max(height, top + high)
        if head[at] == 0x21:  # an extension: its label, then blocks up to an empty one
            at += 2
        elif head[at] == 0x3B:
            return None
        else:
            at += 1 + head[at]
    return None


def _webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return (width, height) if len(head) >= 30 else None
    if kind == b"VP8L" and head[20] == 0x2F:
        (bits,) = unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def bytes_per_second(head: bytes) -> int | None:
    """Of a WAV that holds plain samples. Its own word on its length is not asked."""
    try:
        if not head.startswith(b"RIFF") or head[8:12] != b"WAVE":
            return None
        at = 12
        for _ in range(STEPS):
            name, length = unpack_from("<4sI", head, at)
            if name == b"fmt ":
                return _rate(head, at + 8, length)
            at += 8 + length + length % 2
    except struct.error:
        pass
    return None


def _rate(head: bytes, at: int, length: int) -> int | None:
    kind, channels, samples, _, frame, bits = unpack_from("<HHIIHH", head, at)
    if kind == EXTENSIBLE and length >= 40:
        (kind,) = unpack_from("<H", head, at + 24)
    if kind not in SAMPLES or not channels or not samples or frame * 8 != channels * bits:
        return None
    return int(samples * frame) or None
