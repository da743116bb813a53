"""Webhooks as other people's libraries verify them, and what each answer means."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import openai
import pytest

from audit.sinks import webhook
from audit.sinks.base import Refused, Unavailable
from audit.sinks.webhook import Webhook, WebhookConfig
from orbit.lib.signing import signature
from tests.audit.sinks.items import item
from tests.lib.servers import Server, plain, serving

SECRETS = {
    "env://NEW": "whsec_" + base64.b64encode(b"n" * 32).decode(),
    "env://OLD": "whsec_" + base64.b64encode(b"o" * 32).decode(),
}


def config(**more: Any) -> WebhookConfig:
    given = {
        "name": "x",
        "kind": "webhook",
        "url": "https://hook.example.com/x",
        "secrets": ["env://NEW", "env://OLD"],
    }
    return WebhookConfig.model_validate({**given, **more})


@pytest.mark.parametrize("secret", SECRETS.values())
def test_another_implementation_verifies_either_signature(secret: str) -> None:
    content, stamp = webhook.body([item(seq=1)]), str(int(datetime.now(UTC).timestamp()))
    keys = [base64.b64decode(one.removeprefix("whsec_")) for one in SECRETS.values()]
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signature(key, "msg_1", stamp, content) for key in keys),
    }
    verify = openai.OpenAI(api_key="x").webhooks.verify_signature
    verify(content.decode(), headers, secret=secret)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        verify(content.decode() + " ", headers, secret=secret)


def test_a_batch_that_is_sent_again_has_the_same_id() -> None:
    items = [item(seq=1), item(seq=2)]
    assert webhook.message_id(items) == webhook.message_id(list(items))
    assert webhook.message_id(items) != webhook.message_id(items[:1])


async def _answered(*headers: bytes, status: bytes) -> Server:
    """One batch, sent to a server that answers so; raises what `send` raises."""
    async with serving(plain(b"secret words", *headers, status=status)) as server:
        sink = Webhook(config(url=f"http://127.0.0.1:{server.port}/x", private=True), SECRETS.__getitem__)
        try:
            await asyncio.to_thread(sink.send, [item(seq=1)])
        finally:
            await asyncio.to_thread(sink.close)
        return server


@pytest.mark.parametrize("status", [b"200 OK", b"202 Accepted"])
async def test_any_2xx_acknowledges(status: bytes) -> None:
    server = await _answered(status=status)
    assert b"webhook-signature: v1," in server.heads[0]


@pytest.mark.parametrize("status", [b"400 Bad", b"413 Large", b"422 No"])
async def test_what_is_wrong_with_the_event_refuses_it(status: bytes) -> None:
    with pytest.raises(Refused, match=status[:3].decode()) as raised:
        await _answered(status=status)
    assert "secret words" not in str(raised.value)


@pytest.mark.parametrize(
    "status",
    [
        b"301 Moved",
        b"401 No",
        b"403 No",
        b"404 No",
        b"408 Late",
        b"410 Gone",
        b"429 Many",
        b"500 Oh",
        b"503 Oh",
    ],
)
async def test_what_is_wrong_with_the_sink_is_tried_again(status: bytes) -> None:
    with pytest.raises(Unavailable, match=status[:3].decode()):
        await _answered(b"location: http://127.0.0.1/", status=status)


async def test_it_says_when_to_come_again() -> None:
    with pytest.raises(Unavailable) as raised:
        await _answered(b"retry-after: 17", status=b"429 Many")
    assert raised.value.retry_after_s == 17
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True).encode()
    with pytest.raises(Unavailable) as raised:
        await _answered(b"retry-after: " + later, status=b"503 Later")
    assert raised.value.retry_after_s is not None
    assert 90 < raised.value.retry_after_s <= 100


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://hook.example.com/"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://user:pass@hook.example.com/"},
        {"url": "https://hook.example.com/?token=x"},
        {"url": "nonsense", "private": True},
        {"secrets": ["whsec_AAAA"]},
        {"secrets": []},
        {"headers": {"authorization": "Bearer abc"}},
    ],
)
def test_what_may_not_be_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"(?s){next(iter(more))}"):
        config(**more)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_AAAA", "not base64!", "whsec_" + "A" * 200])
def test_a_secret_that_is_none_is_told_without_being_shown(secret: str) -> None:
    with pytest.raises(Unavailable, match="24 to 64 bytes") as raised:
        Webhook(config(), lambda _: secret)
    assert secret.removeprefix("whsec_") in ("", "AAAA") or secret not in str(raised.value)


async def test_private_of_a_sink_allows_its_own_address_alone() -> None:
    assert config(url="http://127.0.0.1:9/x", private=True).private_targets == ("127.0.0.1:9",)
    assert config().private_targets == ()
