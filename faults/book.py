"""Every trial that was ever run: one line of JSON each, kept in git, only ever appended to."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orbit.launcher.state import PROJECT

OUTCOMES = PROJECT / "faults/outcomes"


@dataclass(frozen=True)
class Trial:
    """`outcome` is held, broken or crashed: a trial that could not be ended proves nothing and counts against us."""

    scenario: str
    version: int
    trial: int
    seed: int
    commit: str
    started: str
    seconds: float
    outcome: str
    units: int
    wrongs: list[str]
    figures: dict[str, Any]


def trials(scenario: str, folder: Path = OUTCOMES) -> list[Trial]:
    path = folder / f"{scenario}.jsonl"
    if not path.exists():
        return []
    return [Trial(**json.loads(line)) for line in path.read_text().splitlines() if line]


def append(trial: Trial, folder: Path = OUTCOMES) -> None:
    folder.mkdir(exist_ok=True)
    with open(folder / f"{trial.scenario}.jsonl", "a") as file:
        file.write(json.dumps(asdict(trial), separators=(",", ":")) + "\n")


def commit() -> str:
    """The code that runs; a + says that it was changed since, outcomes and this report aside."""
    found = _git("rev-parse", "--short=10", "HEAD").strip()
    changed = _git("status", "--porcelain", "--", ".", ":!faults/outcomes", ":!docs/reliability.md").strip()
    return found + ("+" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, cwd=PROJECT).stdout
