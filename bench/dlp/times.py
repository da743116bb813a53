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
from pathlib import Path

from bench.dlp.timing import of_size
from dlp.detectors.scan import Detector
from dlp.findings import combined
from dlp.names import pool
from proxy.personal.asking import Asker

_DEADLINE_S = 120.0
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
    worker = _worker()
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
        made.append(
            f"| {label} | {statistics.median(cpu):.0f} | {max(cpu):.0f} | {statistics.median(wall):.0f} |"
        )
    return [*made, "", f"Memory of the worker at its highest: {_highest_mb(worker):.0f} MB."]


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
