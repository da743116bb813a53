"""Kinds of provider account: what each is called, where it answers by itself, and what it needs.

How each kind is spoken to stands in `proxy.providers`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`base_url` and `prices_as` are what counts when an account names none; None when it must name one."""

    name: str
    label: str
    base_url: str | None
    prices_as: str | None  # a provider of the public price list, except for servers that have no prices
    needs_credential: bool = True
    ends_with: str = ""  # of the base URL, where the vendor's own SDK appends it by itself

    def complete(self, url: str) -> str:
        """`url` (which has no trailing slash) with the ending that the vendor's SDK takes for granted."""
        return url if url.endswith(self.ends_with) else url + self.ends_with


_ROWS = (
    Kind("openai", "OpenAI", "https://api.openai.com/v1", "openai"),
    Kind("anthropic", "Anthropic", "https://api.anthropic.com/v1", "anthropic", ends_with="/v1"),
    Kind("openai_compatible", "OpenAI-compatible", None, None),
    # Nobody lists prices for what runs on one's own machines, so these names have none.
    Kind("vllm", "vLLM", None, "vllm", needs_credential=False),
    Kind("ollama", "Ollama", None, "ollama", needs_credential=False),
    Kind("groq", "Groq", "https://api.groq.com/openai/v1", "groq"),
    Kind("together", "Together AI", "https://api.together.xyz/v1", "together"),
    Kind("deepseek", "DeepSeek", "https://api.deepseek.com/v1", "deepseek"),
    Kind("xai", "xAI", "https://api.x.ai/v1", "x-ai"),
    Kind("mistral", "Mistral", "https://api.mistral.ai/v1", "mistral"),
    Kind("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "openrouter"),
)
BY_NAME = {kind.name: kind for kind in _ROWS}
LATER = ("gemini", "azure_openai", "bedrock", "cohere")  # known to the design, not built


def choices() -> list[tuple[str, str]]:
    """For Django; as a function, so that a further kind needs no migration."""
    return [(kind.name, kind.label) for kind in _ROWS]
