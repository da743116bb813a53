"""Spoilt requests on every route, and spoilt answers of every format on their way to either surface."""

from __future__ import annotations

import http.client
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from faults import checker, samples
from faults.clients import chat
from faults.hostile import Script, hostile, streamed, whole
from faults.mutations import mutated, pieces, scrambled, written
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage
from faults.tenants import Tenant
from proxy.routes import TABLE

CASES = 400  # of one trial; half of them spoilt requests, half spoilt answers
AT_ONCE = 16
HANGS_S = 10.0
OURS = {502, 503, 504}  # beside what is the client's, or the provider's word to it
NAME = re.compile(rb"case (\d+)\.")
CLAUDE, GPT, EMBEDDING = "claude-haiku-4-5", "gpt-4o-mini", "text-embedding-3-small"
SPOILT = {one: f"spoilt-{one}" for one in (CLAUDE, GPT, EMBEDDING)}
LIMITS: list[dict[str, Any]] = [
    {"name": "rpd", "meter": "requests", "per": "day", "limit": 1_000_000},
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "100000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 1_000},
]
BODIES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "chat/completions": samples.chat_body,
    "messages": samples.message_body,
    "messages/count_tokens": samples.message_body,
}
POSTS = sorted(route.endpoint for route in TABLE if route.method == "POST")


