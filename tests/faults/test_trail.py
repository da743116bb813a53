"""SIGKILL to every part of an installation that has sinks: a run of its own, since its servers die as well."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orbit.launcher.state import PROJECT


@pytest.mark.full
def test_after_kills_of_every_part_no_event_is_missing_and_the_chain_verifies(tmp_path: Path) -> None:
    asked = ["--scenario", "trail", "--trials", "1", "--seed", "1", "--outcomes", str(tmp_path)]
    subprocess.run(
        [sys.executable, "-m", "faults", *asked],
        cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=600,
    )  # fmt: skip
    (trial,) = map(json.loads, (tmp_path / "trail.jsonl").read_text().splitlines())
    assert trial["wrongs"] == []
    assert trial["units"] >= 30
    assert trial["figures"]["finished"] >= 20, "too few calls were finished to prove anything"
    parts = ("web", "writer", "sender", "store", "database")
    assert min(trial["figures"][f"killed_{one}"] for one in parts) > 0, "a part was never killed"
