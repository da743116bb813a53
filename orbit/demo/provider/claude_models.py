"""The models of the Messages format: what each accepts, what it costs, and how the list shows it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .catalogue import Model

_EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ClaudeModel(Model):
    display_name: str = ""
    line: str | None = None
    lifecycle: str = "active"
    # `enabled` with a budget, and `adaptive`, in which the model decides.
    budgeted_thinking: bool = True
    adaptive_thinking: bool = True
    # Thinking is summarized in the answer unless the request says otherwise; newer models omit it.
    shows_thinking: bool = True
    efforts: tuple[str, ...] = _EFFORTS
    sampling: bool = True
    prefill: bool = True


def _claude(
    name: str,
    display_name: str,
    dollars: tuple[int, int],
    released: tuple[int, int, int],
    *,
    served_as: str = "",
    context_tokens: int = 200_000,
    max_output_tokens: int = 64_000,
    **traits: Any,
) -> ClaudeModel:
    """The cache's prices follow from the input's: a tenth to read, 5/4 to write for 5 minutes, 2 for an hour."""
    entry, output = (each * 1_000_000_000 for each in dollars)
    return ClaudeModel(
        id=name,
        served_as=served_as or name,
        kind="chat",
        input_price=entry,
        cached_price=entry // 10,
        output_price=output,
        cache_write_5m_price=entry * 5 // 4,
        cache_write_1h_price=entry * 2,
        context_tokens=context_tokens,
        max_output_tokens=max_output_tokens,
        created=int(datetime(*released, tzinfo=UTC).timestamp()),
        display_name=display_name,
        line=next((line for line in ("haiku", "sonnet", "opus") if line in name), None),
        **traits,
    )


CLAUDE_MODELS: dict[str, ClaudeModel] = {
    model.id: model
    for model in (
        _claude(
            "claude-opus-4-7",
            "Claude Opus 4.7",
            (5, 25),
            (2026, 4, 14),
            context_tokens=1_000_000,
            max_output_tokens=128_000,
            budgeted_thinking=False,
            shows_thinking=False,
            sampling=False,
            prefill=False,
        ),
        _claude(
            "claude-sonnet-4-6",
            "Claude Sonnet 4.6",
            (3, 15),
            (2026, 2, 17),
            context_tokens=1_000_000,
            efforts=("low", "medium", "high", "max"),
            prefill=False,
        ),
        _claude(
            "claude-haiku-4-5",
            "Claude Haiku 4.5",
            (1, 5),
            (2025, 10, 15),
            served_as="claude-haiku-4-5-20251001",
            adaptive_thinking=False,
            efforts=(),
        ),
        _claude(
            "claude-sonnet-4-5",
            "Claude Sonnet 4.5",
            (3, 15),
            (2025, 9, 29),
            served_as="claude-sonnet-4-5-20250929",
            lifecycle="deprecated",
            adaptive_thinking=False,
            efforts=(),
        ),
        _claude(
            "demo-claude",
            "Demo Claude",
            (3, 15),
            (2025, 1, 1),
            context_tokens=10_000_000,
            max_output_tokens=1_000_000,
        ),
    )
}

_BY_NAME = CLAUDE_MODELS | {model.served_as: model for model in CLAUDE_MODELS.values()}


def find_claude(name: str) -> ClaudeModel | None:
    """A model by its own name or by the dated name that its answers carry."""
    return _BY_NAME.get(name)
