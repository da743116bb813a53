"""docs/reliability.md, from the outcomes alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from faults import book
from faults.book import Trial
from faults.scenario import Measure, Scenario
from orbit.launcher.state import PROJECT

DOCUMENT = PROJECT / "docs/reliability.md"
HEAD = """\
# Reliability

What was done to the gateway, how often, and how often it broke its word. `make faults ARGS=--report` writes this page from
the outcomes in `faults/outcomes/` and from nothing else; every line there is one trial with its seed, its commit and what it
found. `make faults ARGS="--scenario kills --max-minutes 30"` adds trials; `--list` names the scenarios.

- The servers are durable: Postgres with fsync, Valkey with an append-only file (everysec; `trail`: synced with each command);
  4 gateway workers (`trail`: 3). `attack`, `streams` and `absent` have 2, a task worker and a scheduler, each as the units of systemd
  start it, and the time-outs of an ordinary installation.
- Figures are compared with the demo provider's own record of what it served (its *oracle*), never with our books alone.
- Every trial ends with the same questions: nothing over a limit, one terminal event for each call, the store's counters equal
  to the ledger's sums to the last nano-unit, nothing held, no slot taken, nothing waiting, no call lost, no valid key refused.
- *0 failures in N* bounds the true rate at 95 % by 3/N. A run that is shorter than what its bar asks for is not met.
- A wrong trial of `trail` leaves in `.orbit/wrong-trials` how everything stood: what clients saw, provider, ledger, stream, leases, counters,
  journals, logs, and when which part was killed (`faults/evidence.py`).
- A trial that could not be ended counts as a failure. Trials of another version of a scenario are kept and not counted; where one of
  them failed and it is known why, the scenario says so.
