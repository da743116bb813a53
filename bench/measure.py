"""One run: every target under every load. Its figures are numbers by name, so that runs can be compared."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bench import gateway, procfs, requests
from bench.gateway import Gateway
from bench.load import Job, Seen, Target
from bench.nginx import Relay
from bench.stage import Stage
from orbit.launcher import state

Figures = dict[str, float]

PLAIN_TOKENS = 60
STREAM_TOKENS = 500
FIRST_TOKENS = 16  # of the streams that only their first token matters of
PAUSE_S = 0.005
PLAIN_CLIENTS, STREAM_CLIENTS = 16, 8
# Slow enough that every chunk is read, relayed and written alone; a real model is slower still.
PACE_MS = 4


@dataclass(frozen=True)
class Effort:
    warm_s: float = 1.5
    plain_s: float = 6.0
    stream_s: float = 6.0
    in_turn: int = 300


QUICK = Effort(warm_s=0.5, plain_s=1.0, stream_s=1.0, in_turn=20)


@dataclass
class Bench:
    stage: Stage
    relay: Relay | None
    effort: Effort
    say: Callable[[str], None]
    figures: Figures = field(default_factory=dict)
    calls: int = 0  # sent through a gateway so far, all runs together

    def run(self) -> Figures:
        self.figures = {}
        for workers in (1, 2):
            with gateway.running(workers) as running:
                self._gateway(f"gateway{workers}", running)
        self._flood("direct", self.stage.provider.port, "sk-demo-bench", self.stage.pids["provider"])
        if self.relay is not None:
            self._flood("nginx", self.relay.port, "sk-demo-bench", [self.relay.pid])
        return self.figures

    def _gateway(self, name: str, running: Gateway) -> None:
        pids = running.pids
        self._memory(f"{name}.rss_started", pids)
        self._flood(name, running.port, self.stage.key, pids)
        if name == "gateway1":
            self._in_turn(running.port)
        self._memory(f"{name}.rss_ended", pids)

    def _memory(self, name: str, pids: Sequence[int]) -> None:
        self.figures[name] = max(procfs.rss_mib(pid) for pid in pids)

    # as much as goes

    def _flood(self, name: str, port: int, key: str, pids: Sequence[int]) -> None:
        plain = Job(
            [Target(name, port, requests.chat(key, tokens=PLAIN_TOKENS))], PLAIN_CLIENTS, self.effort.plain_s
        )
        base_us = self._plain(name, plain, pids)
        for kind, pace_ms in (("paced", PACE_MS), ("burst", 0)):
            request = requests.chat(key, tokens=STREAM_TOKENS, stream=True, pace_ms=pace_ms)
            job = Job(
                [Target(name, port, request)], STREAM_CLIENTS, self.effort.stream_s, chunks=STREAM_TOKENS
            )
            self._streamed(f"{name}.{kind}", job, pids, base_us)

    def _plain(self, name: str, job: Job, pids: Sequence[int]) -> float:
        self.say(f"{name}: plain")
        self.load(replace(job, seconds=self.effort.warm_s))
        self.rest()
        moment, scripts, beside = self.stage.database_now(), self.stage.scripts_run(), self._beside()
        before = self._cpu(pids)
        seen = self.load(job)[name]
        used_s, main_s = self._cpu_since(before, pids)
        now, calls = self.stage.scripts_run(), len(seen.total_ms)
        self._spread(f"{name}.plain", seen.total_ms)
        self._put(
            f"{name}.plain",
            per_second=calls / seen.elapsed_s,
            target_us=used_s / calls * 1e6,
            target_main_us=main_s / calls * 1e6,
        )
        if _counts(name):
            self._put(
                f"{name}.plain",
                scripts=(now[0] - scripts[0]) / calls,
                script_us=(now[1] - scripts[1]) / calls * 1e6,
                sessions_used=self.stage.gateway_sessions_used_since(moment),
            )
            self.rest()  # what the ledger writer does for these calls, it partly does later
            after = self._beside()
            self._put(f"{name}.plain", **{f"{at}_us": (after[at] - beside[at]) / calls * 1e6 for at in after})
        return used_s / calls * 1e6

    def _streamed(self, name: str, job: Job, pids: Sequence[int], base_us: float) -> None:
        self.say(f"{name}: streams")
        self.load(replace(job, seconds=self.effort.warm_s))
        before = self._cpu(pids)
        (seen,) = self.load(job).values()
        used_s, _ = self._cpu_since(before, pids)
        streams = len(seen.total_ms)
        chunks = streams * STREAM_TOKENS
        self._put(
            name,
            chunks_per_second=chunks / seen.elapsed_s,
            pieces=seen.pieces / chunks,
            chunk_us=(used_s * 1e6 - streams * base_us) / chunks,
        )
        self.rest()

    # one at a time

    def _in_turn(self, gateway_port: int) -> None:
        self.say("one call at a time, in turn with the others")
        ports = [
            ("direct", self.stage.provider.port, "sk-demo-bench"),
            ("gateway1", gateway_port, self.stage.key),
        ]
        if self.relay is not None:
            ports.insert(1, ("nginx", self.relay.port, "sk-demo-bench"))
        for kind, tokens in (("alone", PLAIN_TOKENS), ("first", FIRST_TOKENS)):
            stream = kind == "first"
            targets = [
                Target(name, port, requests.chat(key, tokens=tokens, stream=stream))
                for name, port, key in ports
            ]
            job = Job(targets, count=self.effort.in_turn, pause_s=PAUSE_S, chunks=tokens if stream else 0)
            self.load(replace(job, count=min(20, job.count)))
            for name, seen in self.load(job).items():
                self._spread(f"{name}.{kind}", seen.first_ms if stream else seen.total_ms)
        self.rest()

    # how it is done

    def load(self, job: Job) -> dict[str, Seen]:
        argv = [sys.executable, "-m", "bench.load"]
        done = subprocess.run(
            argv, input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, cwd=state.PROJECT
        )
        if done.returncode:
            raise RuntimeError("the load generator failed; it said why on standard error")
        found: dict[str, Any] = json.loads(done.stdout)
        seen = {name: Seen(**one) for name, one in found.items()}
        self.calls += sum(len(one.total_ms) for name, one in seen.items() if _counts(name))
        return seen

    def _cpu(self, pids: Sequence[int]) -> tuple[float, float]:
        """CPU seconds so far: of whole process trees, and of their main threads alone."""
        return procfs.cpu_s(pids), sum(map(procfs.main_thread_cpu_s, pids))

    def _cpu_since(self, before: tuple[float, float], pids: Sequence[int]) -> tuple[float, float]:
        now = self._cpu(pids)
        return now[0] - before[0], now[1] - before[1]

    def _beside(self) -> Figures:
        return {name: procfs.cpu_s(pids) for name, pids in self.stage.pids.items()}

    def _put(self, name: str, **figures: float) -> None:
        self.figures.update({f"{name}.{which}": value for which, value in figures.items()})

    def _spread(self, name: str, values: list[float]) -> None:
        cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
        self._put(name, p50_ms=cuts[49], p99_ms=cuts[98])

    def rest(self) -> None:
        self.stage.wait_written(self.calls)


def _counts(target: str) -> bool:
    """Whether calls to this target end in our ledger."""
    return target.startswith("gateway")


def medians(runs: Sequence[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
