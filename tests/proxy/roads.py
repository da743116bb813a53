"""The ways that a message can take: as its provider's format has it, and translated in either direction."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway
from tests.proxy.conftest import LIMITS, Api

CLAUDE, GPT = "claude-haiku-4-5", "gpt-4o-mini"
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True)
class Road:
    """`path` is the surface's, `model` says which format is spoken at the other end."""

    name: str
    path: str
    model: str
    content: bytes  # what each piece of content in a stream of the surface has once
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def anthropic(self) -> bool:
        """Whether the provider speaks Messages: it says at the start what the input was."""
        return self.model == CLAUDE

    def body(self, *directives: str, **fields: Any) -> dict[str, Any]:
        text = f"Hello there, how are you? [[orbit-demo: {' '.join(directives)}]]"
        return {
            "model": self.model,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": text}],
            **fields,
        }

    def ask(self, api: Api, *directives: str, **fields: Any) -> httpx2.Response:
        return api.send("POST", self.path, orjson.dumps(self.body(*directives, **fields)), self.headers)


DELTA = b'"content_block_delta"'  # in the data alone; the name of the event stands without quotation marks
MESSAGES = Road("messages", "messages", CLAUDE, DELTA, ANTHROPIC)
CHAT_ON_CLAUDE = Road("chat on claude", "chat/completions", CLAUDE, b'"content":')
MESSAGES_ON_GPT = Road("messages on gpt", "messages", GPT, DELTA, ANTHROPIC)
ROADS = {one.name: one for one in (MESSAGES, CHAT_ON_CLAUDE, MESSAGES_ON_GPT)}


def travelling(make_tenant: MakeTenant, provider: ProviderHandle, **policy: Any) -> Tenant:
    """A tenant with an account of each kind. `route` in the policy is for what all its models have."""
    route = policy.pop("route", {})
    accounts = [
        {"name": kind, "kind": kind, "base_url": provider.base_url, "credential": {"value": "sk-demo-both"}}
        for kind in ("openai", "anthropic")
    ]
    models = [
        {"alias": model, "targets": [{"account": account, "model": model}], **route}
        for model, account in ((CLAUDE, "anthropic"), (GPT, "openai"))
    ]
    return make_tenant(
        entry={"provider_accounts": accounts, "models": models}, **{"limits": LIMITS, **policy}
    )


class Leaver:
    """A client of one call that counts the pieces of a stream and leaves when it likes."""

    def __init__(self, gateway: Gateway, tenant: Tenant, road: Road, *directives: str, **fields: Any) -> None:
        body = orjson.dumps(road.body(*directives, **{"stream": True, "max_tokens": 500, **fields}))
        head = [
            f"POST /v1/{road.path} HTTP/1.1", "host: gateway", f"authorization: Bearer {tenant.key}",
            "content-type: application/json", f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in road.headers.items()),
        ]  # fmt: skip
        self.mark = road.content
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 10)
        self.socket.sendall("\r\n".join([*head, "", ""]).encode() + body)

    def read(self, pieces: int) -> None:
        """Until the head of the answer and so many pieces of content have come."""
        content = b""
        while b"\r\n\r\n" not in content or content.count(self.mark) < pieces:
            piece = self.socket.recv(65536)
            if not piece:
                return
            content += piece

    def leave(self, how: str) -> None:
        if how == "rst":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
