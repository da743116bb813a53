"""`python -m bench.bills`: planted differences between a ledger and a provider's bill, and how many of them are found.

Each trial draws a seed, fills the ledger of an organization of its own, has the pretend provider in a process of its own tell
the same history otherwise, reconciles them, and compares what was found with what was planted. `--in-memory` leaves ledger and
processes out, for hundreds of trials.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.bills import in_memory, many, trials
from bench.bills.judging import Result, table, words
from bench.bills.planned import ADMIN_KEY, PRICES, Plan
from orbit.demo.bills.process import running_bills
from orbit.demo.bills.scenario import Scenario

MakeTrial = Callable[[Plan, int], Result]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bills", description=__doc__)
    parser.add_argument("--trials", type=int, default=3, help="of each provider (3)")
    parser.add_argument("--calls", type=int, default=10_000, help="clean ones of a trial (10000)")
    parser.add_argument(
        "--each",
        type=int,
        default=5,
        help="planted differences of each kind, without the overlapping ones (5)",
    )
    parser.add_argument("--provider", choices=list(PRICES), help="that one alone")
    parser.add_argument("--seed", type=int, help="of the first trial, to repeat it")
    parser.add_argument(
        "--around-the-clock",
        action="store_true",
        help="calls under way at midnight too: count for another day",
    )
    parser.add_argument(
        "--events",
        type=int,
        help="in place of trials: time and memory of one run over so many, in a process of its own",
    )
    parser.add_argument(
        "--by-day", action="store_true", help="OpenRouter: by what days tell alone, no call looked up"
    )
    parser.add_argument("--in-memory", action="store_true", help="without database and processes")
    options = parser.parse_args()
    if options.in_memory:
        _all(options, in_memory.trial)
    else:
        _with_servers(options)


def _with_servers(options: argparse.Namespace) -> None:
    from bench.ledger import servers_for_bench

    with servers_for_bench(), tempfile.TemporaryDirectory() as folder:
        from django.conf import settings

        with running_bills(Path(folder), Scenario(ADMIN_KEY), refuse_every=7) as handle:
            target = f"127.0.0.1:{handle.port}"
            settings.ORBIT_PRIVATE_TARGETS.append(target)
            if options.events:
                os.environ["ORBIT_PRIVATE_TARGETS"] = target
                seed = secrets.randbits(32) if options.seed is None else options.seed
                provider = options.provider or "openai"
                print(many.words(*many.measured(provider, options.events, handle, seed)))
                return
            _all(options, lambda plan, seed: trials.trial(plan, handle, seed))


def _all(options: argparse.Namespace, trial: MakeTrial) -> None:
    for provider in [options.provider] if options.provider else PRICES:
        _series(provider, options, trial)


def _series(provider: str, options: argparse.Namespace, trial: MakeTrial) -> None:
    first = secrets.randbits(32) if options.seed is None else options.seed
    clean = trial(Plan(provider, options.calls, each=0, overlapping=0, by_call=not options.by_day), first)
    print(
        f"\n{provider}, nothing planted, {clean.seconds:.1f} s: {clean.token_drift} tokens of drift, {clean.rounding_nano} nano-units of rounding"
    )
    sys.stdout.flush()
    by_day = provider == "openrouter" and options.by_day
    each = min(options.each, 2) if by_day else options.each
    results = []
    for number in range(options.trials):
        seed = secrets.randbits(32) if options.seed is None else options.seed + number
        plan = Plan(
            provider,
            options.calls,
            each=each,
            around_the_clock=options.around_the_clock,
            by_call=not by_day,
        )
        results.append(trial(plan, seed))
        for line in results[-1].wrong:
            print(f"  seed {seed}: {line}")
    print(f"\n{provider}\n\n{table(results)}\n\n{words(results)}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
