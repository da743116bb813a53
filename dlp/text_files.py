"""A text file as a body carries it: base64 or percent-encoded, in whichever of the usual encodings."""

from __future__ import annotations

import base64
import binascii
import codecs
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    text: str
    encoding: str
    is_base64: bool

    @classmethod
    def read(cls, carried: str, *, is_base64: bool) -> TextFile:
        """Never fails, so that nothing stays unread: what is no base64 is taken as it stands, and what is in no encoding that we
        know as Latin-1, in which any bytes are a text."""
        if not is_base64:
            content = unquote_to_bytes(carried)
        else:
            try:
                content = base64.b64decode("".join(carried.split()), validate=True)
            except (binascii.Error, ValueError):
                return cls(carried, "", is_base64)
        marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
        for encoding in (marked or "utf-8", "latin-1"):
            try:
                return cls(content.decode(encoding), encoding, is_base64)
            except UnicodeDecodeError:
                continue
        raise AssertionError("Latin-1 takes any bytes")

    def written(self, text: str) -> str:
        """The changed text as it was carried; in UTF-8 where its encoding lacks a sign."""
        if not self.encoding:
            return text
        try:
            content = text.encode(self.encoding)
        except UnicodeEncodeError:
            content = text.encode("utf-8", "surrogatepass")
        return base64.b64encode(content).decode() if self.is_base64 else quote(content)
