"""The registry of adapters: one line a kind of account."""

from proxy.providers.anthropic import Anthropic
from proxy.providers.base import Provider
from proxy.providers.openai import OpenAI, OpenAICompatible

PROVIDERS: dict[str, Provider] = {
    "openai": OpenAI(),
    "anthropic": Anthropic(),
    "openai_compatible": OpenAICompatible(),
}
