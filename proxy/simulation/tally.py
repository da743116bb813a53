"""What a simulation found, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from orbit.lib.clock import rfc3339
from proxy.simulation.recorded import Recorded
from quotas.limits import Amounts, Limit

LARGEST = 5

# Why a call could not be judged, or not in every respect.
REASONS = {
    "key_gone": "its key is gone",
    "refused_amounts": "it was refused, and nobody knows what it would have taken",
    "refused_too_often": "more were refused in one minute than are tried",
    "cost_unknown": "its cost is not known, and a limit on cost applies",
    "reserved_unknown": "what it reserved is not known: what it used was taken",
    "end_unknown": "nobody knows when it ended, and a limit on concurrency applies",
    "address_unknown": "its address is not known, and the draft allows only some",
    "input_unknown": "its input is not known, and the draft caps it",
    "body_size": "the size of its body is not recorded, and the draft caps it lower",
    "moved": "it moved to another model while it ran: judged as if it had begun there",
}


@dataclass(slots=True)
class Figures:
    """Calls, and what they used in the end."""

    calls: int = 0
    tokens: int = 0
    cost_nano: int = 0

    def add(self, used: Amounts, calls: int = 1) -> None:
        self.calls += calls
        self.tokens += used.input_tokens + used.output_tokens
        self.cost_nano += used.cost_nano


@dataclass(slots=True)
class Sum:
    """Figures, and the same by project, key and model."""

    all: Figures = field(default_factory=Figures)
    by: dict[str, dict[str, Figures]] = field(default_factory=lambda: {"project": {}, "key": {}, "model": {}})

    def add(self, one: Recorded, calls: int = 1) -> None:
        self.all.add(one.used, calls)
        for dimension, name in (("project", one.project), ("key", one.key), ("model", one.model)):
            self.by[dimension].setdefault(name, Figures()).add(one.used, calls)

    def as_json(self) -> dict[str, Any]:
        return asdict(self.all) | {"largest": {name: _largest(found) for name, found in self.by.items()}}


def _largest(found: dict[str, Figures]) -> list[dict[str, Any]]:
    order = sorted(found.items(), key=lambda item: (-item[1].calls, -item[1].tokens, item[0]))
    return [{"name": name, **asdict(figures)} for name, figures in order[:LARGEST]]


@dataclass(slots=True)
class LimitSum:
    """One limit of one policy, over all objects that it counts for.

    `fitting` of the refused calls had room for what they used in the end: their reservation was in the way.
    """

    policy: str
    limit: Limit
    refused: Sum = field(default_factory=Sum)
    fitting: int = 0

    def as_json(self) -> dict[str, Any]:
        limit = self.limit
        return {
            "policy": self.policy,
            "limit": limit.name,
            "level": limit.parent or limit.level,
            "each_end_user": bool(limit.user),
            "meter": limit.meter,
            "per": limit.per,
            "models": list(limit.models) if limit.models is not None else None,
            "refused": self.refused.as_json(),
            "fitting": self.fitting,
        }


@dataclass(slots=True)
class Passage:
    """Calls that a limit refused at the time, and what becomes of them now."""

    refused_then: int = 0
    let_through: Sum = field(default_factory=Sum)
    refused_again: int = 0
    not_judged: int = 0


@dataclass(slots=True)
class Simulation:
    """The answer. `limits` and `rules` are of calls that were admitted; shadow limits refuse nothing."""

    organization: str
    policy: str
    since: datetime
    until: datetime
    events: int = 0
    calls: int = 0
    refused: Sum = field(default_factory=Sum)
    limits: dict[tuple[str, Limit], LimitSum] = field(default_factory=dict)
    rules: dict[str, Sum] = field(default_factory=dict)
    shortened: Sum = field(default_factory=Sum)  # calls that wrote more than the draft's cap on output
    passages: dict[str, Passage] = field(default_factory=dict)
    not_judged: int = 0  # calls with at least one reason
    reasons: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0

    def doubt(self, reasons: Iterable[str], calls: int = 1) -> None:
        """Calls that could not be judged, or not in every respect."""
        found = set(reasons)
        if found:
            self.not_judged += calls
            self.reasons.update(dict.fromkeys(found, calls))

    def as_json(self) -> dict[str, Any]:
        told = sorted(
            self.limits.values(), key=lambda one: (-one.refused.all.calls, one.policy, one.limit.name)
        )
        return {
            "organization": self.organization,
            "policy": self.policy,
            "since": rfc3339(self.since),
            "until": rfc3339(self.until),
            "events": self.events,
            "calls": self.calls,
            "refused": self.refused.as_json(),
            "limits": [one.as_json() for one in told if not one.limit.shadow],
            "shadow_limits": [one.as_json() for one in told if one.limit.shadow],
            "rules": [{"code": code, "refused": found.as_json()} for code, found in self.rules.items()],
            "shortened": self.shortened.as_json(),
            "let_through": [
                {
                    "limit": name,
                    "refused_then": one.refused_then,
                    "let_through": one.let_through.as_json(),
                    "refused_again": one.refused_again,
                    "not_judged": one.not_judged,
                }
                for name, one in self.passages.items()
            ],
            "not_judged": {"calls": self.not_judged, "reasons": dict(self.reasons.most_common())},
            "took_s": round(self.took_s, 3),
            "events_per_s": round(self.events / self.took_s) if self.took_s else None,
        }
