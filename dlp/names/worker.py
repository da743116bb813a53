"""One worker of the pool: a model on one thread. `python -m dlp.names.worker`.

It reads questions from its standard input and answers on its standard output, one at a time, and ends with the input.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import IO

from dlp.names import files, wire
from dlp.names.finder import Finder, Late
from dlp.names.wire import Reason


def main() -> None:
    where = files.folder()
    fault = files.fault(where)
    if fault is not None:
        sys.exit(fault)
    from dlp.names.rampart import Rampart  # what it needs is an extra, of which the line above tells

    run(Rampart(where))


def run(finder: Finder) -> None:
    """On this process's standard input and output, the latter then being kept from all others who would write there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the pool's business
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers.write(wire.packed({"ready": True}))
    answers.flush()
    serve(finder, sys.stdin.buffer, answers)


def serve(finder: Finder, questions: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            question = wire.read_from(questions)
        except EOFError:
            return
        answers.write(wire.packed(_answer(finder, question)))
        answers.flush()


def _answer(finder: Finder, question: dict[str, object]) -> dict[str, object]:
    texts, deadline_ms = question["texts"], question["deadline_ms"]
    assert isinstance(texts, list)
    assert isinstance(deadline_ms, int | float)
    until = time.monotonic() + deadline_ms / 1000

    def late() -> bool:
        return time.monotonic() > until

    try:
        return {"found": [wire.rows(finder.find(text, late)) for text in texts]}
    except Late:
        return {"unavailable": Reason.LATE}


if __name__ == "__main__":
    main()
