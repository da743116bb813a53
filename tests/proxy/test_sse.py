"""The event decoder, with its input cut anywhere."""

from __future__ import annotations

import itertools

import pytest

from proxy.sse import MOST_BYTES, Decoder, TooLong

PAYLOADS = ['{"a":"é"}', '{"b":"😀 \\n"}', "", "x: y", "[DONE]"]
MARK = b"\xef\xbb\xbf"


def events_of(pieces: list[bytes]) -> tuple[bytes, list[bytes]]:
    """All bytes given on, and the data of each event."""
    decoder = Decoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    found += decoder.finish()
    return b"".join(event.raw for event in found), [event.data for event in found if event.data is not None]


def stream(end: str, *, comments: bool = False) -> bytes:
    text = ""
    for payload in PAYLOADS:
        text += (f": note{end}" if comments else "") + f"event: e{end}data: {payload}{end}{end}"
    return text.encode()


ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
STREAMS = {
    **{name: stream(end) for name, end in ENDS.items()},
    **{f"{name} with comments": stream(end, comments=True) for name, end in ENDS.items()},
    "plain": b"".join(b"data: %b\n\n" % payload.encode() for payload in PAYLOADS),
    "without spaces": b"".join(b"data:%b\n\n" % payload.encode() for payload in PAYLOADS),
    "mixed ends": b"".join(
        b"data: %b%b" % (payload.encode(), end)
        for payload, end in zip(PAYLOADS, [b"\n\r\n", b"\r\n\n", b"\r\n\r\n", b"\n\n", b"\r\r"], strict=True)
    ),
    "without the last empty line": stream("\n")[:-1],
    "empty lines between": b"\n\n".join(b"data: %b\n\n" % payload.encode() for payload in PAYLOADS),
}
EXPECTED = [payload.encode() for payload in PAYLOADS]


@pytest.mark.parametrize("name", STREAMS)
def test_same_events_and_same_bytes_at_every_cut(name: str) -> None:
    whole = STREAMS[name]
    assert events_of([whole]) == (whole, EXPECTED)
    assert events_of([whole[at : at + 1] for at in range(len(whole))]) == (whole, EXPECTED)
    for at in range(len(whole) + 1):
        assert events_of([whole[:at], whole[at:]]) == (whole, EXPECTED), at
    for first, gap in itertools.product(range(len(whole)), (1, 2, 3)):
        second = first + gap
        assert events_of([whole[:first], whole[first:second], whole[second:]]) == (whole, EXPECTED), (
            first,
            second,
        )


@pytest.mark.parametrize("name", ["plain", "crlf", "cr"])
def test_byte_order_mark_is_no_part_of_the_first_event(name: str) -> None:
    whole = MARK + STREAMS[name]
    for at in range(8):
        assert events_of([whole[:at], whole[at:]])[1] == EXPECTED, at
    assert events_of([whole[at : at + 1] for at in range(len(whole))])[1] == EXPECTED


def test_data_of_several_lines_is_joined() -> None:
    for end in ENDS.values():
        whole = f"data: a{end}data:b{end}data:  c{end}{end}".encode()
        assert events_of([whole])[1] == [b"a\nb\n c"]


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: 1\n") == []
    assert [event.data for event in decoder.feed(b"\ndata: 2\n\ndata: 3")] == [b"1", b"2"]
    assert [event.data for event in decoder.feed(b"\r\n\r\n")] == [b"3"]
    assert decoder.finish() == []


def test_event_that_does_not_end_is_given_up() -> None:
    decoder, piece = Decoder(), b"x" * 65_536
    while len(decoder.rest) + len(piece) <= MOST_BYTES:
        assert decoder.feed(piece) == []
    with pytest.raises(TooLong):
        decoder.feed(piece)


def test_text_that_looks_like_an_event_is_none() -> None:
    payload = b'{"content":"data: [DONE]\\n\\ndata: {}"}'
    assert events_of([b"data: " + payload + b"\n\n"])[1] == [payload]