"""
TOO_SHORT, NOT_MET, MET = "NOT MET (too short)", "NOT MET", "met"


def present(scenario: Scenario, trials: Iterable[Trial]) -> list[Trial]:
    """Those of the scenario as it is now."""
    return [one for one in trials if one.version == scenario.version]


def text(scenarios: Sequence[Scenario], folder: Path = book.OUTCOMES) -> str:
    all_of = {one.name: book.trials(one.name, folder) for one in scenarios}
    found = [(one, present(one, all_of[one.name])) for one in scenarios]
    sections = [_section(one, trials) + _former(one, all_of[one.name]) for one, trials in found]
    return "\n".join([HEAD, *_summary(found), *sections, *_mutants(folder)]).rstrip() + "\n"


def verdict(scenario: Scenario, trials: Sequence[Trial]) -> str:
    if any(one.outcome != "held" for one in trials) or any(_misses(one, trials) for one in scenario.measures):
        return NOT_MET
    return MET if _units(trials) >= scenario.needs else TOO_SHORT


def value(measure: Measure, trials: Sequence[Trial]) -> float | None:
    """The measure over all trials that have it."""
    numbers: list[float] = []
    for one in trials:
        figure = one.figures.get(measure.name)
        numbers += figure if isinstance(figure, list) else [figure] if figure is not None else []
    if not numbers:
        return None
    numbers.sort()
    ways = {
        "max": numbers[-1],
        "min": numbers[0],
        "sum": sum(numbers),
        "median": numbers[len(numbers) // 2],
        "p99": numbers[math.ceil(len(numbers) * 0.99) - 1],
    }
    return ways[measure.how]


def _misses(measure: Measure, trials: Sequence[Trial]) -> bool:
    found = value(measure, trials)
    return measure.bar is not None and found is not None and found > measure.bar


def _units(trials: Sequence[Trial]) -> int:
    return sum(one.units for one in trials)


def _summary(found: Sequence[tuple[Scenario, list[Trial]]]) -> list[str]:
    lines = [
        "| scenario | N | needed | failures | bound at 95 % | verdict |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for scenario, trials in found:
        bad = sum(one.outcome != "held" for one in trials)
        cells = [
            f"[{scenario.name}](#{scenario.name})",
            f"{_units(trials):,} {scenario.unit}",
            f"{scenario.needs:,}",
            f"{bad:,}",
            _bound(_units(trials), bad),
            verdict(scenario, trials),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _bound(units: int, bad: int) -> str:
    if bad or not units:
        return "-"
    return f"{300 / units:.2g} %" if units > 3 else "100 %"


def _section(scenario: Scenario, trials: Sequence[Trial]) -> str:
    in_trials = "" if scenario.unit == "trials" else f" (in {len(trials):,} trials)"
    lines = [
        f"## {scenario.name}",
        "",
        f"{_sentence(scenario.does)} Bar: {scenario.must}; {scenario.needs:,} {scenario.unit}.",
        "",
        "| figure | found | bar |",
        "| --- | ---: | ---: |",
        f"| verdict | {verdict(scenario, trials)} | |",
        f"| {scenario.unit}{in_trials} | {_units(trials):,} | {scenario.needs:,} |",
        f"| trials that failed | {sum(one.outcome != 'held' for one in trials):,} | 0 |",
    ]
    for measure in scenario.measures:
        found = value(measure, trials)
        shown = "-" if found is None else f"{found:,.{measure.digits}f}"
        lines.append(f"| {measure.title} | {shown} | {_bar(measure)} |")
    if trials:
        commits = list(dict.fromkeys(one.commit for one in trials))
        lines += [
            f"| seeds | {min(one.seed for one in trials)} to {max(one.seed for one in trials)} | |",
            f"| commits | {', '.join(f'`{one}`' for one in commits)} | |",
            f"| run | {trials[0].started[:10]} to {trials[-1].started[:10]}, {sum(one.seconds for one in trials) / 60:.1f} min | |",
        ]
    wrongs = [f"- trial {one.trial} (seed {one.seed}): {wrong}" for one in trials for wrong in one.wrongs[:3]]
    return "\n".join([*lines, "", *wrongs[:20], *([""] if wrongs else [])])


def _former(scenario: Scenario, trials: Sequence[Trial]) -> str:
    """What trials of former versions found, for a scenario that says what became of it."""
    if not scenario.past:
        return ""
    lines = ["", f"{_sentence(scenario.past)}", ""]
    for version in sorted({one.version for one in trials} - {scenario.version}):
        some = [one for one in trials if one.version == version]
        bad = [one for one in some if one.outcome != "held"]
        lines.append(
            f"- version {version}: {_units(some):,} {scenario.unit} in {len(some):,} trials, {len(bad)} failed"
        )
        lines += [f"    - trial {one.trial} (seed {one.seed}): {'; '.join(one.wrongs[:2])}" for one in bad]
    return "\n".join([*lines, ""])


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _bar(measure: Measure) -> str:
    if measure.bar is None:
        return ""
    return f"{measure.bar:,.0f}" if measure.bar == int(measure.bar) else f"{measure.bar:,}"


def _mutants(folder: Path) -> list[str]:
    """The last verdict on each planted fault."""
    last = {str(one.figures["mutant"]): one for one in book.trials("mutants", folder)}
    if not last:
        return []
    caught = sum(one.outcome == "held" for one in last.values())
    lines = [
        "## Mutants",
        "",
        "Faults planted in a copy of the code (`make mutants`), and the tests that fail because of them: a test that no fault",
        f"can fail proves nothing. Caught: {caught} of {len(last)}.",
        "",
        "| fault | caught by | commit | verdict |",
        "| --- | --- | --- | --- |",
    ]
    for one in last.values():
        by = ", ".join(f"`{name}`" for name in one.figures["by"]) or "-"
        words = "caught" if one.outcome == "held" else "SURVIVED" if one.outcome == "broken" else "STALE"
        lines.append(f"| {one.figures['what']} | {by} | `{one.commit}` | {words} |")
    return [*lines, ""]
