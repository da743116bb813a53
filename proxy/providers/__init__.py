"""The registry of adapters: one line a kind of account (`tenants.kinds`)."""

from proxy.providers.anthropic import Anthropic
from proxy.providers.base import Provider
from proxy.providers.compatible import ROWS, Compatible
from proxy.providers.openai import OpenAI

PROVIDERS: dict[str, Provider] = {
    "openai": OpenAI(),
    "anthropic": Anthropic(),
    **{kind: Compatible(row) for kind, row in ROWS.items()},
}
