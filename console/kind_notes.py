"""What sets each kind of provider account apart, for whoever chooses one. docs/providers.md has all of it."""

from __future__ import annotations

NOTES = {
    "openai": "Every endpoint, stored responses included.",
    "anthropic": "Speaks Messages; chat completions and responses are translated for it.",
    "openai_compatible": "Any server with OpenAI’s interface, at an address that you name. Say whose prices hold.",
    "vllm": "Your own server, at an address that you name. No credential needed; no prices, so costs are unknown until you set them.",
    "ollama": "Your own server, at an address that you name. No credential needed; no prices, so costs are unknown until you set them.",
    "groq": "Chat only. Lacks logit_bias and logprobs.",
    "together": "OpenAI’s interface; output is capped by max_tokens.",
    "deepseek": "Chat only; its price depends on the hour. Rests when it runs out of money.",
    "xai": "Chat only; reasoning is counted from the total.",
    "mistral": "Chat and embeddings. Refuses fields that it does not know, which are left out for it.",
    "openrouter": "Resells models of many providers, at its own prices. Rests when it runs out of money.",
}
