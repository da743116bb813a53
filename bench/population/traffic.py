"""What they did: ninety days of calls, refusals and acts in the order of time, chained, with their rollups.

Written as text for COPY. An event is put together once as it is exported, so that its hash is the ledger's own; a test
holds it against `audit.chain` and `quotas.rollups`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Any

import orjson

from audit.chain import START
from bench.population.plan import MODELS, Place, Plan, UsedKey, Weighted
from quotas.histogram import unit
from quotas.rollups import SUMS

QUARTER = timedelta(minutes=15)
QUARTER_US = 900_000_000
BURST = 6  # calls that a key makes in a quarter of an hour in which it makes any
REFUSALS, ACTS = 0.02, 0.002  # of all bursts
# Of the table; what else it has stays null.
COLUMNS = (
    "event_id", "v", "kind", "organization_id", "organization", "seq", "shard", "shard_seq", "request_id",
    "admitted_at", "settled_at", "recorded_at", "project_id", "project", "key_id", "key", "account_id", "account",
    "surface", "endpoint", "stream", "model", "upstream_model", "status", "code", "http_status", "finish_reason",
    "usage_source", "input_tokens", "output_tokens", "cost_nano", "currency", "price_version", "duration_ms",
    "first_token_ms", "count", "limit", "detail", "prev_hash", "hash",
)  # fmt: skip
_APART = {"seq", "shard", "shard_seq", "detail", "prev_hash", "hash"}
_PLAIN = [name for name in COLUMNS if name not in _APART]
_take = itemgetter(*_PLAIN)
_NOTHING = dict.fromkeys(_PLAIN)

Bucket = list[int]  # in the order of quotas.rollups.SUMS


@dataclass(slots=True)
class Head:
    seq: int = 0
    hash: str = START


@dataclass
class Traffic:
    plan: Plan
    ledger: bool = True  # or the rollups alone, which are the same
    heads: dict[str, Head] = field(default_factory=dict)  # by organization id
    shards: dict[int, int] = field(default_factory=dict)
    uses: dict[str, tuple[str, str]] = field(default_factory=dict)  # by key id: when, and the organization
    written: int = 0

    def quarters(self) -> Iterator[tuple[list[str], list[str]]]:
        """Lines of events, and lines of their rollups, for each quarter of an hour."""
        size = self.plan.size
        chance, draw = Random(size.seed + 1), Weighted(self.plan.places)
        moments = [self.plan.since + QUARTER * at for at in range((size.until - self.plan.since) // QUARTER)]
        weights = [_busy(moment) for moment in moments]
        scale, due = size.events / sum(weights), 0.0
        for moment, weight in zip(moments, weights, strict=True):
            due += scale * weight
            wanted = (size.events if moment is moments[-1] else int(due)) - self.written
            yield self._quarter(chance, draw, moment, wanted)

    def _quarter(
        self, chance: Random, draw: Weighted, start: datetime, wanted: int
    ) -> tuple[list[str], list[str]]:
        sent: list[tuple[int, Place, dict[str, Any], dict[str, Any]]] = []
        buckets: dict[tuple[str, ...], Bucket] = {}
        while len(sent) < wanted:
            place = draw.draw(chance)
            kind = chance.random()
            if kind < ACTS:
                sent.append(_act(chance, place, start))
                continue
            key = place.used[int(len(place.used) * chance.random() ** 3)]
            if kind < ACTS + REFUSALS:
                sent.append(_refusal(chance, place, key, start, buckets))
                continue
            calls = min(1 + int(chance.expovariate(1 / BURST)), wanted - len(sent))
            sent += _calls(chance, place, key, start, calls, buckets)
            self.uses[key.id] = (f"{start:%Y-%m-%d %H:%M}+00", str(place.row.id))
        sent.sort(key=itemgetter(0))
        self.written += len(sent)
        at = f"{start:%Y-%m-%d %H:%M}+00"
        rollups = [
            "\t".join((*key[:1], at, *key[1:], *map(str, sums))) + "\n" for key, sums in buckets.items()
        ]
        if not self.ledger:
            return [], rollups
        return [self._line(place, event, detail) for _, place, event, detail in sent], rollups

    def _line(self, place: Place, event: dict[str, Any], detail: dict[str, Any]) -> str:
        shard = place.row.shard
        head = self.heads.setdefault(event["organization_id"], Head())
        head.seq += 1
        self.shards[shard] = shard_seq = self.shards.get(shard, 0) + 1
        before = head.hash
        exported = {**event, **detail, "seq": head.seq, "prev_hash": before}
        head.hash = hashlib.sha256(orjson.dumps(exported, option=orjson.OPT_SORT_KEYS)).hexdigest()
        row = {**_NOTHING, **event}
        row |= {
            "seq": head.seq,
            "shard": shard,
            "shard_seq": shard_seq,
            "prev_hash": before,
            "hash": head.hash,
        }
        row["detail"] = orjson.dumps(detail).decode()
        return "\t".join([_text(row[name]) for name in COLUMNS]) + "\n"


def _text(value: Any) -> str:
    """As COPY reads it. None of our texts has a tab or a backslash."""
    if value is None:
        return "\\N"
    return value if value.__class__ is str else str(value)


def _busy(moment: datetime) -> float:
    """More by day than by night, more in the week than at its end."""
    day = 1 - 0.7 * math.cos((moment.hour + moment.minute / 60) / 24 * 2 * math.pi)
    return day * (0.4 if moment.weekday() >= 5 else 1)


def _id(chance: Random, ms: int) -> str:
    bits = chance.getrandbits(74)
    text = f"{ms:012x}7{bits >> 62:03x}{bits & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _rfc3339(start: datetime, us: int) -> str:
    moment = start + timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _event(chance: Random, kind: str, place: Place, start: datetime, us: int, **more: Any) -> dict[str, Any]:
    ms = int(start.timestamp()) * 1000 + us // 1000
    return {
        "v": 1,
        "event_id": _id(chance, ms),
        "kind": kind,
        "organization_id": str(place.row.id),
        "organization": place.row.slug,
        "admitted_at": _rfc3339(start, us),
        "recorded_at": _rfc3339(start, us + 2_000_000),
        **more,
    }


def _calls(
    chance: Random,
    place: Place,
    key: UsedKey,
    start: datetime,
    count: int,
    buckets: dict[tuple[str, ...], Bucket],
) -> Iterator[tuple[int, Place, dict[str, Any], dict[str, Any]]]:
    model, input_nano, output_nano = MODELS[min(2, int(chance.expovariate(1.5)))]
    account = str(place.account.id)
    identity = (str(place.row.id), key.project_id, key.id, account, model, "USD")
    sums = buckets.setdefault(identity, [0] * len(SUMS))
    address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.7"
    for _ in range(count):
        us, duration = chance.randrange(QUARTER_US), 200 + int(chance.expovariate(1 / 900))
        taken, given = 20 + int(chance.expovariate(1 / 900)), 1 + int(chance.expovariate(1 / 250))
        draw = chance.random()
        failed, estimated = draw < 0.01, 0.01 <= draw < 0.02
        first = 80 + duration // 5 if draw > 0.5 else None
        cost = 0 if failed else taken * input_nano + given * output_nano
        if failed:
            taken = given = 0
        event = _event(
            chance, "call", place, start, us,
            request_id=_id(chance, int(start.timestamp()) * 1000 + us // 1000), settled_at=_rfc3339(start, us + duration * 1000),
            project_id=key.project_id, project=key.project, key_id=key.id, key=key.name, account_id=account, account="main",
            surface="openai", endpoint="chat/completions", stream=draw > 0.5, model=model, upstream_model=model,
            status="provider_failed" if failed else "settled", http_status=502 if failed else 200,
            finish_reason=None if failed else "stop", usage_source="estimated" if estimated else "provider",
            input_tokens=taken, output_tokens=given, cost_nano=cost, currency="USD", price_version="genai-prices 1", duration_ms=duration,
            first_token_ms=first,
        )  # fmt: skip
        detail = {
            "client_ip": address,
            "user_agent": "OpenAI/Python 1.99.0",
            "reserved": {"input_tokens": taken, "output_tokens": 4096, "cost_nano": cost},
            "attempts": [
                {
                    "account": "main",
                    "model": model,
                    "http_status": 502 if failed else 200,
                    "duration_ms": duration,
                }
            ],
        }
        times = (0 if failed else unit(duration), 0 if first is None else unit(first))
        for at, more in enumerate((1, 0, failed, taken, given, cost, estimated, 0, *times)):
            sums[at] += more
        yield us, place, {name: value for name, value in event.items() if value is not None}, detail


def _refusal(
    chance: Random, place: Place, key: UsedKey, start: datetime, buckets: dict[tuple[str, ...], Bucket]
) -> tuple[int, Place, dict[str, Any], dict[str, Any]]:
    us, count = chance.randrange(15) * 60_000_000, 1 + int(chance.expovariate(1 / 20))
    event = _event(
        chance, "refusal", place, start, us,
        project_id=key.project_id, project=key.project, key_id=key.id, key=key.name, code="rate_limited", limit="rpm", count=count,
    )  # fmt: skip
    buckets.setdefault((str(place.row.id), key.project_id, key.id, "\\N", "", ""), [0] * len(SUMS))[1] += (
        count
    )
    return us, place, event, {"since": _rfc3339(start, us), "until": _rfc3339(start, us + 60_000_000)}


def _act(chance: Random, place: Place, start: datetime) -> tuple[int, Place, dict[str, Any], dict[str, Any]]:
    us = chance.randrange(QUARTER_US)
    detail = {
        "actor": chance.choice(place.people).email,
        "action": "key.issue",
        "target": f"{place.projects[0].slug}/production",
        "after": {"policy": None},
    }
    return us, place, _event(chance, "act", place, start, us), detail
