"""How small a difference may be that nobody has to look at, by provider and cause.

A difference within its tolerance is counted and shown like any other; it makes no exception. An account may have its own:
`{"price": {"nano": 1000000, "tokens": 0, "share": 0.001}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.reconcile.sides import Cause, DayOutcome, Part
from orbit.lib.errors import InputError


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A difference passes that is within `share` of our side, or within both `tokens` and `nano`."""

    tokens: int = 0
    nano: int = 0
    share: float = 0.0

    def passes(self, part: Part, outcome: DayOutcome) -> bool:
        if part.counts.size <= self.tokens and abs(part.money_nano) <= self.nano:
            return True
        tokens = part.counts.size / max(1, outcome.ours.total)
        money = abs(part.money_nano) / max(1, outcome.ours_nano)
        return bool(self.share) and max(tokens, money) <= self.share


NONE = Tolerance()
EVER = Tolerance(2**62, 2**62)
# What settles itself, or is bound to be: no exceptions are made of it.
BY_ITSELF = (Cause.LATE, Cause.TIME_BOUNDARY, Cause.ROUNDING)
DEFAULTS: dict[str, dict[Cause, Tolerance]] = {
    "openai": {Cause.PRICE: Tolerance(0, 1_000_000, 0.0001), Cause.UNEXPLAINED: Tolerance(0, 1_000)},
    "anthropic": {Cause.PRICE: Tolerance(0, 1_000_000, 0.0001), Cause.UNEXPLAINED: Tolerance(0, 1_000)},
    # one figure a day for all tokens: less can be told apart
    "openrouter": {
        Cause.PRICE: Tolerance(0, 10_000_000, 0.001),
        Cause.UNEXPLAINED: Tolerance(1_000, 50_000_000, 0.005),
    },
    "csv": {
        Cause.PRICE: Tolerance(0, 10_000_000, 0.001),
        Cause.UNEXPLAINED: Tolerance(1_000, 50_000_000, 0.005),
    },
}


def tolerance(connector: str, cause: Cause, own: Mapping[str, Any]) -> Tolerance:
    if cause in BY_ITSELF:
        return EVER
    if str(cause) in own:
        return _read(own[str(cause)])
    return DEFAULTS[connector].get(cause, NONE)


def checked(own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """An account's own ones. InputError names what is wrong."""
    made: dict[str, dict[str, Any]] = {}
    for name, document in own.items():
        if name not in list(Cause) or Cause(name) in BY_ITSELF:
            raise InputError(f"tolerances.{name}", "is no cause that exceptions are made of")
        if not isinstance(document, Mapping) or not set(document) <= {"tokens", "nano", "share"}:
            raise InputError(f"tolerances.{name}", "must be an object of tokens, nano and share")
        for field, value in document.items():
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not (whole or (field == "share" and isinstance(value, float))) or not 0 <= value < 2**53:
                raise InputError(f"tolerances.{name}.{field}", "must be a number from 0 on")
        made[name] = dict(document)
    return made


def _read(document: Mapping[str, Any]) -> Tolerance:
    return Tolerance(
        int(document.get("tokens", 0)), int(document.get("nano", 0)), float(document.get("share", 0))
    )


def table() -> str:
    """As docs/reconciliation.md prints it."""
    lines = [
        "| provider | cause | tokens | money | or a share of our side |",
        "| --- | --- | --- | --- | --- |",
    ]
    for provider, by_cause in DEFAULTS.items():
        for cause, one in by_cause.items():
            share = f"{one.share:.2%}" if one.share else "-"
            lines.append(f"| `{provider}` | `{cause}` | {one.tokens:,} | {one.nano / 1e9:.6f} | {share} |")
    return "\n".join(lines)
