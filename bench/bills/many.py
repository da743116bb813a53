"""One reconciliation of a great many events: how long it takes, where, and how much memory. The run has a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from uuid import UUID

from bench import procfs
from bench.bills.judging import Result
from bench.bills.planned import Plan
from bench.bills.trials import judge, prepare
from orbit.demo.bills.process import BillsHandle

DAYS = 10


@dataclass
class Spent:
    """Of one run. `steps`: seconds of each, as the run itself tells them."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    idle_mib: float = 0.0  # before it began
    most_mib: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)


def measured(provider: str, events: int, handle: BillsHandle, seed: int) -> tuple[Result, Spent, float]:
    """What was found, what the run took, and how many seconds it took to fill the ledger."""
    plan = Plan(provider, events, days=DAYS, around_the_clock=True)
    begun = time.monotonic()
    trial = prepare(plan, handle, seed, keep_events=False)
    filled_s = time.monotonic() - begun
    run = trial.request()
    spent = _in_a_process(trial.organization.pk, run.pk)
    return judge(trial), spent, filled_s


def _in_a_process(organization_id: UUID, run_id: UUID) -> Spent:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_perform, args=(theirs, organization_id, run_id))
    process.start()
    theirs.close()
    try:
        spent: Spent = ours.recv()
    except EOFError:
        raise RuntimeError("the run did not end") from None
    finally:
        process.join()
    return spent


def _perform(told: Connection, organization_id: UUID, run_id: UUID) -> None:
    import django

    django.setup()
    from billing.reconcile import performing, runs

    spent, marks = Spent(idle_mib=_mib()), [("begin", time.monotonic())]
    at = performing.Progress.at

    def noted(progress: performing.Progress, percent: int, step: str) -> None:
        marks.append((step.partition(" of ")[0], time.monotonic()))
        at(progress, percent, step)

    performing.Progress.at = noted  # type: ignore[method-assign, assignment]
    begun, cpu = time.monotonic(), time.process_time()
    made = runs.perform(organization_id=organization_id, run_id=run_id)
    spent.wall_s, spent.cpu_s, spent.most_mib = time.monotonic() - begun, time.process_time() - cpu, _mib()
    if made is None or made.state != "done":
        raise RuntimeError(made.problem if made else "somebody else has the run")
    for (step, since), (_, until) in zip(marks, [*marks[1:], ("end", time.monotonic())], strict=True):
        spent.steps[step] = spent.steps.get(step, 0.0) + until - since
    told.send(spent)


def _mib() -> float:
    """The most that this program held. What `getrusage` says includes the process that it was forked from."""
    lines = (procfs.PROC / "self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


def words(result: Result, spent: Spent, filled_s: float) -> str:
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in spent.steps.items())
    planted = sum(score.planted for score in result.scores.values())
    found = sum(score.found for score in result.scores.values())
    return (
        f"{result.plan.provider}, {result.plan.calls:,} events of {result.plan.days} days (written in {filled_s:.0f} s), {planted} "
        f"differences planted: reconciled in {spent.wall_s:.1f} s ({spent.cpu_s:.1f} s of the worker's CPU), {spent.most_mib:.0f} MiB at "
        f"most, {spent.idle_mib:.0f} before; {steps}; {found} found, {result.adjustments} adjustments proposed, "
        f"{result.false_adjustments} of them false; {result.unexplained_nano / 1e9:.4f} USD unexplained; seed {result.seed}"
    )
