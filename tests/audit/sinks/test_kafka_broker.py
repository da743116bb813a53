"""The suite's own broker finds what is against the protocol, and nothing else."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from tests.audit.sinks.kafka_server import INIT, VERSIONS, Conversation
from tests.audit.sinks.kafka_wire import Fault


def said(*pieces: bytes) -> None:
    """To a broker, which then sees its client hang up."""
    broker: Any = None
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            ours.sendall(piece)
        ours.shutdown(socket.SHUT_WR)
        Conversation(theirs, broker).run()


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def test_client_that_hangs_up_in_the_middle_is_within_the_protocol() -> None:
    """As one that waited for too long: it sends anew what it does not know to have arrived."""
    whole = frame(struct.pack(">hhi", VERSIONS, 0, 1) + struct.pack(">h", -1))
    for cut in range(len(whole) + 1):
        said(whole[:cut])


@pytest.mark.parametrize("body", [b"", struct.pack(">hh", INIT, 0), struct.pack(">hhih", VERSIONS, 0, 1, 9)])
def test_whole_frame_that_says_too_little_is_a_fault(body: bytes) -> None:
    with pytest.raises(Fault, match="too early"):
        said(frame(body))
