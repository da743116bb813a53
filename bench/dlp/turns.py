"""The next turn of a long chat, as a web worker inspects it, and what restoring adds in front of a stream's first words."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import orjson

from bench.dlp.timing import of_size
from dlp.placeholders import Placeholders
from dlp.policy import inspecting
from proxy.context import Principal
from proxy.personal.answers import Rewriter
from proxy.personal.asking import Asker
from proxy.personal.requests import Inspector
from proxy.personal.streams import STREAMS
from proxy.personal.ways import Restoring
from tenants.schema import policy_document

MESSAGES = 20
MESSAGE, NEW = 600, 300  # characters
CHATS = 40
VALUES = 200  # of a conversation
STREAM = "chat/completions"


async def next_turn_ms(
    asker: Asker, texts: Sequence[str], used_s: Callable[[], float]
) -> tuple[float, float]:
    """The 95th percentile in CPU time, which `used_s` tells, and in wall time: of 20 messages one of 300 characters is new."""
    inspector = Inspector(1 << 20, asker=asker)
    policy = inspecting([policy_document({"dlp": {"rules": [{"types": ["*"], "action": "tokenize"}], "names": {"by": "model", "deadline_ms": 60_000}}})])  # fmt: skip
    assert policy is not None
    inspector.findings.prepare(policy)
    principal = cast("Principal", SimpleNamespace(key=SimpleNamespace(id="k"), organization=SimpleNamespace(id="o")))  # fmt: skip

    async def turn(messages: list[dict[str, Any]]) -> tuple[float, float]:
        body = {"model": "m", "messages": messages}
        size = len(orjson.dumps(body))
        began, used = time.perf_counter(), used_s()
        await inspector.request(principal=principal, policy=policy, endpoint=STREAM, body=body, size=size, headers={})  # fmt: skip
        return (used_s() - used) * 1000, (time.perf_counter() - began) * 1000

    spent: list[tuple[float, float]] = []
    supply = of_size(texts, MESSAGE, CHATS * MESSAGES)
    for at in range(0, len(supply), MESSAGES):
        said = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(supply[at : at + MESSAGES])]  # fmt: skip
        await turn(said[:-1])
        spent.append(await turn([*said[:-1], {"role": "user", "content": said[-1]["content"][:NEW]}]))
    inspector.close()
    cpu, wall = (statistics.quantiles(times, n=20)[-1] for times in zip(*spent, strict=True))
    return cpu, wall


def first_words_ms() -> float:
    """CPU, the 95th percentile of many streams, from the answer's beginning until its first words have gone on."""
    made = Placeholders(b"k" * 32)
    for number in range(VALUES):
        made.standing_for("EMAIL_ADDRESS", f"person.{number}@example.org")
    event = b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": {"content": "Dear Ms "}}]}) + b"\n\n"
    spent = []
    for _ in range(200):
        began = time.thread_time()
        assert Rewriter(STREAMS[STREAM](Restoring(made.values))).feed(event)
        spent.append((time.thread_time() - began) * 1000)
    return statistics.quantiles(spent, n=20)[-1]
