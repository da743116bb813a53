"""Signed webhooks, as https://www.standardwebhooks.com describes them: one POST for each batch."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from audit.sinks.base import Item, ReadSecret, Refused, Sink, Unavailable
from audit.sinks.config import Reference, SinkConfig, Tls
from audit.sinks.tls import context
from orbit.lib import clock
from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.exchange import Answer, EgressError, NotAllowed, NotConnected, TimedOut, Timeouts, TooLarge
from orbit.lib.targets import bracketed, listed, parse_origin, split

_ANSWER_BYTES = 65_536
# Statuses that say nothing of what was sent: credentials, addresses and methods that are wrong for every event alike,
# and those that ask to come again. All others from 400 to 499 refuse what was sent.
_NOT_OF_THE_EVENT = frozenset({401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 426, 429})
_LONGEST_WAIT_S = 3600.0
_SECRET_BYTES = range(24, 65)


class WebhookConfig(SinkConfig):
    kind: Literal["webhook"]
    url: str
    secrets: tuple[Reference, ...] = Field(min_length=1, max_length=2)
    headers: dict[str, Reference] = Field(default_factory=dict)
    private: bool = False
    tls: Tls = Tls()

    @field_validator("url")
    @classmethod
    def _no_query(cls, given: str) -> str:
        if "?" in given:
            raise ValueError("must not have a query, which would show in logs; put a token into headers")
        return given

    @model_validator(mode="after")
    def _is_allowed(self) -> WebhookConfig:
        try:
            parse_origin(split(self.url)[0], listed(self.private_targets))
        except NotAllowed as error:
            remedy = "set private: true for a sink in your own network" if not self.private else error.remedy
            raise ValueError(f"url {error.message}; {remedy}") from None
        return self

    @property
    def private_targets(self) -> tuple[str, ...]:
        """Its own host and port, where the operator says that it is private. No tenant's address is allowed by that."""
        if not self.private:
            return ()
        try:
            parts = urlsplit(self.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return ()
        return (f"{bracketed(parts.hostname or '')}:{port}",)


class Webhook(Sink):
    def __init__(self, config: WebhookConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._keys = [_key(read_secret(ref)) for ref in config.secrets]
        self._headers = [(name.lower(), read_secret(ref)) for name, ref in config.headers.items()]
        self._runner: asyncio.Runner | None = None
        self._egress: Egress | None = None

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        if self._runner is None:
            self._runner = asyncio.Runner()
            self._egress = self._way_out()
        self._runner.run(self._post(body(items), message_id(items)))
        return {}

    def close(self) -> None:
        if self._runner is not None and self._egress is not None:
            self._runner.run(self._egress.close())
            self._runner.close()
        self._runner = self._egress = None

    def _way_out(self) -> Egress:
        seconds = self._config.timeout_s
        tls = context(self._config.tls)
        return Egress(
            self._config.private_targets, Timeouts(seconds, seconds, seconds, seconds), CLIENTS["wire"], tls
        )

    async def _post(self, content: bytes, name: str) -> None:
        assert self._egress is not None
        for _ in range(
            3
        ):  # the loop stood still since the last batch: let it notice connections that were closed
            await asyncio.sleep(0)
        stamp = str(int(time.time()))
        headers = [
            *self._headers,
            ("content-type", "application/json"),
            ("webhook-id", name),
            ("webhook-timestamp", stamp),
            ("webhook-signature", " ".join(signature(key, name, stamp, content) for key in self._keys)),
        ]
        try:
            async with self._egress.open("sink", "POST", self._config.url, headers, content) as answer:
                with suppress(TooLarge):  # the status says all
                    await read_all(answer, _ANSWER_BYTES)  # so that the connection can be used again
                _judge(answer)
        except EgressError as error:
            raise Unavailable(_words(error)) from None
        except ssl.SSLError as error:
            raise Unavailable(f"TLS: {error.reason}") from None


def body(items: Sequence[Item]) -> bytes:
    """What is posted: `type`, `timestamp` and `data`, the events in their order."""
    now = clock.rfc3339(datetime.now(UTC)).encode()
    events = b",".join(item.text for item in items)
    return b'{"type":"audit.events","timestamp":"%b","data":[%b]}' % (now, events)


def message_id(items: Sequence[Item]) -> str:
    """The same for the same events, however often they are posted."""
    return "msg_" + sha256(b"".join(item.event_id.bytes for item in items)).hexdigest()[:32]


def signature(key: bytes, name: str, stamp: str, content: bytes) -> str:
    signed = b".".join([name.encode(), stamp.encode(), content])
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    """Of `whsec_` and base64. The words never repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise Unavailable("a webhook's secret must be whsec_ and 24 to 64 bytes in base64")
    return key


def _judge(answer: Answer) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in _NOT_OF_THE_EVENT:
        raise Refused(f"answered {status}")
    raise Unavailable(f"answered {status}", _retry_after_s(answer.header("retry-after")))


def _retry_after_s(given: str | None) -> float | None:
    """Seconds, or a date as HTTP writes it."""
    if given is None:
        return None
    if given.strip().isdecimal():
        return min(float(given), _LONGEST_WAIT_S)
    try:
        moment = datetime.strptime(given.strip(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT_S)


def _words(error: EgressError) -> str:
    """Of an error, with the cause that TLS gives: an operator must be able to tell a wrong certificate from a closed port."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(error, TimedOut):
        return "did not answer in time"
    if isinstance(error, NotConnected):
        if isinstance(cause, TimeoutError):
            return "could not be reached in time"
        number = getattr(cause, "errno", None)
        return f"could not be reached: {os.strerror(number) if number else error}"
    return str(error) or type(error).__name__
