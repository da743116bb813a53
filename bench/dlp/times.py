"""Times with the model on one core, and what one of its workers takes of memory: a real pool with one worker, asked over its
socket. CPU time is that of this process and of the worker together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from bench.dlp.timing import median_ms, of_size
from dlp.detectors.scan import Detector
from dlp.findings import combined
from dlp.names import pool
from proxy.personal.asking import Asker

_DEADLINE_S = 120.0
_AIMS = {"1 KB": 100.0, "10 KB": 1_000.0}  # with the model, cold
_RULES = ((1_000, "1 KB", 3.0), (10_000, "10 KB", 25.0))
_TURN_MS, _FIRST_MS, _WORKER_MB = 60.0, 10.0, 230.0
_SIZES = ((1_000, "1 KB", 40), (10_000, "10 KB", 12), (100_000, "100 KB", 2))


def lines(detector: Detector, texts: Sequence[str]) -> list[str]:
    return asyncio.run(_lines(detector, texts))


async def _lines(detector: Detector, texts: Sequence[str]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="orbit-") as folder:
        path = Path(folder, "names.sock")
        keeping = asyncio.create_task(pool.run(path, 1, 8))
        await asyncio.sleep(0)
        asker = Asker(path)
        try:
            return await _measured(detector, asker, texts)
        finally:
            await asker.close()
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


async def _measured(detector: Detector, asker: Asker, texts: Sequence[str]) -> list[str]:
    await asker.find("one", ["Is it warm?"], _DEADLINE_S)
    worker, medians = _worker(), dict[str, float]()
    made = ["", "## Rules and model, one worker, no text seen before", "", "| text | CPU ms, median | most | wall ms, median |", "|---|---|---|---|"]  # fmt: skip
    for size, label, count in _SIZES:
        cpu, wall = [], []
        for text in of_size(texts, size, count):
            began, used = time.perf_counter(), _cpu_s(worker)
            said = await asker.find("one", [text], _DEADLINE_S)
            assert said.missed is None, said
            combined(detector.scan(text).findings, said.found[text], text)
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append((_cpu_s(worker) - used) * 1000)
        medians[label] = statistics.median(cpu)
        made.append(f"| {label} | {medians[label]:.0f} | {max(cpu):.0f} | {statistics.median(wall):.0f} |")
    rows = [
        (f"rules, {label}, CPU ms, median", median_ms(detector, of_size(texts, size, 60)), aim)
        for size, label, aim in _RULES
    ]
    rows += [
        (f"rules and model, {label}, CPU ms, median", medians[label], aim) for label, aim in _AIMS.items()
    ]
    turns = _turns()
    turn_ms, waited_ms = await turns.next_turn_ms(asker, texts, lambda: _cpu_s(worker))
    rows += [
        ("next turn of 20 messages, CPU ms, p95", turn_ms, _TURN_MS),
        ("restoring, to the first words, CPU ms, p95", turns.first_words_ms(), _FIRST_MS),
        ("memory of the model's worker at its highest, MB", _highest_mb(worker), _WORKER_MB),
    ]
    return [*made, "", *_bars(rows), "", f"That next turn took {waited_ms:.0f} ms of wall time, p95."]


def _turns() -> Any:
    """What a web worker does needs its settings first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
    os.environ.setdefault("ORBIT_SECRET_KEY", "unused by what is measured here")
    django.setup()
    return import_module("bench.dlp.turns")


def _bars(rows: Sequence[tuple[str, float, float]]) -> list[str]:
    return ["| bar | is | at most | |", "|---|---|---|---|"] + [
        f"| {label} | {value:.2f} | {aim:g} | {'reached' if value <= aim else 'missed'} |"
        for label, value, aim in rows
    ]


def _worker() -> Path:
    """Its folder in /proc (so Linux only)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = f"\nPPid:\t{os.getpid()}\n" in (folder / "status").read_text()
            if ours and b"dlp.names.worker" in (folder / "cmdline").read_bytes():
                return folder
    raise LookupError("the worker is not there")


def _cpu_s(worker: Path) -> float:
    """Of this process and of the worker, which is one thread."""
    return time.process_time() + int((worker / "schedstat").read_text().split()[0]) / 1e9


def _highest_mb(worker: Path) -> float:
    status = dict(line.partition(":")[::2] for line in (worker / "status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1000
