"""Events written in a format of files, from a command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from audit.exports.formats import FORMATS
from orbit.lib.errors import InputError

AT_ONCE = 5_000


def write(events: Iterable[dict[str, Any]], form: str, output: str | None) -> None:
    """To a file that was not there, or to standard output."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(output).open("xb")) if output else sys.stdout.buffer
        except OSError as error:
            raise InputError("--output", f"{output} cannot be made: {error.strerror}.") from None
        for some in _written(iter(events), form):
            file.write(some)
        file.flush()


def _written(events: Iterator[dict[str, Any]], form: str) -> Iterator[bytes]:
    told: list[dict[str, Any]] = []
    yield FORMATS[form].begin()
    while some := list(islice(events, AT_ONCE)):
        content, facts = FORMATS[form].rows(some)
        told.append(facts)
        yield content
    yield FORMATS[form].end(told)
