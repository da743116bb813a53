"""What the package `genai-prices` does not tell of models, by the longest prefix of a plain name.

Two sources. Days of retirement are in the vendors' own SDKs (openai 3.54: "Announced shutdown date"; anthropic
2.14: `DEPRECATED_MODELS`). Everything else is general knowledge of the vendors' model pages, up to what was
published by early 2026: newer models are not here, and stay unknown. (Anthropic's SDK has a table too, of
`MODEL_NONSTREAMING_TOKENS`. It says when that SDK asks for a stream, not what a model writes, so it is not used.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from quotas.catalogue import Facts
from quotas.families import longest, plain_name

TEXT, SEES, READS = frozenset({"text"}), frozenset({"text", "image"}), frozenset({"text", "image", "file"})
HEARS, SOUND, PICTURE = frozenset({"text", "audio"}), frozenset({"audio"}), frozenset({"image"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    max_output: int | None = None
    inputs: frozenset[str] = NOTHING
    outputs: frozenset[str] = TEXT
    window: int | None = None  # where the package rounds down, or does not know what a beta header opens


@dataclass(frozen=True, slots=True)
class Described:
    """What the package says."""

    context_window: int | None
    deprecated: bool
    source: str


FAMILIES = {
    # OpenAI
    "gpt-3.5": Known(4_096, TEXT),
    "gpt-4": Known(8_192, TEXT),
    "gpt-4-32k": Known(32_768, TEXT, window=32_768),
    "gpt-4-0125": Known(4_096, TEXT),
    "gpt-4-1106": Known(4_096, TEXT),
    "gpt-4-turbo": Known(4_096, SEES),
    "gpt-4-vision": Known(4_096, SEES),
    "gpt-4.1": Known(32_768, SEES, window=1_047_576),
    "gpt-4o": Known(16_384, READS),
    "gpt-4o-audio": Known(16_384, HEARS, HEARS),
    "gpt-4o-mini-audio": Known(16_384, HEARS, HEARS),
    "gpt-4o-search": Known(16_384, TEXT),
    "gpt-4o-mini-search": Known(16_384, TEXT),
    "gpt-4o-transcribe": Known(None, HEARS),
    "gpt-4o-mini-transcribe": Known(None, HEARS),
    "gpt-4o-mini-tts": Known(None, TEXT, SOUND),
    "chatgpt-4o": Known(16_384, SEES),
    "gpt-5": Known(128_000, READS),
    "gpt-5-pro": Known(272_000, READS),
    **dict.fromkeys(("gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat"), Known(16_384, READS)),
    "gpt-5-image": Known(128_000, READS, SEES),
    "gpt-audio": Known(16_384, HEARS, HEARS),
    **dict.fromkeys(("gpt-image", "chatgpt-image"), Known(None, SEES, PICTURE)),
    "gpt-oss": Known(131_072, TEXT),
    "gpt-transcribe": Known(None, HEARS),
    "o1": Known(100_000, SEES),
    "o1-mini": Known(65_536, TEXT),
    "o1-preview": Known(32_768, TEXT),
    "o3": Known(100_000, READS),
    "o3-mini": Known(100_000, TEXT),
    "o4-mini": Known(100_000, READS),
    "codex-mini": Known(100_000, SEES),
    "dall-e": Known(None, TEXT, PICTURE),
    "tts-1": Known(None, TEXT, SOUND),
    "whisper": Known(None, SOUND),
    "text-embedding-3": Known(None, TEXT, NOTHING),
    "text-embedding-ada": Known(None, TEXT, NOTHING),
    # Anthropic; a window of a million and the longest outputs of 3.7 are behind beta headers
    "claude-": Known(None, READS),
    "claude-2": Known(4_096, TEXT),
    "claude-instant": Known(4_096, TEXT),
    "claude-3-": Known(4_096, SEES),
    "claude-3-5-haiku": Known(8_192, READS),
    "claude-3-5-sonnet": Known(8_192, READS),
    "claude-3-7": Known(128_000, READS),
    "claude-opus-4": Known(32_000, READS),
    "claude-opus-4-": Known(None, READS),
    "claude-opus-4-0": Known(32_000, READS),
    "claude-opus-4-1": Known(32_000, READS),
    "claude-opus-4-5": Known(64_000, READS),
    "claude-opus-4-6": Known(128_000, READS),
    "claude-sonnet-4": Known(64_000, READS, window=1_000_000),
    "claude-sonnet-4-": Known(None, READS),
    "claude-sonnet-4-0": Known(64_000, READS, window=1_000_000),
    "claude-sonnet-4-5": Known(64_000, READS, window=1_000_000),
    "claude-haiku-4-5": Known(64_000, READS),
    # Mistral, DeepSeek, xAI and Meta publish no largest output that holds wherever their models are served
    "pixtral": Known(None, SEES),
    "codestral": Known(None, TEXT),
    "codestral-embed": Known(None, TEXT, NOTHING),
    "mistral-embed": Known(None, TEXT, NOTHING),
    "mixtral": Known(None, TEXT),
    "voxtral": Known(None, HEARS),
    "deepseek-chat": Known(None, TEXT),
    "deepseek-reasoner": Known(None, TEXT),
    "deepseek-v3": Known(None, TEXT),
    "grok-2-vision": Known(None, SEES),
    "grok-3": Known(None, TEXT),
    "grok-4": Known(None, SEES),
    "grok-code": Known(None, TEXT),
    "llama-3": Known(None, TEXT),
    "llama-3.2-11b": Known(None, SEES),
    "llama-3.2-90b": Known(None, SEES),
    "llama-4": Known(None, SEES),
    "meta-llama-3": Known(None, TEXT),
}
# Names that now stand for newer models than the package's window is of.
MOVED = frozenset({"deepseek-chat", "deepseek-reasoner"})


def _each(day: date, *names: str) -> dict[str, date]:
    return dict.fromkeys(names, day)


# By the vendor's own accounts; the same model may live longer elsewhere.
RETIRES = {
    "anthropic": _each(date(2026, 6, 30), "claude-mythos-preview")
    | _each(date(2027, 1, 22), "claude-opus-4-5", "claude-opus-4-5-20251101")
    | _each(date(2026, 11, 30), "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    "openai": _each(date(2026, 5, 12), "dall-e-2", "dall-e-3")
    | _each(date(2026, 8, 10), "gpt-5.3-chat-latest", "gpt-5.2-chat-latest")
    | _each(date(2026, 9, 28), "gpt-3.5-turbo-1106")
    | _each(
        date(2026, 10, 23),
        *("gpt-image-1", "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "o4-mini", "o4-mini-2025-04-16"),
        *("o3-mini", "o3-mini-2025-01-31", "o1", "o1-2024-12-17", "gpt-4o-2024-05-13", "gpt-4-turbo"),
        *("gpt-4-turbo-2024-04-09", "gpt-4-1106-preview", "gpt-4", "gpt-4-0613", "gpt-3.5-turbo"),
        "gpt-3.5-turbo-0125",
    )
    | _each(
        date(2026, 12, 11),
        *("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07"),
        *("gpt-5-nano-2025-08-07", "o3", "o3-2025-04-16"),
    )
    | _each(date(2027, 1, 6), "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
    | _each(
        date(2027, 1, 14),
        *("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4o"),
        *("gpt-4o-2024-11-20", "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    )
    | _each(date(2027, 1, 20), "gpt-audio-mini", "gpt-audio-mini-2025-12-15")
    | _each(
        date(2027, 2, 26),
        *("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15"),
        "gpt-4o-transcribe-diarize",
    )
    | _each(date(2027, 4, 1), "gpt-5.4-nano", "gpt-5.4-nano-2026-03-17", "gpt-5.1", "gpt-5.1-2025-11-13"),
}


def facts_of_model(provider: str, model: str, described: Described | None) -> Facts:
    """The package's word and ours together, each named in `source`."""
    name = plain_name(model)
    known = longest(FAMILIES, name)
    retires = RETIRES.get(provider, {}).get(model.lower())
    window = described.context_window if described and name not in MOVED else None
    sources = [f"context window: {described.source}"] if described and window else []
    if known and known.window:
        window, sources = known.window, ["context window: Orbit's table"]
    if known:
        sources.append("output and modalities: Orbit's table")
    if retires:
        sources.append("retirement: the vendor's SDK")
    return Facts(
        context_window=window,
        max_output=known.max_output if known else None,
        inputs=known.inputs if known else NOTHING,
        outputs=known.outputs if known else NOTHING,
        deprecated=_deprecated(described, retires),
        retires_on=retires,
        source="; ".join(sources),
    )


def _deprecated(described: Described | None, retires: date | None) -> str | None:
    if retires is not None:
        return f"The vendor has announced that it ends on {retires:%F}."
    return f"Deprecated, says {described.source}." if described and described.deprecated else None
