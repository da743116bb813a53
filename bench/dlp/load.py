"""Calls that ask the model at a steady rate, more and more of it: how many are looked at within the deadline, and how long the
others would have waited. A real pool, asked as a web worker asks it; each text is new."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from bench.dlp.timing import of_size
from dlp.names import pool
from proxy.personal.asking import Asker

RATES = (5, 10, 20, 40, 80)  # texts a second
SECONDS = 8.0
DEADLINE_S = 2.0
QUEUE = 32
SIZE = 1_000  # bytes of a text


def lines(texts: Sequence[str], workers: int) -> list[str]:
    return asyncio.run(_lines(texts, workers))


async def _lines(texts: Sequence[str], workers: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="orbit-") as folder:
        path = Path(folder, "names.sock")
        keeping = asyncio.create_task(pool.run(path, workers, QUEUE))
        await asyncio.sleep(0)
        asker = Asker(path)
        try:
            await asker.find("warm", ["Anna Smith was here."], 60)
            made = ["", f"## Texts of {SIZE:,} bytes at a rate, {workers} worker{'s' if workers > 1 else ''}, {DEADLINE_S:g} s for each, {QUEUE} may wait", "", "| a second | asked | not inspected | by reason | ms, median | p95 |", "|---|---|---|---|---|---|"]  # fmt: skip
            supply = iter(of_size(texts, SIZE, round(sum(RATES) * SECONDS * 1.5)))
            return made + [
                await _at(asker, rate, list(islice(supply, round(rate * SECONDS)))) for rate in RATES
            ]
        finally:
            await asker.close()
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


async def _at(asker: Asker, rate: int, texts: Sequence[str]) -> str:
    """They arrive by chance, as calls do."""
    chance = random.Random(rate)
    waited: list[float] = []
    missed: Counter[str] = Counter()

    async def one(number: int, text: str) -> None:
        began = time.perf_counter()
        said = await asker.find(f"organization {number % 4}", [text], DEADLINE_S)
        waited.append((time.perf_counter() - began) * 1000)
        if said.missed is not None:
            missed[said.missed.value] += 1

    async with asyncio.TaskGroup() as group:
        for number, text in enumerate(texts):
            group.create_task(one(number, f"{number} {text}"))
            await asyncio.sleep(chance.expovariate(rate))
    share = sum(missed.values()) / len(texts)
    reasons = ", ".join(f"{why} {count}" for why, count in missed.most_common()) or "none"
    return f"| {rate} | {len(texts)} | {share:.1%} | {reasons} | {statistics.median(waited):.0f} | {statistics.quantiles(waited, n=20)[-1]:.0f} |"
