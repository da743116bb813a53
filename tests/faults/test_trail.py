"""SIGKILL to every part of an installation that has sinks: a run of its own, since its servers die as well."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faults.installation import PARTS
from orbit.launcher.state import PROJECT


@pytest.mark.full
def test_after_kills_of_every_part_no_event_is_missing_and_the_chain_verifies(tmp_path: Path) -> None:
    """With a seed by which each part dies at least once."""
    asked = ["--scenario", "trail", "--trials", "1", "--seed", "1", "--outcomes", str(tmp_path)]
    with open(tmp_path / "log", "wb") as log:
        subprocess.run(
            [sys.executable, "-m", "faults", *asked],
            cwd=PROJECT,
            stdout=log,
            stderr=log,
            check=True,
            timeout=900,
        )
    (trial,) = map(json.loads, (tmp_path / "trail.jsonl").read_text().splitlines())
    assert trial["wrongs"] == []
    assert trial["units"] >= 30
    assert trial["figures"]["finished"] >= 20, "too few calls were finished to prove anything"
    assert min(trial["figures"][f"killed_{one}"] for one in PARTS) > 0, "a part was never killed"
