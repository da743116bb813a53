"""The gateway's ledger beside the provider's own books."""

from __future__ import annotations

import time
from typing import Any

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import Tenant

WAIT_S = 5


def calls(tenant: Tenant, count: int = 1) -> list[dict[str, Any]]:
    """The tenant's calls, once so many have been settled; never more than that."""
    deadline = time.monotonic() + WAIT_S
    while len(found := tenant.events()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) == count, found
    return found


def served(provider: ProviderHandle, event: dict[str, Any]) -> dict[str, Any]:
    """What the provider says of an event's only attempt, once it is over."""
    [attempt] = event["attempts"]
    deadline = time.monotonic() + WAIT_S
    while (record := provider.request(attempt["upstream_request_id"]))["outcome"] == "open":
        assert time.monotonic() < deadline, "the provider still works on it"
        time.sleep(0.02)
    return record


def agreed(tenant: Tenant, provider: ProviderHandle, count: int = 1) -> list[dict[str, Any]]:
    """The tenant's calls, each of which the provider has exactly so in its own books."""
    found = calls(tenant, count)
    for event in found:
        record = served(provider, event)
        assert (event["status"], event["usage_source"]) == ("settled", "provider")
        assert figures(event) == charged(record)
        assert event["stream"] == record["stream"]
        assert event["upstream_model"] == record["model_asked"]
    return found


def figures(event: dict[str, Any]) -> dict[str, int]:
    return {
        "input": event["input_tokens"],
        "cached": event.get("cached_input_tokens", 0),
        "output": event["output_tokens"],
        "reasoning": event.get("reasoning_tokens", 0),
        "cost": event["cost_nano"],
    }


def charged(record: dict[str, Any]) -> dict[str, int]:
    return {
        "input": record["prompt_tokens"],
        "cached": record["cached_tokens"],
        "output": record["completion_tokens"],
        "reasoning": record["reasoning_tokens"],
        "cost": record["cost_nano"],
    }
