"""A web worker under cProfile: `python -m bench.profiled FILE` and then the options of `orbit.launcher.web`.

SIGUSR1 starts, SIGUSR2 ends it and writes FILE. The event loop called us then, so its waiting is not counted.
"""

from __future__ import annotations

import cProfile
import signal
import sys
from pathlib import Path

from orbit.launcher import web


def main() -> None:
    target = Path(sys.argv.pop(1))
    scratch = target.with_suffix(".part")
    profile = cProfile.Profile()

    def start(*_: object) -> None:
        profile.enable()

    def end(*_: object) -> None:
        profile.disable()
        profile.dump_stats(scratch)
        scratch.rename(target)

    signal.signal(signal.SIGUSR1, start)
    signal.signal(signal.SIGUSR2, end)
    web.main()


if __name__ == "__main__":
    main()
