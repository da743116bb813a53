"""Stops what a killed launcher leaves behind. Run by path, with the standard library only.

The launcher holds the only write end of our standard input. While it lives it names the
processes to stop (`+pid signal`, `-pid`); when it dies in whatever way, we read the end of
file, ask each process to stop and after a grace period kill its whole process group. We share
the installation's lock, so that nobody starts another one before that is done.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 3.0


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    held: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        pid = int(words[0][1:])
        if line.startswith("+"):
            held[pid] = int(words[1])
        else:
            held.pop(pid, None)
    stop(held)


def stop(held: dict[int, int]) -> None:
    for pid, asked in held.items():
        with contextlib.suppress(OSError):
            os.kill(pid, asked)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(lives(pid) for pid in held):
        time.sleep(0.05)
    for pid in held:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


if __name__ == "__main__":
    main()
