"""Advisory locks are told apart by a number of ours: two with the same one would wait for each other's work."""

import re
from collections import Counter

from orbit.launcher.state import PROJECT

APPS = ("audit", "console", "orbit", "proxy", "quotas", "tenants")
NUMBER = re.compile(r"^\w*LOCK = (0x\w+|\d+)", re.MULTILINE)


def test_no_two_advisory_locks_have_one_number() -> None:
    files = [path for app in APPS for path in (PROJECT / app).rglob("*.py") if "migrations" not in path.parts]
    numbers = Counter(int(one, 0) for path in files for one in NUMBER.findall(path.read_text()))
    assert len(numbers) >= 6
    assert [f"{one:#06x}" for one, times in numbers.items() if times > 1] == []
