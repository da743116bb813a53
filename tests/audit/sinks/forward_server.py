"""A collector that speaks the forward protocol: `python -m tests.audit.sinks.forward_server FOLDER PORT CERTIFICATE KEY`.

Everything is checked against the specification, v1.5; what is not as it says is a fault.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import msgpack

from tests.audit.sinks.serving import Desk, server_context

NAME = "collector.test"
USER, PASSWORD = "orbit", "s3cret-password"


class Fault(Exception):
    pass


class Conversation:
    def __init__(self, connection: socket.socket, desk: Desk, shared_key: str) -> None:
        self.connection = connection
        self.desk = desk
        self.shared_key = shared_key
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=True)

    def run(self) -> None:
        self._shake_hands()
        while (message := self._next()) is not None:
            events, chunk = self._read(message)
            what = self.desk.behave(events)
            if what in ("take", "lose"):
                self.desk.take(events)
            if what != "take":
                return
            self.connection.sendall(msgpack.packb({"ack": chunk}))

    def _next(self) -> Any:
        while True:
            for message in self.unpacker:
                return message
            data = self.connection.recv(65_536)
            if not data:
                return None
            self.unpacker.feed(data)

    def _shake_hands(self) -> None:
        nonce, auth = os.urandom(16), os.urandom(16)
        self.connection.sendall(msgpack.packb(["HELO", {"nonce": nonce, "auth": auth, "keepalive": True}]))
        ping = self._next()
        if ping is None:
            raise OSError("hung up")
        if not isinstance(ping, list) or len(ping) != 6 or ping[0] != "PING":
            raise Fault(f"no PING: {ping!r}")
        _, host, salt, digest, user, password = ping
        expected = _hex(salt.encode(), host.encode(), nonce, self.shared_key.encode())
        if digest != expected or (user, password) != (USER, _hex(auth, USER.encode(), PASSWORD.encode())):
            self.connection.sendall(msgpack.packb(["PONG", False, "shared_key mismatch", "", ""]))
            raise OSError("not let in")
        shown = _hex(salt.encode(), NAME.encode(), nonce, self.shared_key.encode())
        self.connection.sendall(msgpack.packb(["PONG", True, "", NAME, shown]))

    def _read(self, message: Any) -> tuple[list[dict[str, Any]], str]:
        match message:
            case [str(tag), bytes(entries), {"chunk": str(chunk), "size": int(size), **rest}]:
                pass
            case _:
                raise Fault("not PackedForward with chunk and size")
        if rest not in ({}, {"compressed": "gzip"}) or tag != "orbit.audit":
            raise Fault(f"tag {tag}, option {rest}")
        if rest:
            entries = gzip.decompress(entries)
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=True)
        unpacker.feed(entries)
        events = []
        for entry in unpacker:
            match entry:
                case [msgpack.ExtType(code=0, data=bytes(moment)), dict(record)] if len(moment) == 8:
                    events.append(record)
                case _:
                    raise Fault("an entry is no event time and map")
        if len(events) != size:
            raise Fault(f"{len(events)} entries, {size} announced")
        return events, chunk


def _hex(*parts: bytes) -> str:
    return hashlib.sha512(b"".join(parts)).hexdigest()


def serve(connection: socket.socket, context: Any, desk: Desk, key: str) -> None:
    with contextlib.suppress(OSError):
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                Conversation(secure, desk, key).run()
        except (Fault, ValueError, KeyError, TypeError) as error:
            desk.fault(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


def main(folder: str, port: str, certificate: str, key: str) -> None:
    desk, context = Desk(Path(folder)), server_context(certificate)
    with socket.create_server(("127.0.0.1", int(port)), backlog=128) as listening:
        (Path(folder) / "port").write_text(str(listening.getsockname()[1]))
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=serve, args=(connection, context, desk, key), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
