"""Server-sent events and chunked framing, with every liberty that vendors take."""

from .behaviour import Behaviour

COMMENT = b": ORBIT DEMO PROCESSING"


class EventFormat:
    """`chunked` is off for HTTP/1.0 clients, whose stream ends with the connection."""

    def __init__(self, behaviour: Behaviour, *, chunked: bool) -> None:
        eol = behaviour.end_of_line
        self._chunked = chunked
        self._comment = COMMENT + eol + eol if behaviour.comments else b""
        self._after = (eol + b"data: " if behaviour.multiline else b"") + eol + eol
        self._eol = eol
        self.end = b"0\r\n\r\n" if chunked else b""

    def event(self, payload: bytes, *, name: bytes = b"") -> bytes:
        # The blank line after a comment would end the event and lose its name, so the comment comes first.
        named = b"event: " + name + self._eol if name else b""
        return self.raw(self._comment + named + b"data: " + payload + self._after)

    def long_comment(self, size: int) -> bytes:
        return self.raw(b": " + b"x" * size + self._eol + self._eol)

    def raw(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
