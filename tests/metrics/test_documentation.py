"""docs/metrics.md has every metric as the code has it."""

from __future__ import annotations

import re

from orbit.launcher.state import PROJECT
from orbit.metrics.scrape import families

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", re.MULTILINE)


def test_every_metric_is_in_the_table_as_it_is() -> None:
    rows = ROW.findall((PROJECT / "docs/metrics.md").read_text())
    expected = [
        (one.name, one.kind.value, ", ".join(f"`{label}`" for label in one.labels), one.help)
        for one in families()
    ]
    assert rows == expected


def test_names_say_their_unit() -> None:
    for one in families():
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        if one.kind == "histogram":
            assert one.name.endswith("_seconds")
            assert list(one.bounds) == sorted(one.bounds)
    assert len({one.name for one in families()}) == len(families())
