"""`python -m bench`: what the gateway costs; `profile`: where in the code; `decisions`: what the limits cost Valkey."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import decisions, machine, nginx, procfs, profiling, report
from bench.measure import QUICK, Bench, Effort, medians
from bench.stage import stage


def main() -> None:
    options = _options()
    if not procfs.available():
        sys.exit("The benchmark reads CPU times from /proc, which only Linux has.")
    if options.command == "profile":
        text = profiling.run(stream=options.stream, seconds=2.0 if options.quick else 10.0)
        print(text)
        if options.markdown:
            report.rewrite("profile of streams" if options.stream else "profile of plain calls", text)
    elif options.command == "decisions":
        text = decisions.run(quick=options.quick)
        print(text)
        if options.markdown:
            report.rewrite("decisions", text)
    else:
        _measure(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "profile", "decisions"], default="run")
    parser.add_argument("--runs", type=int, default=3, help="how often; medians are shown (3)")
    parser.add_argument(
        "--quick", action="store_true", help="seconds instead of minutes, to see that it works"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures of all runs")
    parser.add_argument("--markdown", action="store_true", help="rewrite the tables in docs/performance.md")
    parser.add_argument("--stream", action="store_true", help="profile: streams instead of plain calls")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> None:
    binary = nginx.find()
    if binary is None:
        _say("nginx not found: the bare relay is left out. Debian: apt-get install nginx-light")
    effort, runs = (QUICK, 1) if options.quick else (Effort(), options.runs)
    with ExitStack() as stack:
        _say("starting Postgres, Valkey, the demo provider and the ledger writer")
        where = stack.enter_context(stage())
        facts = machine.facts(where, binary)
        relay = None
        if binary is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orbit-bench-nginx-")))
            relay = stack.enter_context(nginx.relay(binary, folder, where.provider.port))
        bench, found = Bench(where, relay, effort, _say), []
        for number in range(1, runs + 1):
            _say(f"run {number} of {runs}")
            found.append(bench.run())
        facts["ledger"] = f"{where.calls_in_ledger():,} calls written of {bench.calls:,} made"
    figures = medians(found)
    text = report.markdown(figures, facts, runs)
    print(text)
    if options.json:
        options.json.write_text(
            json.dumps({"facts": facts, "medians": figures, "runs": found}, indent=1) + "\n"
        )
    if options.markdown:
        report.rewrite("figures", text)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
