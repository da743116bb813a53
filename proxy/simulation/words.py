"""A simulation's answer as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from orbit.lib import money
from proxy.simulation.tally import REASONS, Figures, LimitSum, Simulation, Sum


def in_words(found: Simulation) -> str:
    return "\n".join(_lines(found))


def _lines(found: Simulation) -> Iterator[str]:
    rate = f", {found.events / found.took_s:.0f} a second" if found.took_s else ""
    yield (
        f"{found.policy} of {found.organization}, {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC: "
        f"{found.events} events, {found.calls} of them calls, in {found.took_s:.1f} s{rate}"
    )
    yield f"Would have refused {_figures(found.refused.all)} that were admitted."
    limits = sorted(found.limits.values(), key=lambda one: -one.refused.all.calls)
    for one in limits:
        if not one.limit.shadow:
            near = f"; {one.fitting} of them had room for what they used in the end" if one.fitting else ""
            yield f"  {_limit(one)}: {_figures(one.refused.all)}{near}"
            yield from _largest(one.refused)
    for code, refused in found.rules.items():
        yield f"  {code}: {_figures(refused.all)}"
        yield from _largest(refused)
    for one in limits:
        if one.limit.shadow:
            yield f"Shadow {_limit(one)} would have reported {_figures(one.refused.all)}."
    if found.shortened.all.calls:
        yield f"The cap on output would have ended {found.shortened.all.calls} answers earlier."
    for name, passage in found.passages.items():
        through = passage.let_through.all.calls
        yield (
            f"Of {passage.refused_then} calls that {name!r} refused then: {through} let through, "
            f"{passage.refused_again} refused again, {passage.not_judged} not judged."
        )
    if found.not_judged:
        yield f"Not judged, or not in every respect: {found.not_judged} calls."
        for reason, calls in found.reasons.most_common():
            yield f"  {calls}: {REASONS[reason]}"


def _limit(one: LimitSum) -> str:
    limit = one.limit
    window = " in total" if limit.per == "total" else f" per {limit.per}" if limit.per else ""
    models = f" of {', '.join(limit.models)}" if limit.models else ""
    return f"limit {limit.name!r} of policy {one.policy!r} ({limit.meter}{window}{models})"


def _figures(figures: Figures) -> str:
    calls = f"{figures.calls} call{'' if figures.calls == 1 else 's'}"
    return f"{calls} ({figures.tokens} tokens, {money.amount(figures.cost_nano)} of money)"


def _largest(found: Sum) -> Iterator[str]:
    for dimension, named in found.by.items():
        order = sorted(named.items(), key=lambda item: (-item[1].calls, item[0]))[:3]
        yield f"    by {dimension}: " + ", ".join(f"{name} {figures.calls}" for name, figures in order)
