"""What a scenario is, and what one trial of it hands back."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

StageT = TypeVar("StageT")
Figure = float | list[float]


@dataclass
class Found:
    """`units` is how much of what the scenario counts (trials, kills, calls) this trial made."""

    wrongs: list[str]
    units: int = 1
    figures: dict[str, Figure] = field(default_factory=dict)
    leave: Callable[[Path], None] | None = (
        None  # what tells how things stand, into a folder, should something be wrong
    )


@dataclass(frozen=True)
class Measure:
    """A figure over all trials: `how` is max, min, median, p99 or sum. Without a bar it is only told."""

    name: str
    title: str
    how: str = "max"
    bar: float | None = None
    digits: int = 0


@dataclass(frozen=True)
class Scenario:
    """`version` goes up whenever a change makes earlier trials say something else."""

    name: str
    version: int
    does: str
    must: str
    needs: int
    unit: str
    stage: Callable[[Any], AbstractContextManager[Any]]  # given the servers of the run
    trial: Callable[[Any, random.Random], Found]
    measures: tuple[Measure, ...] = ()
    past: str = ""  # what became of the failures of former versions
    # of one whose trials last a while: the trial that lasts so many seconds instead of what its bar asks for
    lasting: Callable[[float], Callable[[Any, random.Random], Found]] | None = None
