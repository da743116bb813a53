"""The checkpoints' files: one line each, appended and synced, a file a month, never written over.

A crash may leave a half line at the end: it was never a checkpoint, and is cut off before the next one is written.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
from django.conf import settings

from audit.checkpoints.document import Checkpoint, Head
from audit.checkpoints.keys import sync

logger = logging.getLogger(__name__)
STATE = "state.json"


class Broken(ValueError):
    """The files do not hold what was written to them."""


class Directory:
    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(settings.ORBIT_CHECKPOINT_DIR)

    def files(self) -> list[Path]:
        return sorted(self.path.glob("checkpoints-????-??.jsonl"))

    def lines(self) -> Iterator[bytes]:
        for path in self.files():
            with path.open("rb") as file:
                yield from file

    def checkpoints(self) -> Iterator[Checkpoint]:
        """All of them. Broken when one cannot be read."""
        for line in self.lines():
            try:
                yield Checkpoint.parsed(line)
            except ValueError as error:
                raise Broken(
                    f"A line of {self.path} is no checkpoint: restore the file from a copy."
                ) from error

    def append(self, checkpoint: Checkpoint) -> None:
        """On disk when this returns."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path / f"checkpoints-{checkpoint.body['at'][:7]}.jsonl"
        new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            line = checkpoint.line()
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync(self.path)

    def mend(self) -> None:
        """Cuts off a line that a crash left half written."""
        for path in self.files()[-1:]:
            whole = _end_of_lines(path)
            if whole < path.stat().st_size:
                logger.warning("%s: cut off a checkpoint that was half written", path)
                os.truncate(path, whole)

    def last(self) -> Checkpoint | None:
        for path in reversed(self.files()):
            if line := _last_line(path):
                try:
                    return Checkpoint.parsed(line)
                except ValueError as error:
                    raise Broken(
                        f"The last line of {path} is no checkpoint: restore the file from a copy."
                    ) from error
        return None

    def state(self, last: Checkpoint | None) -> dict[str, Head]:
        """Every organization's head as of the last checkpoint; remembered in a file that may be thrown away."""
        if last is None:
            return {}
        try:
            known = orjson.loads((self.path / STATE).read_bytes())
            if known["hash"] == last.hash:
                return dict(known["heads"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        return folded(self.checkpoints())

    def remember(self, last: Checkpoint, heads: dict[str, Head]) -> None:
        fresh = self.path / f"{STATE}.{os.getpid()}"
        fresh.write_bytes(orjson.dumps({"hash": last.hash, "heads": heads}))
        fresh.replace(self.path / STATE)


def folded(checkpoints: Iterable[Checkpoint]) -> dict[str, Head]:
    state: dict[str, Head] = {}
    for checkpoint in checkpoints:
        state.update({head["organization_id"]: head for head in checkpoint.heads})
    return state


def _end_of_lines(path: Path) -> int:
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at:
            start = max(0, at - 65_536)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            at = start
    return 0


def _last_line(path: Path) -> bytes:
    end, kept = _end_of_lines(path), b""
    with path.open("rb") as file:
        at = max(0, end - 1)  # before its own end of line
        while at:
            start = max(0, at - 65_536)
            file.seek(start)
            block = file.read(at - start)
            found = block.rfind(b"\n")
            kept = block[found + 1 :] + kept
            if found >= 0:
                break
            at = start
    return kept
