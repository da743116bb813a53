"""What a request asks of an endpoint, what it may need, and what is known of an answer without usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quotas.media import CONTEXT
from quotas.rates import NOTHING
from quotas.tokens import size_of

# Units that a call is charged by in place of tokens, or beside them where it is not known which.
WHOLE = frozenset({"images", "characters", "seconds"})
MOST = (
    1_000_000  # of pictures, drafts or frames: far over what anybody makes, and exact wherever it is counted
)


@dataclass(frozen=True, slots=True)
class Need:
    """Tokens, and units of `quotas.rates.UNITS`."""

    input_tokens: int = 0
    output_tokens: int = 0
    units: Mapping[str, int] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class File:
    """A part of a form: its field, its first bytes (`quotas.media.HEAD` of them suffice), its size."""

    field: str
    head: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request. `model` is the provider's name for it; `body` holds a form's text fields too."""

    model: str
    body: Mapping[str, Any]
    files: tuple[File, ...] = ()
    input_bound: int = 0  # of classes that count tokens of their body: `quotas.estimate.bound`
    output_cap: int = 0  # of each choice
    choices: int = 1
    window: int = CONTEXT  # the model's, where it is known


@dataclass(frozen=True, slots=True)
class Made:
    """What was seen of the answer; None for what was not."""

    input_tokens: int | None = None  # as `quotas.estimate.exact` counts
    output_tokens: int | None = None
    images: int | None = None
    seconds: int | None = None  # of sound, said or heard


def number(body: Mapping[str, Any], name: str, usual: int) -> int:
    """A whole number; in a form it is written out."""
    value = body.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    return (
        min(value, MOST) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else usual
    )


def bytes_of(body: Mapping[str, Any], *names: str) -> int:
    """Of texts, or of lists of them: no tokenizer makes more tokens of them."""
    found = 0
    for name in names:
        value = body.get(name)
        texts = value if isinstance(value, list) else [value]
        found += sum(size_of(one) for one in texts if isinstance(one, str))
    return found
