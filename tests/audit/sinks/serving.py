"""What the suite's sinks have in common: processes of their own that check the protocol and misbehave when told to.

A folder is all that they share with a test: `mode` says how to behave, `got.jsonl` has every event that was taken, in order,
`faults.txt` what was against the protocol, `port` where they listen.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from pathlib import Path
from typing import Any

SLOW_S = 0.15
SOME = 3  # how often a mode misbehaves before it is content


class Desk:
    """One server's books."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._got = open(folder / "got.jsonl", "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - for the process's life

    @property
    def mode(self) -> str:
        return (self.folder / "mode").read_text()

    def take(self, events: list[dict[str, Any]]) -> None:
        with self._lock:
            self._got.write("".join(json.dumps(event) + "\n" for event in events))

    def fault(self, words: str) -> None:
        with self._lock, open(self.folder / "faults.txt", "a", encoding="utf-8") as file:
            file.write(words + "\n")

    def turn(self) -> int:
        """How many times this mode was met before."""
        with self._lock:
            mode = self.mode
            self._counts[mode] = self._counts.get(mode, 0) + 1
            return self._counts[mode] - 1

    def behave(self, events: list[dict[str, Any]]) -> str:
        """What to do with a batch: `take`, `lose` (take it and never say so), `throttle`, `fail` or `refuse`."""
        mode, turn = self.mode, self.turn()
        if mode == "slow":
            time.sleep(SLOW_S)
        if mode == "ack_lost" and turn < SOME:
            return "lose"
        if mode == "throttled" and turn < SOME:
            return "throttle"
        if mode == "flapping" and turn % 2 == 0:
            return "fail"
        if mode != "take_poison" and any(event.get("model") == "poison" for event in events):
            return "refuse"
        return "take"


def server_context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
