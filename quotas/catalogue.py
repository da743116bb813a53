"""What is known of a model: its window, the most that it writes, what it reads and makes, whether it is going away.

Facts are rows, like prices: copied when a model is routed, read by web workers in one query. What nobody tells
stays unknown (`None`, an empty set), and nothing is refused for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from quotas.models import ModelFacts

Pair = tuple[str, str]  # provider, model by the provider's name


@dataclass(frozen=True, slots=True)
class Facts:
    """`context_window` and `max_output` are the most that the model has under any setting of the vendor's: what is
    refused by them, the vendor refuses too. An empty set of `inputs` or `outputs` says nothing.
    """

    context_window: int | None = None
    max_output: int | None = None
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    deprecated: str | None = None
    retires_on: date | None = None
    source: str = ""

    def overridden(
        self,
        *,
        context_window: int | None = None,
        max_output: int | None = None,
        deprecated: str | None = None,
    ) -> Facts:
        """With what a route says itself in place of what is known."""
        given = {"context_window": context_window, "max_output": max_output, "deprecated": deprecated}
        named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if not named:
            return self
        return replace(self, **named, source="; ".join(filter(None, (self.source, "the route's own"))))

    @property
    def known(self) -> bool:
        return replace(self, source="") != UNKNOWN


UNKNOWN = Facts()


def fits(facts: Facts, input_tokens: int, output_cap: int) -> int | None:
    """The cap on the output that the call can have, or None when its input leaves no room in the window.

    `input_tokens` is what the input has at least (`quotas.estimate.least`): an estimate on the safe side would
    refuse what the provider takes. A call that writes nothing (`output_cap` 0) may fill its window; any other
    needs room for one token. The cap is lowered to what the model writes at most and to what the window leaves.
    That takes nothing from the client, since no vendor writes beyond either, and a vendor that would refuse the
    larger cap takes the call. It is a cap on one choice: each has the window to itself.
    """
    cap = output_cap if facts.max_output is None else min(output_cap, facts.max_output)
    if facts.context_window is None:
        return cap
    room = facts.context_window - input_tokens
    return None if room < min(cap, 1) else min(cap, room)


def facts_of(pairs: set[Pair]) -> dict[Pair, Facts]:
    """What is known of each; `UNKNOWN` of those that nobody has looked up."""
    found = {pair: _facts(row) for pair, row in _rows(pairs).items()}
    return {pair: found.get(pair, UNKNOWN) for pair in pairs}


def unseen(pairs: set[Pair]) -> set[Pair]:
    """Those that have not been looked up yet."""
    return pairs - _rows(pairs).keys()


def seed(pairs: set[Pair]) -> set[Pair]:
    """Looks these up in what is installed. Returns those of which something else is known than before."""
    from quotas import genai  # slow and heavy: never in a web worker's start

    rows, changed = _rows(pairs), set[Pair]()
    for pair in sorted(pairs):
        told = genai.facts(*pair)
        row = rows.get(pair)
        if row is None or _facts(row) != told:
            provider, model = pair
            fields = asdict(told) | {"inputs": sorted(told.inputs), "outputs": sorted(told.outputs)}
            ModelFacts.objects.update_or_create(
                provider=provider, model=model, defaults={**fields, "seen_at": datetime.now(UTC)}
            )
            if told != (_facts(row) if row else UNKNOWN):
                changed.add(pair)
    return changed


def _rows(pairs: set[Pair]) -> dict[Pair, ModelFacts]:
    rows = ModelFacts.objects.filter(
        provider__in={provider for provider, _ in pairs}, model__in={model for _, model in pairs}
    )
    return {(row.provider, row.model): row for row in rows if (row.provider, row.model) in pairs}


def _facts(row: ModelFacts) -> Facts:
    return Facts(
        row.context_window,
        row.max_output,
        frozenset(row.inputs),
        frozenset(row.outputs),
        row.deprecated,
        row.retires_on,
        row.source,
    )
