"""What the kernel knows of a process (Linux)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
PROC = Path("/proc")


def available() -> bool:
    return (PROC / "self/stat").exists()


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all that they started."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _fields(entry / "stat")):
            children[int(fields[1])].append(int(entry.name))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children[pid]
    return found


def cpu_s(roots: Iterable[int]) -> float:
    """CPU time of the whole trees so far, children that have ended and were waited for included."""
    ticks = 0
    for pid in tree(roots):
        if fields := _fields(PROC / str(pid) / "stat"):
            ticks += sum(map(int, fields[11:15]))
    return ticks * TICK_S


def main_thread_cpu_s(pid: int) -> float:
    fields = _fields(PROC / str(pid) / "task" / str(pid) / "stat")
    return sum(map(int, fields[11:13])) * TICK_S


def rss_mib(pid: int) -> float:
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_MIB


def _fields(path: Path) -> list[str]:
    """Of a `stat` file, from the third on: the second is a name that may hold spaces. Empty when it is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
