"""`python -m faults`: runs seeded scenarios and writes down every trial. `--report` makes the scoreboard of them."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import django

from faults import book
from faults.book import Trial
from orbit.launcher.state import PROJECT

if TYPE_CHECKING:
    from faults.scenario import Scenario
    from faults.servers import Servers
    from faults.stage import Stage


EVIDENCE = PROJECT / ".orbit/wrong-trials"


def main() -> None:
    options = _options()
    if options.list or options.report:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
        _describe(options)
        return
    from faults import servers  # after nothing is left to refuse

    with servers.running() as running:
        django.setup()
        from faults.catalogue import SCENARIOS  # after the variables that Django's settings read

        names = options.scenario or list(SCENARIOS)
        for name in names:
            _run(SCENARIOS[name], running, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument(
        "--scenario", action="append", metavar="NAME", help="this one (repeat for more); else all"
    )
    parser.add_argument("--trials", type=int, help="so many more; else until the scenario has what it needs")
    parser.add_argument("--seed", type=int, help="of the first trial; else one past the last that was run")
    parser.add_argument(
        "--seconds", type=float,
        help="how long a trial lasts, of scenarios that attack or listen for minutes; a shorter one meets no bar",
    )  # fmt: skip
    parser.add_argument("--max-minutes", type=float, default=30, help="for each scenario (30)")
    parser.add_argument(
        "--outcomes", type=Path, default=book.OUTCOMES, metavar="DIR", help="where trials are written down"
    )
    parser.add_argument(
        "--evidence", type=Path, default=EVIDENCE, metavar="DIR",
        help="where a wrong trial leaves how everything stood, for scenarios that can tell (.orbit/wrong-trials)",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="the scenarios, and how far each is")
    parser.add_argument("--report", action="store_true", help="write docs/reliability.md from the outcomes")
    return parser.parse_args()


def _describe(options: argparse.Namespace) -> None:
    django.setup()
    from faults import report
    from faults.catalogue import SCENARIOS

    if options.report:
        report.DOCUMENT.write_text(report.text(list(SCENARIOS.values())))
        return
    for scenario in SCENARIOS.values():
        done = sum(one.units for one in report.present(scenario, book.trials(scenario.name)))
        print(f"{scenario.name:18} {done:6} of {scenario.needs:6} {scenario.unit:8} {scenario.does}")


def _run(scenario: Scenario, servers: Servers, options: argparse.Namespace) -> None:
    """Goes on where the last run ended; every trial is on disk before the next begins."""
    if options.seconds is not None and scenario.lasting is not None:
        scenario = replace(scenario, trial=scenario.lasting(options.seconds))
    before = book.trials(scenario.name, options.outcomes)
    number = max((one.trial for one in before), default=0) + 1
    seed = options.seed or max((one.seed for one in before), default=0) + 1
    done = sum(one.units for one in before if one.version == scenario.version)
    commit, ends = book.commit(), time.monotonic() + options.max_minutes * 60
    ran = 0
    servers.revive()
    with scenario.stage(servers) as stage:
        while time.monotonic() < ends and _wanted(options.trials, ran, done, scenario.needs):
            trial = _trial(scenario, stage, number + ran, seed + ran, commit, options.evidence)
            book.append(trial, options.outcomes)
            ran, done = ran + 1, done + trial.units
            _say(trial, done, scenario)
            if trial.outcome == "crashed":
                break  # the stage may be gone with it; run again to go on


def _wanted(trials: int | None, ran: int, done: int, needs: int) -> bool:
    return ran < trials if trials is not None else done < needs


def _trial(scenario: Scenario, stage: Stage, number: int, seed: int, commit: str, evidence: Path) -> Trial:
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    chance = random.Random(f"{scenario.name} {seed}")  # noqa: S311 - to repeat, not to hide
    try:
        stage.begin()
        found = scenario.trial(stage, chance)
        outcome, units, wrongs, figures = (
            "broken" if found.wrongs else "held", found.units, found.wrongs[:20], found.figures,
        )  # fmt: skip
        if found.wrongs and found.leave is not None:
            _leave(found.leave, evidence / f"{scenario.name}-{number}")
    except Exception:
        traceback.print_exc()
        outcome, units, figures = "crashed", 0, {}
        wrongs = [traceback.format_exc(limit=-1).strip().splitlines()[-1][:300]]
    took = round(time.monotonic() - clock, 2)
    return Trial(
        scenario.name,
        scenario.version,
        number,
        seed,
        commit,
        started,
        took,
        outcome,
        units,
        wrongs,
        dict(figures),
    )


def _leave(leave: Callable[[Path], None], folder: Path) -> None:
    """The trial counts as it was found, whatever becomes of this."""
    try:
        leave(folder)
        print(f"how everything stood is in {folder}", file=sys.stderr)
    except Exception:
        traceback.print_exc()


def _say(trial: Trial, done: int, scenario: Scenario) -> None:
    words = f"{trial.scenario} {trial.trial}: {trial.outcome} in {trial.seconds} s, {done}/{scenario.needs} {scenario.unit}"
    shown = {name: value for name, value in trial.figures.items() if not isinstance(value, list)}
    print(
        words,
        shown or "",
        *trial.wrongs[:5],
        sep="\n    " if trial.wrongs else " ",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