@dataclass(frozen=True)
class Case:
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What the client got; status 0 when there was no HTTP to be had."""

    status: int
    body: bytes
    request_id: str | None
    took_s: float


class Scripts:
    """What the hostile provider answers to which case."""

    def __init__(self) -> None:
        self.known: dict[int, Script] = {}

    def answer(self, head: bytes, body: bytes) -> Script:
        found = NAME.search(body)
        return self.known.get(int(found[1]) if found else -1) or whole(
            b'{"error": {"message": "no"}}', b"404 Not Found"
        )


@contextmanager
def spoilt(servers: Servers | None, workers: int = WORKERS) -> Iterator[Stage]:
    """The one provider serves well, the other writes what it is told. Every worker has loaded its tokenizer."""
    with (
        hostile(Scripts().answer) as other,
        stage(
            servers, workers=workers, environment={"ORBIT_FIRST_BYTE_TIMEOUT_S": "3"}, hostile=other
        ) as made,
    ):
        unsaid = asks(made.tenant([]), 8 * workers, lambda _: chat("tokens=3 usage=missing", max_tokens=9))
        made.crowd(unsaid, barrier=True).run()
        yield made


def run(stage: Stage, chance: random.Random, *, cases: int = CASES, hangs_s: float = HANGS_S) -> Found:
    """`hangs_s` is more in the test suite, whose machine may be busy with others."""
    started = time.monotonic()
    tenant = _tenant(stage)
    scripts = Scripts()
    assert stage.hostile is not None
    stage.hostile.answer, before = scripts.answer, stage.hostile.received
    made = [_request(chance) if number % 2 else _answer(number, scripts, chance) for number in range(cases)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        told = list(threads.map(lambda case: _ask(stage.gateway.port, tenant.key, case), made))
    wrongs = [wrong for case, one in zip(made, told, strict=True) for wrong in _wrongs(case, one, hangs_s)]
    books = stage.read(tenant)
    wrongs += checker.standing(books, tenant)
    wrongs += _unrecorded(books.events, made, told)
    statuses = Counter(one.status for one in told)
    took = time.monotonic() - started
    return Found(
        wrongs,
        max(1, round(took)),
        {
            "cases": cases,
            "reached": stage.hostile.received - before,
            "answered": statuses[200],
            "slowest": round(max(one.took_s for one in told), 2),
            "bad_gateway": sum(statuses[one] for one in OURS),
        },
    )


def _tenant(stage: Stage) -> Tenant:
    assert stage.hostile is not None
    urls = {"": stage.provider.base_url, "spoilt-": f"http://127.0.0.1:{stage.hostile.port}/v1"}
    accounts = [
        {"name": f"{name}{kind}", "kind": kind, "base_url": url, "credential": {"value": "sk-demo-fuzz"}}
        for name, url in urls.items()
        for kind in ("openai", "anthropic")
    ]
    models = [
        {
            "alias": f"{name}{model}",
            "targets": [{"account": f"{name}{'anthropic' if model == CLAUDE else 'openai'}", "model": model}],
            "retries": 0,
            "timeouts": {"first_byte_s": 3, "gap_s": 2, "total_s": 6},
        }
        for name in urls
        for model in (CLAUDE, GPT, EMBEDDING)
    ]
    ceiling = {"input": "1.00", "output": "2.00"}
    return stage.tenant(LIMITS, accounts=accounts, models=models, unpriced_models=ceiling)


def _request(chance: random.Random) -> Case:
    """A request of which something is odd, before the provider that serves well."""
    endpoint = chance.choice(POSTS)
    model = EMBEDDING if endpoint == "embeddings" else chance.choice((CLAUDE, GPT))
    body = BODIES.get(endpoint, samples.any_body)(model, "Hello [[orbit-demo: tokens=3]]")
    if chance.random() < 0.4:
        body["stream"] = True
    raw = written(mutated(body, chance))
    if chance.random() < 0.25:
        raw = scrambled(raw, chance)
    headers = {"anthropic-version": "2023-06-01"} if endpoint.startswith("messages") else {}
    if chance.random() < 0.1:
        headers["anthropic-beta"] = chance.choice(("x" * 2000, "ä", "a,b", " "))
    if chance.random() < 0.1:
        headers["x-orbit-tags"] = chance.choice(("=", "a=b,", "a=b", "ä=ö", "a" * 500))
    return Case(endpoint, raw, headers)


def _answer(number: int, scripts: Scripts, chance: random.Random) -> Case:
    """A good request, before the provider whose answer is odd."""
    text, kind = f"case {number}.", chance.choice(("chat", "message", "embedding", "count"))
    model = SPOILT[chance.choice((CLAUDE, GPT))]
    if kind == "embedding":
        scripts.known[number] = _script(samples.embedding_answer(), [], chance)
        return Case("embeddings", written({"model": SPOILT[EMBEDDING], "input": text}))
    if kind == "count":
        scripts.known[number] = _script({"input_tokens": 3}, [], chance)
        return Case("messages/count_tokens", written(samples.message_body(SPOILT[CLAUDE], text)))
    stream = chance.random() < 0.6
    spoken = samples.messages_events if model == SPOILT[CLAUDE] else samples.chat_events
    plain = samples.message_answer if model == SPOILT[CLAUDE] else samples.chat_answer
    scripts.known[number] = _script(plain(), spoken() if stream else [], chance)
    maker = samples.chat_body if kind == "chat" else samples.message_body
    body = {**maker(model, text), **({"stream": True} if stream else {})}
    return Case("chat/completions" if kind == "chat" else "messages", written(body))


def _script(plain: dict[str, Any], events: list[samples.Event], chance: random.Random) -> Script:
    end = chance.choices(("close", "reset", "stall"), (16, 3, 1))[0]
    if events:
        return streamed(pieces(_stream(events, chance), chance), end)
    body = written(mutated(plain, chance))
    if chance.random() < 0.3:
        body = scrambled(body, chance)
    status = chance.choices(
        (b"200 OK", b"400 Bad Request", b"500 Oops", b"299 Odd", b"999 Odd", b"204 None"), (12, 3, 1, 1, 1, 1)
    )[0]
    script = whole(body, status)
    if chance.random() < 0.2:
        return Script(tuple(pieces(scrambled(b"".join(script.pieces), chance), chance)), end)
    return script


def _stream(events: list[samples.Event], chance: random.Random) -> bytes:
    """Events of which some are odd, doubled, missing or out of place; then the bytes of them."""
    made = list(events)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(made))
        match chance.randrange(4):
            case 0:
                del made[at]
            case 1:
                made.insert(chance.randrange(len(made)), made[at])
            case 2:
                made[at], made[-1] = made[-1], made[at]
            case _:
                made[at] = one if isinstance(one := made[at], bytes) else mutated(one, chance)
        if not made:
            return b""
    end = chance.choice((b"\n", b"\n", b"\r\n", b"\r"))
    raw = b"".join(b"data: %b%b" % (one if isinstance(one, bytes) else written(one), end * 2) for one in made)
    return scrambled(raw, chance) if chance.random() < 0.4 else raw


def _ask(port: int, key: str, case: Case) -> Told:
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        sent = {**headers, **{name: value.encode() for name, value in case.headers.items()}}
        connection.request("POST", f"/v1/{case.path}", case.body, sent)  # type: ignore[arg-type] # takes bytes, too
        answer = connection.getresponse()
        body = answer.read()
        return Told(answer.status, body, answer.getheader("x-orbit-request-id"), time.monotonic() - started)
    except (OSError, http.client.HTTPException) as error:
        return Told(0, repr(error).encode(), None, time.monotonic() - started)
    finally:
        connection.close()


def _wrongs(case: Case, told: Told, hangs_s: float) -> Iterator[str]:
    what = f"{case.path} {case.body[:300]!r}"
    if told.took_s > hangs_s:
        yield f"{told.took_s:.1f} s for {what}"
    if not told.status:
        yield f"{told.body.decode()} for {what}"
    elif not 200 <= told.status < 300 and not 400 <= told.status < 500 and told.status not in OURS:
        yield f"status {told.status} for {what}"
    if b'"internal_error"' in told.body:
        yield f"an error of our own for {what}"
    if told.status >= 400 and not _is_error(told.body):
        yield f"{told.status} without an error object: {told.body[:200]!r} for {what}"


def _is_error(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and isinstance(found.get("error"), dict)


def _unrecorded(events: list[Any], cases: list[Case], told: list[Told]) -> Iterator[str]:
    """Each call that was answered has one event, and so has no other."""
    recorded = Counter(str(event.request_id) for event in events if event.kind == "call")
    for request_id, times in recorded.items():
        if times != 1:
            yield f"request {request_id} has {times} terminal events"
    for case, one in zip(cases, told, strict=True):
        if one.status == 200 and case.path != "messages/count_tokens" and one.request_id not in recorded:
            yield f"{case.path} was answered, and the ledger has no {one.request_id}"


SCENARIOS = [
    Scenario(
        "fuzz", 1,
        f"{CASES} calls a trial: spoilt requests on every route, spoilt answers and streams in every format and translation",
        "no error of our own, no undocumented status, no call over 10 s, books in order and nothing held",
        600, "seconds", spoilt, run,
        (
            Measure("cases", "calls", "sum"),
            Measure("reached", "requests that the hostile provider got", "sum"),
            Measure("answered", "calls answered with 200", "sum"),
            Measure("bad_gateway", "calls that ended as the provider's fault", "sum"),
            Measure("slowest", "slowest call, s", "max", 10, 2),
        ),
    ),
]  # fmt: skip
