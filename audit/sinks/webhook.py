"""Signed webhooks, as https://www.standardwebhooks.com describes them: one POST for each batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

from pydantic import Field

from audit.sinks.base import Item, ReadSecret, Refused, Sink, Unavailable
from audit.sinks.config import Reference
from audit.sinks.http import NOT_OF_THE_EVENT, HttpConfig, Post, Reply
from orbit.lib import clock
from orbit.lib.signing import signature, signing_key


class WebhookConfig(HttpConfig):
    kind: Literal["webhook"]
    secrets: tuple[Reference, ...] = Field(min_length=1, max_length=2)


class Webhook(Sink):
    def __init__(self, config: WebhookConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._keys = [_key(read_secret(ref)) for ref in config.secrets]
        self._headers = [(name.lower(), read_secret(ref)) for name, ref in config.headers.items()]
        self._post = Post(config.private_targets, config.timeout_s, config.tls)

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        content, name, stamp = body(items), message_id(items), str(int(time.time()))
        headers = [
            *self._headers,
            ("content-type", "application/json"),
            ("webhook-id", name),
            ("webhook-timestamp", stamp),
            ("webhook-signature", " ".join(signature(key, name, stamp, content) for key in self._keys)),
        ]
        _judge(self._post(self._config.url, headers, content))
        return {}

    def close(self) -> None:
        self._post.close()


def body(items: Sequence[Item]) -> bytes:
    """What is posted: `type`, `timestamp` and `data`, the events in their order."""
    now = clock.rfc3339(datetime.now(UTC)).encode()
    events = b",".join(item.text for item in items)
    return b'{"type":"audit.events","timestamp":"%b","data":[%b]}' % (now, events)


def message_id(items: Sequence[Item]) -> str:
    """The same for the same events, however often they are posted."""
    return "msg_" + sha256(b"".join(item.event_id.bytes for item in items)).hexdigest()[:32]


def _key(secret: str) -> bytes:
    """Of `whsec_` and base64. The words never repeat the secret."""
    key = signing_key(secret)
    if key is None:
        raise Unavailable("a webhook's secret must be whsec_ and 24 to 64 bytes in base64")
    return key


def _judge(reply: Reply) -> None:
    status = reply.status
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in NOT_OF_THE_EVENT:
        raise Refused(f"answered {status}")
    raise Unavailable(f"answered {status}", reply.retry_after_s)
