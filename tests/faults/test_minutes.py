"""Short runs of the scenarios that last for minutes: what does not depend on how fast the machine is holds in them too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orbit.launcher.state import PROJECT

pytestmark = pytest.mark.full


def trial(scenario: str, folder: Path, *more: str) -> Any:
    asked = ["--scenario", scenario, "--trials", "1", "--seed", "1", "--outcomes", str(folder), *more]
    with open(folder / "log", "wb") as log:
        subprocess.run(
            [sys.executable, "-m", "faults", *asked],
            cwd=PROJECT,
            stdout=log,
            stderr=log,
            check=True,
            timeout=600,
        )
    (found,) = map(json.loads, (folder / f"{scenario}.jsonl").read_text().splitlines())
    assert found["outcome"] != "crashed", found["wrongs"]
    return found


def test_attack_costs_the_other_tenant_no_call(tmp_path: Path) -> None:
    figures = trial("attack", tmp_path, "--seconds", "30")["figures"]
    assert figures["errors"] == 0
    assert figures["rejection_ms"] > 0
    assert max(figures["sign_in_s"]) < 60
    rejected, _, *others = figures[
        "attack"
    ]  # accepted streams last longer than so short a phase, and are not counted
    assert all(calls > 0 for calls in (rejected, *others))


def test_a_thousand_streams_are_whole(tmp_path: Path) -> None:
    found = trial("streams", tmp_path, "--seconds", "30")
    assert [one for one in found["wrongs"] if "streams" in one] == []
    assert found["figures"]["chunks"] > 10_000


def test_gateway_that_starts_without_a_store_finds_it_later(tmp_path: Path) -> None:
    found = trial("absent", tmp_path)
    assert (found["wrongs"], found["units"]) == ([], 3)
