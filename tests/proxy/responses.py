"""An organization whose account speaks Responses itself, and calls to it."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson

from orbit.demo.provider.process import ProviderHandle
from tests.proxy.conftest import Api

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-5")


def openai(provider: ProviderHandle, key: str = "sk-demo-tests") -> dict[str, Any]:
    account = {
        "name": "demo",
        "kind": "openai",
        "base_url": provider.base_url,
        "credential": {"value": key},
    }
    return {
        "provider_accounts": [account],
        "models": [{"alias": one, "targets": [{"account": "demo", "model": one}]} for one in MODELS],
    }


def text(*directives: str) -> str:
    return f"Hello [[orbit-demo: {' '.join(directives)}]]"


def create(api: Api, said: Any = "Hello", **fields: Any) -> httpx2.Response:
    body = {"model": "gpt-4o-mini", "input": said, **fields}
    return api.send("POST", "responses", orjson.dumps(body))


def numbers_of(answer: httpx2.Response) -> list[int]:
    """Of the events of a stream."""
    told = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [orjson.loads(one)["sequence_number"] for one in told]
