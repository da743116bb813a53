"""Server-sent events out of bytes that may be cut anywhere. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_BYTES = 4_000_000  # of one event
MARK = b"\xef\xbb\xbf"  # a byte-order mark at the start is not part of the first event
# an event ends with an empty line; each line ends with LF, CRLF or CR
END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n|\r\n\r(?=[^\n])|\n\r(?=[^\n])|\r\r\n")
LINE = re.compile(rb"\r\n|\n|\r")


class TooLong(ValueError):
    """An event does not end."""


class Event(NamedTuple):
    raw: bytes  # as it came, with its empty line
    data: bytes | None  # the data lines joined; None for comments and other fields alone


class Decoder:
    """Give it what arrives; it returns the events that are complete."""

    def __init__(self) -> None:
        self.rest = b""
        self.started = False

    def feed(self, piece: bytes) -> list[Event]:
        buffer = self.rest + piece if self.rest else piece
        if not self.started:
            if MARK.startswith(buffer):  # the mark itself may be cut
                self.rest = buffer
                return []
            self.started = True
            buffer = buffer.removeprefix(MARK)
        found = self._plain(buffer) if b"\r" not in buffer else self._mixed(buffer)
        if len(self.rest) > MOST_BYTES:
            raise TooLong(f"an event is longer than {MOST_BYTES} bytes")
        return found

    def _plain(self, buffer: bytes) -> list[Event]:
        parts = buffer.split(b"\n\n")
        self.rest = parts.pop()
        return [Event(part + b"\n\n", _data(part)) for part in parts]

    def _mixed(self, buffer: bytes) -> list[Event]:
        found, at = [], 0
        # a CR at the very end may be half of a CRLF: it waits for what follows
        limit = len(buffer) - 1 if buffer.endswith(b"\r") else len(buffer)
        for match in END.finditer(buffer, 0, limit):
            found.append(Event(buffer[at : match.end()], _data(buffer[at : match.start()])))
            at = match.end()
        self.rest = buffer[at:]
        return found

    def finish(self) -> list[Event]:
        """What is left when the stream ends: a last event without its empty line."""
        left, self.rest = self.rest, b""
        return [Event(left, _data(left.rstrip(b"\r\n")))] if left.strip() else []


def _data(lines: bytes) -> bytes | None:
    if lines.startswith(b"data:") and b"\n" not in lines and b"\r" not in lines:
        return lines[6:] if lines[5:6] == b" " else lines[5:]
    values = []
    for line in LINE.split(lines):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values) if values else None
