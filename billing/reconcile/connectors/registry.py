"""Which provider's reports are read how."""

from __future__ import annotations

from datetime import timedelta

from billing.reconcile.connectors.anthropic import Anthropic
from billing.reconcile.connectors.base import Connector, Facts, TellsCalls
from billing.reconcile.connectors.openai import OpenAI
from billing.reconcile.connectors.openrouter import OpenRouter

CSV = "csv"  # what somebody imports; final as it comes
CONNECTORS: dict[str, Connector] = {one.name: one for one in (OpenAI(), Anthropic(), OpenRouter())}
BY_CALL: dict[str, TellsCalls] = {"openrouter": OpenRouter()}
FACTS: dict[str, Facts] = {
    **{name: one.facts for name, one in CONNECTORS.items()},
    CSV: Facts(lag=timedelta(0), by_minute=False, counts_requests=True, costs_by_key=True, in_part=True),
}


def connector_of(kind: str) -> str:
    """For a provider account of this kind: its own, else what is imported."""
    return kind if kind in CONNECTORS else CSV
