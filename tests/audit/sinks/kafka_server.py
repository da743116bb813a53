"""One Kafka broker: `python -m tests.audit.sinks.kafka_server FOLDER PORT CERTIFICATE USER PASSWORD`.

It knows what an idempotent producer needs (ApiVersions, SASL PLAIN, Metadata, InitProducerId, Produce of record batches of
format 2) in versions before the flexible ones, and holds everything against the protocol.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.audit.sinks.kafka_wire import Fault, Reader, Record, array, batch_of, string
from tests.audit.sinks.serving import Desk, server_context

TOPIC, PARTITIONS = "orbit.audit", 4
PRODUCE, FETCH, METADATA, HANDSHAKE, VERSIONS, INIT, AUTHENTICATE = 0, 1, 3, 17, 18, 22, 36
KNOWN = {PRODUCE: (3, 7), FETCH: (4, 4), METADATA: (1, 4), HANDSHAKE: (0, 1), VERSIONS: (0, 0), INIT: (0, 1), AUTHENTICATE: (0, 0)}  # fmt: skip
UNKNOWN_TOPIC, HANDSHAKES, UNSUPPORTED_VERSION, OUT_OF_ORDER, NOT_AUTHENTICATED, INVALID_RECORD = (
    3,
    33,
    35,
    45,
    58,
    87,
)
CHECKED = 50  # batches of which the checksum is made again; it takes Python its time


class Broker:
    """What connections share."""

    def __init__(self, desk: Desk, port: int, user: str, password: str) -> None:
        self.desk, self.port, self.user, self.password = desk, port, user, password
        self.lock = threading.Lock()
        self.producers = itertools.count(time.time_ns() // 1000)
        self.next: dict[
            tuple[int, int], int
        ] = {}  # by producer and partition: the sequence that it has to go on with
        self.homes: dict[bytes, int] = {}  # by key: its partition
        self.muted: set[int] = set()  # producers that get no answers any more
        self.checked = 0

    def append(self, partition: int, records: bytes) -> int | None:
        """An error code, 0 for none; None to say nothing, and to hang up on a producer that is not muted."""
        with self.lock:
            self.checked += 1
            batch = batch_of(records, check=self.checked <= CHECKED)
            place = (batch.producer, partition)
            expected = self.next.get(place, batch.sequence)
            if batch.sequence < expected:
                return None if batch.producer in self.muted else 0  # it has these already
            if batch.sequence > expected:
                return OUT_OF_ORDER
        events = [self._event(record, partition) for record in batch.records]
        what = self.desk.behave(events)
        if what == "refuse":
            return INVALID_RECORD
        if what == "fail":
            return None
        with self.lock:
            self.next[place] = batch.sequence + len(events)
            if what == "lose":
                self.muted.add(batch.producer)
        self.desk.take(events)
        return None if batch.producer in self.muted else 0

    def _event(self, record: Record, partition: int) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(record.value)
        told = {
            "event_id": event["event_id"],
            "kind": event["kind"],
            "organization": event["organization"],
            "content-type": "application/json",
        }
        if record.headers != {name: value.encode() for name, value in told.items()}:
            raise Fault(f"headers {record.headers}")
        if record.key != event["organization_id"].encode():
            raise Fault(f"key {record.key!r}")
        if self.homes.setdefault(record.key, partition) != partition:
            raise Fault("one organization on two partitions")
        return event


class Conversation:
    def __init__(self, connection: socket.socket, broker: Broker) -> None:
        self.connection, self.broker = connection, broker
        self.known = False
        self.answers: dict[int, Callable[[int, Reader], bytes | None]] = {
            PRODUCE: self._produce,
            METADATA: self._metadata,
            HANDSHAKE: self._handshake,
            VERSIONS: self._versions,
            INIT: self._init,
            AUTHENTICATE: self._authenticate,
        }

    def run(self) -> None:
        while (head := self._exactly(4)) is not None:
            frame = self._exactly(int.from_bytes(head))
            if frame is None:
                return  # it hung up in the middle, as a client does that waited for too long
            said = Reader(frame)
            key, version, correlation = said.int16(), said.int16(), said.int32()
            said.string()
            if not self.known and key not in (VERSIONS, HANDSHAKE, AUTHENTICATE):
                raise Fault(f"api {key} before it has said who it is")
            low, high = KNOWN[key]
            if not low <= version <= high and key != VERSIONS:
                raise Fault(f"api {key} in version {version}")
            body = self.answers[key](version, said)
            if body is None:
                return
            self.connection.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data

    def _versions(self, version: int, said: Reader) -> bytes:
        error = 0 if version == 0 else UNSUPPORTED_VERSION
        return struct.pack(">h", error) + array(
            [struct.pack(">hhh", key, *span) for key, span in KNOWN.items()]
        )

    def _handshake(self, version: int, said: Reader) -> bytes:
        return struct.pack(">h", 0 if said.string() == "PLAIN" else HANDSHAKES) + array([string("PLAIN")])

    def _authenticate(self, version: int, said: Reader) -> bytes:
        expected = f"\0{self.broker.user}\0{self.broker.password}".encode()
        self.known = said.bytes() == expected
        return struct.pack(">h", 0 if self.known else NOT_AUTHENTICATED) + string(None) + struct.pack(">i", 0)

    def _metadata(self, version: int, said: Reader) -> bytes:
        brokers = array(
            [struct.pack(">i", 1) + string("127.0.0.1") + struct.pack(">i", self.broker.port) + string(None)]
        )
        ones = array([struct.pack(">i", 1)])
        partitions = [struct.pack(">hii", 0, number, 1) + ones + ones for number in range(PARTITIONS)]
        count = said.int32()
        names = [said.string() for _ in range(count)] if count >= 0 else [TOPIC]
        topics = [
            struct.pack(">h", 0 if name == TOPIC else UNKNOWN_TOPIC)
            + string(name)
            + b"\0"
            + array(partitions if name == TOPIC else [])
            for name in names
        ]
        return (
            (struct.pack(">i", 0) if version >= 3 else b"")
            + brokers
            + (string("a-test") if version >= 2 else b"")
            + struct.pack(">i", 1)
            + array(topics)
        )

    def _init(self, version: int, said: Reader) -> bytes:
        if said.string() is not None:
            raise Fault("a transaction")
        return struct.pack(">ihqh", 0, 0, next(self.broker.producers), 0)

    def _produce(self, version: int, said: Reader) -> bytes | None:
        if said.string() is not None or said.int16() != -1:
            raise Fault("a transaction, or not acknowledged by all")
        said.int32()
        topics = []
        for _ in range(said.int32()):
            name, parts = said.string(), []
            if name != TOPIC:
                raise Fault(f"topic {name}")
            for _ in range(said.int32()):
                partition = said.int32()
                error = self.broker.append(partition, said.bytes())
                if error is None:
                    return None
                parts.append(
                    struct.pack(">ihqq", partition, error, 0, -1)
                    + (struct.pack(">q", 0) if version >= 5 else b"")
                )
            topics.append(string(name) + array(parts))
        return array(topics) + struct.pack(">i", 0)


def serve(connection: socket.socket, context: Any, broker: Broker) -> None:
    with contextlib.suppress(OSError):
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                Conversation(secure, broker).run()
        except (Fault, ValueError, KeyError, TypeError, struct.error) as error:
            broker.desk.fault(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


def main(folder: str, port: str, certificate: str, user: str, password: str) -> None:
    desk, context = Desk(Path(folder)), server_context(certificate)
    with socket.create_server(("127.0.0.1", int(port)), backlog=128) as listening:
        broker = Broker(desk, listening.getsockname()[1], user, password)
        (Path(folder) / "port").write_text(str(broker.port))
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=serve, args=(connection, context, broker), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
