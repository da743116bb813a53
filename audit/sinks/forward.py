"""Fluentd's and Fluent Bit's forward protocol (specification v1.5): packed batches, each acknowledged by its chunk.

The protocol cannot refuse anything: a collector that does not want what it got hangs up.
"""

from __future__ import annotations

import base64
import gzip
import hmac
import os
import socket
import ssl
import struct
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256, sha512
from typing import Any, Literal, Self
from uuid import UUID

import msgpack
from pydantic import Field, model_validator

from audit.sinks.base import BrokeOff, Item, ReadSecret, Sink, Unavailable
from audit.sinks.config import Reference, SinkConfig, Tls
from audit.sinks.tls import context
from orbit.lib.clock import EPOCH

_ANSWER_BYTES = 65_536  # the longest message that a collector may send
_NOT_BIGGER_THAN = 2**63


class ForwardConfig(SinkConfig):
    kind: Literal["forward"]
    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=24224, ge=1, le=65_535)
    tag: str = Field(default="orbit.audit", pattern=r"^[A-Za-z0-9_.-]+$", max_length=128)
    plaintext: bool = False
    tls: Tls = Tls()
    compress: bool = False
    shared_key: Reference | None = None
    username: str | None = None
    password: Reference | None = None
    hostname: str | None = None  # how we name ourselves in the handshake

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.plaintext and self.tls != Tls():
            raise ValueError("tls is set, and plaintext is true; leave one of them out")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; write both or none")
        if self.username is not None and self.shared_key is None:
            raise ValueError("shared_key is missing; a collector that knows users asks for it as well")
        return self


class Forward(Sink):
    def __init__(self, config: ForwardConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._shared_key = read_secret(config.shared_key) if config.shared_key else ""
        self._password = read_secret(config.password) if config.password else ""
        self._tls = None if config.plaintext else context(config.tls)
        self._connection: socket.socket | None = None
        self._unpacker = msgpack.Unpacker()

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        chunk = base64.b64encode(
            sha256(b"".join(item.event_id.bytes for item in items)).digest()[:16]
        ).decode()
        data = self._message(items, chunk)
        try:
            connection = self._connected()
        except (OSError, _HungUp) as error:
            self.close()
            raise Unavailable(_words(error)) from None
        except Unavailable:
            self.close()
            raise
        try:
            connection.sendall(data)
            answer = self._receive(connection)
        except TimeoutError:
            self.close()
            raise Unavailable("did not acknowledge in time") from None
        except (OSError, _HungUp) as error:
            self.close()
            raise BrokeOff(f"hung up before it acknowledged ({_words(error)})") from None
        if not isinstance(answer, dict) or answer.get("ack") != chunk:
            self.close()
            raise Unavailable("acknowledged something else than it was sent")
        return {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _message(self, items: Sequence[Item], chunk: str) -> bytes:
        packer = msgpack.Packer(use_bin_type=True)
        entries = b"".join(packer.pack([_event_time(_moment(item)), _plain(item.event)]) for item in items)
        option: dict[str, Any] = {"size": len(items), "chunk": chunk}
        if self._config.compress:
            option["compressed"] = "gzip"
            entries = gzip.compress(entries, 6, mtime=0)
        packed: bytes = packer.pack([self._config.tag, entries, option])
        return packed

    def _connected(self) -> socket.socket:
        """A connection that was closed while nothing was sent is found out before anything is sent by it."""
        if self._connection is not None and not _is_closed(self._connection):
            return self._connection
        self.close()
        self._unpacker = msgpack.Unpacker(max_buffer_size=_ANSWER_BYTES, strict_map_key=False)
        place = (self._config.host, self._config.port)
        self._connection = made = socket.create_connection(place, self._config.timeout_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._connection = made = self._tls.wrap_socket(made, server_hostname=self._config.host)
        if self._shared_key:
            self._shake_hands(made)
        return made

    def _shake_hands(self, connection: socket.socket) -> None:
        """HELO, PING, PONG: each side shows that it knows the shared key, and neither says it."""
        match self._receive(connection):
            case ["HELO", dict(options)]:
                nonce, auth = _bytes(options.get("nonce")), _bytes(options.get("auth"))
            case _:
                raise Unavailable("did not greet as a collector with a shared key does")
        salt, name = os.urandom(16).hex(), self._config.hostname or socket.gethostname()
        user, password = self._config.username or "", ""
        if auth:
            password = _hex(auth, user, self._password)
        ping = ["PING", name, salt, _hex(salt, name, nonce, self._shared_key), user, password]
        connection.sendall(msgpack.packb(ping))
        match self._receive(connection):
            case ["PONG", True, _, str(host), str(digest)]:
                if not hmac.compare_digest(digest, _hex(salt, host, nonce, self._shared_key)):
                    raise Unavailable("does not know the shared key")
            case ["PONG", False, *_]:
                raise Unavailable("did not accept the shared key or the user")
            case _:
                raise Unavailable("did not answer the handshake as a collector does")

    def _receive(self, connection: socket.socket) -> Any:
        while True:
            try:
                return next(self._unpacker)
            except StopIteration:
                pass
            except (ValueError, msgpack.UnpackException):
                raise Unavailable("answered what is no MessagePack") from None
            data = connection.recv(_ANSWER_BYTES)
            if not data:
                raise _HungUp("the connection ended")
            try:
                self._unpacker.feed(data)
            except msgpack.BufferFull:
                raise Unavailable("answered more than a collector has to say") from None


class _HungUp(Exception):
    pass


def _event_time(moment: datetime) -> msgpack.ExtType:
    us = (
        (moment - EPOCH).days * 86_400_000_000
        + (moment - EPOCH).seconds * 1_000_000
        + (moment - EPOCH).microseconds
    )
    return msgpack.ExtType(0, struct.pack(">II", us // 1_000_000, us % 1_000_000 * 1000))


def _moment(item: Item) -> datetime:
    """When it happened, as far as the event says; corrections name their call's time, and are sent with it."""
    return datetime.fromisoformat(item.event["admitted_at"])


def _plain(value: Any) -> Any:
    """What MessagePack can hold: JSON's integers may be longer."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not -_NOT_BIGGER_THAN <= value < 2 * _NOT_BIGGER_THAN:
        return str(value)
    return value


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side hung up; it has nothing to say while nothing was sent."""
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    seconds = connection.gettimeout()
    try:
        connection.settimeout(0)
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(seconds)
    return True


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value or b"")


def _hex(*parts: str | bytes) -> str:
    return sha512(b"".join(_bytes(part) for part in parts)).hexdigest()


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "could not be reached in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)
