"""Thinking: whether it is asked for, how much of it, and the signatures by which the vendor knows its own again."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from .claude_models import ClaudeModel
from .messages_refusals import invalid, refuse_extra

# Not a secret: every demo provider must accept what another has signed, as every region of the vendor does.
_SIGNING_KEY = b"orbit demo provider"
_NONCE_BYTES = 8
_SMALLEST_BUDGET = 1_024
_TOKENS_BY_EFFORT = {"low": 16, "medium": 32, "high": 64, "xhigh": 128, "max": 256}

_FIELDS = {
    "adaptive": frozenset({"type", "display"}),
    "disabled": frozenset({"type"}),
    "enabled": frozenset({"type", "display", "budget_tokens"}),
}


@dataclass(frozen=True, slots=True)
class Thinking:
    """`budget` None: the model decides. `shown` off: the block comes with its signature only."""

    budget: int | None
    shown: bool

    def tokens(self, effort: str) -> int:
        wanted = _TOKENS_BY_EFFORT[effort]
        return wanted if self.budget is None else min(wanted, self.budget)


def read_thinking(value: Any, model: ClaudeModel, max_tokens: int | None) -> Thinking | None:
    if value is None:
        return None
    kind = str(value.get("type")) if isinstance(value, dict) else ""
    if kind not in _FIELDS:
        expected = ", ".join(f"'{each}'" for each in _FIELDS)
        raise invalid(f"thinking: Input tag does not match any of the expected tags: {expected}")
    refuse_extra(value, _FIELDS[kind], f"thinking.{kind}.")
    if kind == "disabled":
        return None
    if kind == "adaptive":
        if not model.adaptive_thinking:
            raise invalid("adaptive thinking is not supported on this model")
        return Thinking(None, _is_shown(value, model))
    if not model.budgeted_thinking:
        raise invalid(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    return Thinking(_budget(value, max_tokens), _is_shown(value, model))


def _is_shown(value: dict[str, Any], model: ClaudeModel) -> bool:
    display = value.get("display")
    if display not in (None, "summarized", "omitted"):
        raise invalid(f"thinking.{value['type']}.display: Input should be 'summarized' or 'omitted'")
    return model.shows_thinking if display is None else display == "summarized"


def _budget(value: dict[str, Any], max_tokens: int | None) -> int:
    budget = value.get("budget_tokens")
    if budget is None:
        raise invalid("thinking.enabled.budget_tokens: Field required")
    if type(budget) is not int or budget < _SMALLEST_BUDGET:
        raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if max_tokens is not None and max_tokens <= budget:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    return budget


def sign(text: str, seed: int) -> str:
    nonce = seed.to_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + _seal(nonce, text)).decode()


def is_ours(signature: str, text: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    nonce, seal = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    return hmac.compare_digest(seal, _seal(nonce, text))


def _seal(nonce: bytes, text: str) -> bytes:
    return hmac.digest(_SIGNING_KEY, nonce + text.encode(), hashlib.sha256)
