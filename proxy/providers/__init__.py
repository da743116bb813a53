"""The registry of adapters: one line a kind of account."""

from proxy.providers.base import Adapter
from proxy.providers.openai import OpenAI, OpenAICompatible

ADAPTERS: dict[str, Adapter] = {
    "openai": OpenAI(),
    "openai_compatible": OpenAICompatible(),
}
