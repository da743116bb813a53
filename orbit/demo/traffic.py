"""Sixty days of the demo organization's events, drawn from one seed, shaped as workers send them.

The same organization gets the same events, ids included, however often they are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Any
from uuid import UUID

from orbit.demo import habits
from orbit.demo.habits import DAYS, HABITS, Habit
from orbit.demo.organization import ASSISTANT, MODEL, OPENAI, ROUTES, SPARE
from orbit.lib.clock import rfc3339, to_us
from quotas.rates import Rates

Sent = dict[str, Any]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Milliseconds to the first token, and for each further one.
_PACE = {MODEL: (320, 7), "gpt-4o": (480, 14), "gpt-5": (1900, 12), "claude-sonnet-4-6": (900, 15), SPARE: (420, 8)}  # fmt: skip
_SAID = {"max_tokens": 1024}


@dataclass(frozen=True, slots=True)
class Cast:
    """Whom and what events name, as they are in the database. A key that is not in `keys` has no history."""

    organization: Mapping[str, str]  # organization_id, organization, currency
    keys: Mapping[tuple[str, str], Mapping[str, str]]  # by project and name: what events say of a key
    accounts: Mapping[str, str]  # ids by name
    rates: Mapping[str, Rates]  # by model of the provider
    policies: Mapping[tuple[str, str], str]  # by project and name: `policy_version`
    until: datetime
    seed: int


def drawn(cast: Cast) -> list[Sent]:
    """In the order of time."""
    made = [*_calls(cast), *_refusals(cast)]
    made.sort(key=itemgetter("admitted_at"))
    return made


def _calls(cast: Cast) -> Iterator[Sent]:
    start = cast.until.replace(minute=0, second=0, microsecond=0) - DAYS * DAY
    for number, habit in enumerate(HABITS):
        if (habit.project, habit.key) not in cast.keys:
            continue
        chance = Random(cast.seed + number)
        for hour in range(DAYS * 24 + 1):
            moment = start + hour * HOUR
            for _ in range(_count(chance, habit, moment, hour / 24)):
                admitted = moment + timedelta(seconds=chance.random() * 3600)
                if admitted < cast.until:
                    yield from _call(cast, chance, habit, admitted)


def _count(chance: Random, habit: Habit, moment: datetime, day: float) -> int:
    if not habit.first_day <= day < habit.last_day:
        return 0
    grown = habit.grows_from + (1 - habit.grows_from) * day / DAYS
    weekend = habit.weekend if moment.weekday() >= 5 else 1
    due = habit.per_day * grown * weekend * habit.hours[moment.hour] / sum(habit.hours)
    return int(due * chance.uniform(0.7, 1.3) + chance.random())


def _call(cast: Cast, chance: Random, habit: Habit, admitted: datetime) -> Iterator[Sent]:
    (alias,) = chance.choices([name for name, _ in habit.models], [weight for _, weight in habit.models])
    trouble = _in_trouble(cast, admitted)
    model = MODEL if alias == ASSISTANT else alias
    failing = chance.random() < (0.55 if trouble and ROUTES[model] == OPENAI else 0.006)
    fell_back = failing and alias == ASSISTANT
    if fell_back:
        failing, model = False, SPARE
    taken = max(4, round(habit.input_tokens * chance.lognormvariate(0, 0.55)))
    given = round(habit.output_tokens * chance.lognormvariate(0, 0.6))
    given = 0 if model.startswith("text-embedding") else min(max(given, 3), _SAID["max_tokens"])
    rates = cast.rates[model].at(to_us(admitted))
    event = _opened(cast, chance, habit, SPARE if fell_back else alias, model, admitted)
    event["detail"]["reserved"] = _reserved(rates, taken, given)
    if fell_back:
        event["detail"]["requested_model"] = alias
    event |= {"price_version": rates.version}
    yield from _ended(chance, event, rates, taken, given, failing=failing, fell_back=fell_back)


def _opened(cast: Cast, chance: Random, habit: Habit, alias: str, model: str, admitted: datetime) -> Sent:
    key, account = cast.keys[habit.project, habit.key], ROUTES[model]
    embeds = model.startswith("text-embedding")
    name = str(uuid7_at(chance, admitted))
    detail: dict[str, Any] = {
        "key_hint": key["hint"],
        "client_ip": f"{habit.network}.{chance.randrange(2, 40)}",
        "user_agent": habit.client,
    }
    if habit.tags:
        detail["tags"] = {tag: chance.choice(words) for tag, words in habit.tags}
    return {
        "v": 1,
        "event_id": name,
        "request_id": name,
        "kind": "call",
        **cast.organization,
        **{field: key[field] for field in ("project_id", "project", "key_id", "key")},
        "account_id": cast.accounts[account],
        "account": account,
        # few ask much, many ask little
        "end_user": f"customer-{1 + int(habit.users * chance.random() ** 2.2):04d}" if habit.users else None,
        "surface": "anthropic" if habit.client.startswith("Anthropic") else "openai",
        "endpoint": "embeddings" if embeds else "messages" if habit.client.startswith("Anthropic") else "chat/completions",
        "stream": not embeds and chance.random() < habit.streamed,
        "model": alias,
        "upstream_model": model,
        "policy_version": cast.policies[habit.project, habit.key],
        "admitted_at": rfc3339(admitted),
        "detail": detail,
    }  # fmt: skip


def _reserved(rates: Rates, taken: int, given: int) -> dict[str, int]:
    output = _SAID["max_tokens"] if given else 0
    bound = math.ceil(taken * 1.15)
    return {"input_tokens": bound, "output_tokens": output, "cost_nano": rates.most_nano(bound, output)}


def _ended(
    chance: Random, event: Sent, rates: Rates, taken: int, given: int, *, failing: bool, fell_back: bool
) -> Iterator[Sent]:
    """The call as it was settled; now and then first as one whose worker was lost, so that the ledger corrects it."""
    draw, stream = chance.random(), event["stream"]
    first, each = _PACE.get(event["upstream_model"], (90, 0))
    first_ms = round(first * chance.lognormvariate(0, 0.3))
    left = stream and not failing and draw < 0.02
    if left:
        given = max(1, given // 3)
    if failing:
        taken = given = 0
    took_ms = first_ms + round(given * each * chance.lognormvariate(0, 0.15))
    lost_ms = round(180 * chance.lognormvariate(0, 0.5)) if fell_back else 0
    late = not failing and not stream and 0.5 < draw < 0.5006
    cached = taken // 128 * 64 if event["model"] == "gpt-4o" and taken > 1024 and draw > 0.6 else 0
    cost = rates.cost_nano(taken, given, cached=cached)
    status_code = chance.choice((500, 503, 529)) if failing else 200
    code = "upstream_error" if failing else None
    event["detail"]["attempts"] = [
        *([_attempt(OPENAI, MODEL, 503, lost_ms, 0, "upstream_error")] if fell_back else []),
        _attempt(event["account"], event["upstream_model"], status_code, took_ms, cost, code),
    ]
    settled = _moment(event) + timedelta(milliseconds=took_ms + lost_ms + 4)
    if late:
        reserved = event["detail"]["reserved"]
        opened = {key: value for key, value in event["detail"].items() if key != "attempts"}
        lapsed = dict.fromkeys(("status", "usage_source"), "lease_expired")
        yield {**event, **lapsed, **reserved, "settled_at": rfc3339(settled + MINUTE), "detail": opened}
    yield {
        **event,
        "settled_at": rfc3339(settled + 5 * MINUTE if late else settled),
        "status": "provider_failed" if failing else "client_gone" if left else "settled",
        "code": code,
        "http_status": status_code,
        "finish_reason": None if failing or left or not given else "length" if given == _SAID["max_tokens"] else "stop",
        "usage_source": "unknown" if failing else "partial" if left else "estimated" if draw > 0.994 else "provider",
        "input_tokens": taken,
        "cached_input_tokens": cached or None,
        "output_tokens": given,
        "reasoning_tokens": given * 2 // 5 if event["upstream_model"] == "gpt-5" and not failing else None,
        "cost_nano": cost,
        "duration_ms": took_ms + lost_ms + 4,
        "first_token_ms": first_ms + lost_ms if stream and not failing else None,
    }  # fmt: skip


def _attempt(
    account: str, model: str, http_status: int, took_ms: int, cost: int, error: str | None
) -> dict[str, Any]:
    made = {"account": account, "model": model, "http_status": http_status, "error": error}
    return {name: value for name, value in made.items() if value is not None} | {
        "duration_ms": took_ms,
        "cost_nano": cost,
    }


def _refusals(cast: Cast) -> Iterator[Sent]:
    chance = Random(cast.seed - 1)
    today = cast.until.replace(hour=0, minute=0, second=0, microsecond=0)
    for days, hour, minutes, whose, code, limit, about in habits.TURNED_AWAY:
        if whose not in cast.keys:
            continue
        key = cast.keys[whose]
        start = today - days * DAY + hour * HOUR + chance.randrange(40) * MINUTE
        for number in range(minutes):
            minute = start + number * MINUTE
            if minute + MINUTE > cast.until:
                break
            yield {
                "v": 1,
                "event_id": str(uuid7_at(chance, minute)),
                "kind": "refusal",
                **{field: cast.organization[field] for field in ("organization_id", "organization")},
                **{field: key[field] for field in ("project_id", "project", "key_id", "key")},
                "model": "claude-sonnet-4-6" if about < 100 else MODEL,
                "code": code,
                "limit": limit,
                "count": 1 + int(about * chance.uniform(0.4, 1.2)),
                "admitted_at": rfc3339(minute),
                "detail": {"since": rfc3339(minute), "until": rfc3339(minute + MINUTE)},
            }


def _in_trouble(cast: Cast, moment: datetime) -> bool:
    days, first, last = habits.TROUBLE
    return (cast.until - days * DAY).date() == moment.date() and first <= moment.hour < last


def _moment(event: Sent) -> datetime:
    return datetime.fromisoformat(event["admitted_at"])


def uuid7_at(chance: Random, moment: datetime) -> UUID:
    ms, bits = to_us(moment) // 1000, chance.getrandbits(74)
    return UUID(int=ms << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (2**62 - 1))
