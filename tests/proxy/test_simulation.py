"""A draft tried on recorded calls: refused is what the engine's scripts refuse, and nothing of the tenant changes."""

from __future__ import annotations

import io
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import yaml
from django.core.management import CommandError, call_command

from audit.ledger import stream_key, write_shard
from orbit.lib import access
from orbit.lib.clock import from_us
from orbit.lib.errors import InputError
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from proxy.simulation import recorded, replay, simulate
from quotas import sandbox
from tenants.models import ApiKey
from tenants.schema import Invalid
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import ApiOf, hello

DAY_US = 86_400_000_000
MIDNIGHT = (time.time_ns() // 1000 // DAY_US - 2) * DAY_US  # the day before yesterday, UTC
SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = MIDNIGHT + DAY_US + 12 * HOUR
TOKENS = {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1000}


@dataclass
class Past:
    """Events that a tenant's ledger is given, in seconds since a midnight of the past."""

    tenant: Tenant
    key_id: UUID = field(init=False)
    project_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        with access.operator():
            key = ApiKey.objects.get(organization_id=self.tenant.id, name="main")
        self.key_id, self.project_id = key.pk, key.project_id

    def call(
        self, at_s: float, ends_s: float, reserved: int = 0, used: int = 0, cost: int | None = 0, **more: Any
    ) -> str:
        """`reserved` and `used` in output tokens, `cost` in nano for both."""
        given = {"output_tokens": reserved, "input_tokens": 0, "cost_nano": cost or 0}
        detail = {"reserved": given, "client_ip": "192.0.2.1", **more.pop("detail", {})}
        event = {
            "kind": "call",
            "model": "gpt-4o-mini",
            "endpoint": "chat/completions",
            "status": "settled",
            "input_tokens": 0,
            "output_tokens": used,
            "cost_nano": cost,
            "detail": {name: value for name, value in detail.items() if value is not None},
            **more,
        }
        return self._send(event, at_s, ends_s)

    def late(self, event_id: str, ends_s: float, used: int) -> None:
        """What a lapsed call that began with the day had used."""
        event = {"kind": "call", "event_id": event_id, "model": "gpt-4o-mini", "output_tokens": used}
        self._send(event, 0, ends_s, k="late", d="0 0 0")

    def refusals(self, at_s: float, count: int, limit: str, **more: Any) -> None:
        minute = MIDNIGHT + int(at_s * SECOND)
        event = {
            "kind": "refusal",
            "model": "gpt-4o-mini",
            "code": "insufficient_quota",
            "limit": limit,
            "count": count,
            **more,
        }
        self._send(event, (minute - MIDNIGHT) / SECOND, at_s)

    def _send(self, event: dict[str, Any], at_s: float, ends_s: float, **fields: str) -> str:
        event = {
            "event_id": str(uuid7()),
            "organization_id": str(self.tenant.id),
            "organization": self.tenant.slug,
            "project_id": str(self.project_id),
            "project": "app",
            "key_id": str(self.key_id),
            "key": "main",
            "currency": "USD",
            "admitted_us": MIDNIGHT + int(at_s * SECOND),
            **event,
        }
        entry: Any = {"e": json.dumps(event), "k": "call", "t": MIDNIGHT + int(ends_s * SECOND), **fields}
        client().xadd(stream_key(self.tenant.shard), entry)
        return str(event["event_id"])

    def try_out(self, *limits: dict[str, Any], days: float = 1.5, **more: Any) -> dict[str, Any]:
        while write_shard(client(), self.tenant.shard):
            pass
        return self.simulated(*limits, days=days, **more)

    def simulated(self, *limits: dict[str, Any], days: float = 1.5, **more: Any) -> dict[str, Any]:
        """Of what the ledger has already."""
        answer = simulate(
            organization_id=self.tenant.id,
            policy="default",
            draft={"limits": list(limits), **more},
            days=days,
            now=from_us(NOW),
        )
        return answer.as_json()


@pytest.fixture
def past(make_tenant: MakeTenant) -> Past:
    return Past(make_tenant())


def refused(answer: dict[str, Any], which: str = "limits") -> dict[str, tuple[int, int]]:
    """Calls and tokens by limit."""
    return {one["limit"]: (one["refused"]["calls"], one["refused"]["tokens"]) for one in answer[which]}


def leftovers() -> list[bytes]:
    """Keys of sandboxes."""
    time.sleep(0.01)  # a closed lease leaves a tombstone for a millisecond
    store = client()
    return [key for key in store.scan_iter("orbit:{*") if int(key.split(b"{")[1].split(b"}")[0]) >= 2**40]


def test_policy_in_force_refuses_nothing_that_it_admitted(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    """With the gateway's own calls, many at once, some of them streamed, and some refused."""
    limits: list[dict[str, Any]] = [
        {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600, "burst": 20},
        {"name": "tpm", "meter": "tokens", "per": "minute", "limit": 20_000, "burst": 1500},
        {"name": "tpd", "meter": "tokens", "per": "day", "limit": 3000},
        {"name": "each", "meter": "tokens", "per": "day", "limit": 1200, "of": "each_end_user"},
        {"name": "budget", "meter": "cost", "per": "month", "limit": "0.005"},
        {"name": "inflight", "meter": "concurrency", "limit": 3},
    ]
    tenant = make_tenant(limits=limits)
    api, sizes = api_of(tenant), random.Random(5)

    def asked(body: dict[str, Any]) -> int:
        return api.chat(messages=hello("tokens=40"), **body).status_code

    bodies = [
        {
            "max_tokens": sizes.choice([50, 150, 300]),
            "user": sizes.choice(["ada", "bob", "eve"]),
            "stream": sizes.random() < 0.4,
        }
        for _ in range(80)
    ]
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(asked, bodies))
    admitted = answers.count(200)
    assert 10 < admitted < 80
    assert len(tenant.events()) == admitted
    answer = simulate(organization_id=tenant.id, policy="default", draft={"limits": limits}, days=1)
    told = answer.as_json()
    assert (told["calls"], told["refused"]["calls"], told["limits"]) == (admitted, 0, [])
    assert told["not_judged"]["calls"] == 0
    spent = sum(event["input_tokens"] + event["output_tokens"] for event in tenant.events())
    tighter = [limit | {"limit": spent - 1} if limit["name"] == "tpd" else limit for limit in limits]
    less = simulate(organization_id=tenant.id, policy="default", draft={"limits": tighter}, days=1)
    assert set(refused(less.as_json())) == {"tpd"}
    assert leftovers() == []


def test_stricter_draft_refuses_what_was_computed_by_hand(past: Past) -> None:
    past.call(0, 10, 600, 200)  # holds 600, then 200 are spent
    past.call(5, 8, 600, 550)  # 600 held and 600 more: refused
    past.call(20, 30, 600, 500)  # 200 spent, 600 more: fits; then 700 are spent
    past.call(40, 50, 400, 100)  # 700 spent, 400 more: refused, though the 100 that it used had room
    past.call(60, 70, 300, 300)  # just fits
    past.call(80, 90, 1001, 10)  # larger than the whole limit
    past.call(86_400, 86_410, 900, 900)  # the next day
    answer = past.try_out(TOKENS)
    assert refused(answer) == {"tokens": (3, 660)}
    [one] = answer["limits"]
    assert one["fitting"] == 1
    assert one["refused"]["largest"]["key"] == [
        {"name": "app/main", "calls": 3, "tokens": 660, "cost_nano": 0}
    ]
    assert (answer["events"], answer["calls"], answer["refused"]["calls"]) == (7, 7, 3)
    assert answer["not_judged"]["calls"] == 0


def test_whoever_waits_hears_how_much_of_the_time_is_through_and_may_end_it(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TOLD_EVERY", 1)
    for hour in (0, 6, 12):
        past.call(hour * 3600, hour * 3600 + 1, 1, 1)
    past.try_out(TOKENS)
    shares: list[float] = []

    def told(share: float) -> None:
        shares.append(round(share, 3))
        if len(shares) == 2:
            raise KeyboardInterrupt

    where: dict[str, Any] = {"organization_id": past.tenant.id, "policy": "default"}
    with pytest.raises(KeyboardInterrupt):
        simulate(**where, draft={"limits": [TOKENS]}, days=1.5, now=from_us(NOW), told=told)
    assert shares == [0.0, round(6 / 36, 3)]
    assert leftovers() == []


def test_every_meter_and_window_is_tried(past: Past) -> None:
    for second in range(4):
        past.call(second, second + 10, 100, 100, cost=100_000_000)
    assert refused(past.try_out({"name": "c", "meter": "concurrency", "limit": 3})) == {"c": (1, 100)}
    rate = {"name": "r", "meter": "requests", "per": "second", "limit": 1}
    assert refused(past.try_out(rate)) == {}
    slower = {"name": "r", "meter": "requests", "per": "minute", "limit": 30, "burst": 1}
    assert refused(past.try_out(slower)) == {"r": (2, 200)}
    smooth = {"name": "t", "meter": "tokens", "per": "minute", "limit": 300}
    assert refused(past.try_out(smooth)) == {"t": (1, 100)}
    money = {"name": "m", "meter": "cost", "per": "month", "limit": "0.25"}
    assert refused(past.try_out(money)) == {"m": (2, 200)}
    ended = {"limit": 10, "until": from_us(MIDNIGHT + 2 * SECOND).isoformat()}
    raised = {"name": "n", "meter": "requests", "per": "day", "limit": 1, "temporary": ended}
    assert refused(past.try_out(raised)) == {"n": (2, 200)}
    assert refused(past.try_out(raised | {"models": ["gpt-4o"]})) == {}


def test_window_that_began_before_starts_with_what_was_spent(past: Past) -> None:
    past.call(-9 * 86_400, -9 * 86_400 + 1, 700, 700, end_user="ada")
    past.call(60, 61, 400, 400, end_user="ada")
    past.call(70, 71, 200, 200, end_user="bob")
    everything = TOKENS | {"per": "total"}
    assert refused(past.try_out(everything)) == {"tokens": (1, 400)}
    assert refused(past.try_out(everything | {"of": "each_end_user"})) == {"tokens": (1, 400)}
    assert refused(past.try_out(everything | {"of": "each_key", "limit": 1100})) == {"tokens": (1, 200)}
    assert refused(past.try_out(TOKENS)) == {}
    assert refused(past.try_out(everything, days=20)) == {"tokens": (1, 400)}


def test_each_end_user_has_a_count_of_its_own(past: Past) -> None:
    for second, user in enumerate(["ada", "bob", None, "ada", None, "bob", "eve"]):
        past.call(second, second, 10, 10, end_user=user)
    answer = past.try_out(
        {"name": "one", "meter": "requests", "per": "day", "limit": 1, "of": "each_end_user"}
    )
    assert refused(answer) == {"one": (3, 30)}
    assert answer["limits"][0]["each_end_user"]


def test_shadow_limit_is_told_apart_and_refuses_nothing(past: Past) -> None:
    for second in range(3):
        past.call(second, second, 500, 400)
    answer = past.try_out(TOKENS | {"shadow": True}, TOKENS | {"name": "hard", "limit": 2000})
    assert (refused(answer), refused(answer, "shadow_limits")) == ({}, {"tokens": (1, 400)})
    assert answer["refused"]["calls"] == 0


def test_draft_stands_where_the_policy_is_attached(make_tenant: MakeTenant) -> None:
    entry = {
        "policies": [{"name": "default"}, {"name": "own", "limits": [TOKENS | {"name": "own", "limit": 50}]}],
        "projects": [
            {"slug": "app", "name": "App", "policy": "default", "keys": [{"name": "main", "policy": "own"}]}
        ],
    }
    past = Past(make_tenant(entry=entry))
    past.call(0, 1, 40, 40)
    past.call(5, 6, 40, 40)  # the key's own policy refuses, as it is today
    answer = past.try_out(TOKENS | {"limit": 30})
    found = {(one["policy"], one["limit"], one["level"]): one["refused"]["calls"] for one in answer["limits"]}
    assert found == {("default", "tokens", "organization"): 2}
    loose = past.try_out(TOKENS)
    assert [(one["policy"], one["limit"], one["level"]) for one in loose["limits"]] == [("own", "own", "key")]


def test_lists_and_caps_are_judged(past: Past) -> None:
    past.call(0, 1, 10, 10)
    past.call(2, 3, 10, 10, model="gpt-4o")
    past.call(4, 5, 10, 10, endpoint="embeddings")
    past.call(6, 7, 10, 10, detail={"client_ip": "198.51.100.1"})
    past.call(8, 9, 10, 10, input_tokens=500, detail={"reserved": {"input_tokens": 900}})
    answer = past.try_out(
        allow={"models": ["gpt-4o-mini"], "endpoints": ["chat/completions"], "ip_ranges": ["192.0.2.0/24"]},
        caps={"max_input_tokens": 400, "max_output_tokens": 9},
    )
    assert {one["code"]: one["refused"]["calls"] for one in answer["rules"]} == {
        "model_not_found": 1,
        "endpoint_not_allowed": 1,
        "address_not_allowed": 1,
        "context_length_exceeded": 1,
    }
    assert (answer["refused"]["calls"], answer["shortened"]["calls"]) == (4, 1)


def test_what_cannot_be_judged_is_counted_with_its_reason(past: Past) -> None:
    past.call(0, 1, 10, 10, cost=None)
    past.call(2, 3, 10, 10, detail={"client_ip": None})
    past.call(4, 5, 10, 10, detail={"reserved": None})
    past.call(6, 7, 10, 10, status="lease_expired")
    past.call(8, 9, 10, 10, key_id=str(uuid7()))
    past.call(10, 11, 10, 10, model="gpt-4o-mini", detail={"requested_model": "gpt-4o"})
    past.refusals(60, 7, "rpd")
    answer = past.try_out(
        TOKENS,
        {"name": "money", "meter": "cost", "per": "day", "limit": "1.00"},
        {"name": "c", "meter": "concurrency", "limit": 5},
        allow={"ip_ranges": ["192.0.2.0/24"]},
    )
    assert answer["not_judged"] == {
        "calls": 13,
        "reasons": {
            "refused_amounts": 7,
            "cost_unknown": 1,
            "address_unknown": 1,
            "reserved_unknown": 1,
            "end_unknown": 1,
            "key_gone": 1,
            "moved": 1,
        },
    }
    assert (answer["events"], answer["calls"], answer["refused"]["calls"]) == (7, 5, 0)
    bodies = past.try_out(caps={"max_body_bytes": 1000})
    assert bodies["not_judged"]["reasons"]["body_size"] == 5


def test_refused_calls_are_let_through_where_only_calls_are_counted(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.call(0, 1, 10, 10)
    past.refusals(60, 7, "rpd")
    past.refusals(120, 3, "rpd", detail={"shadow": True})
    five = {"name": "rpd", "meter": "requests", "per": "day", "limit": 5}
    [one] = past.try_out(five)["let_through"]
    told = one["refused_then"], one["let_through"]["calls"], one["refused_again"], one["not_judged"]
    assert (one["limit"], *told) == ("rpd", 7, 4, 3, 0)
    [free] = past.try_out()["let_through"]
    assert (free["let_through"]["calls"], free["refused_again"]) == (7, 0)
    monkeypatch.setattr("proxy.simulation.replay.TRIES", 6)
    assert past.try_out(five)["not_judged"]["reasons"] == {"refused_too_often": 1}


def test_correction_counts_from_when_it_was_known(past: Past) -> None:
    lapsed = past.call(0, 30, 100, 100, status="lease_expired")
    past.call(40, 41, 600, 600)
    past.late(lapsed, 60, 400)
    past.call(70, 71, 100, 100)  # 700 spent, and 300 more that were not known before: refused
    assert refused(past.try_out(TOKENS)) == {"tokens": (1, 100)}
    assert refused(past.try_out(TOKENS | {"limit": 1100})) == {}


def test_correction_of_a_refused_call_counts_nothing(past: Past) -> None:
    lapsed = past.call(0, 30, 1100, 1100, status="lease_expired")
    past.late(lapsed, 60, 1400)
    past.call(70, 71, 1000, 10)
    assert refused(past.try_out(TOKENS)) == {"tokens": (1, 1100)}


def test_nothing_of_the_tenant_is_touched(past: Past) -> None:
    past.call(0, 1, 600, 600)
    past.call(2, 3, 600, 600)
    while write_shard(client(), past.tenant.shard):
        pass
    pattern = f"orbit:{{{past.tenant.shard}}}:*"
    before = {key: client().dump(key) for key in client().scan_iter(pattern)}
    assert refused(past.try_out(TOKENS)) == {"tokens": (1, 600)}
    assert {key: client().dump(key) for key in client().scan_iter(pattern)} == before
    assert leftovers() == []


def test_what_a_dead_process_leaves_expires(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of every kind of limit are open when it dies, before anything is deleted."""
    found: dict[bytes, int] = {}
    original = sandbox.Sandbox.flush

    def flush(self: sandbox.Sandbox) -> list[sandbox.Trial]:
        decided = original(self)
        store: Any = client()
        found.update({key: store.pttl(key) for key in leftovers()})
        return decided

    monkeypatch.setattr(sandbox.Sandbox, "flush", flush)
    monkeypatch.setattr(sandbox, "COMMANDS", 1)
    past.call(0, 100, 10, 10, end_user="ada")
    past.call(1, 100, 10, 10)
    past.try_out(
        TOKENS,
        TOKENS | {"name": "each", "of": "each_end_user"},
        {"name": "tpm", "meter": "tokens", "per": "minute", "limit": 100},
        {"name": "rpm", "meter": "requests", "per": "minute", "limit": 1},
        {"name": "c", "meter": "concurrency", "limit": 5},
    )
    assert {key.split(b":")[2] for key in found} >= {b"c", b"l", b"meta", b"leases", b"refused", b"events"}
    assert {key: left for key, left in found.items() if not 0 < left <= sandbox.KEPT_MS} == {}


def test_pages_and_batches_change_nothing(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    for number in range(60):
        at_s = number // 2  # two at the same moment
        past.call(at_s, at_s + rng.random() * 9, rng.randrange(100), rng.randrange(100))
    draft = TOKENS | {"limit": 800}
    whole = past.try_out(draft)
    assert 0 < whole["refused"]["calls"] < 60
    monkeypatch.setattr(recorded, "PAGE", 7)
    monkeypatch.setattr(sandbox, "COMMANDS", 11)
    pieces = past.try_out(draft)
    for timing in ("took_s", "events_per_s"):
        del whole[timing], pieces[timing]
    assert pieces == whole


def model_of_a_day(calls: list[tuple[float, float, int, int]], limit: int, zone: str) -> int:
    """How many calls a limit per day refuses, as anybody would write it down."""
    moments = sorted(
        [(ends, 0, number) for number, (_, ends, _, _) in enumerate(calls)]
        + [(begins, 1, number) for number, (begins, *_) in enumerate(calls)]
    )
    spent: dict[date, int] = {}
    held: dict[date, int] = {}
    admitted: set[int] = set()
    for _, begins, number in moments:
        at_s, _, reserved, used = calls[number]
        day = from_us(MIDNIGHT + int(at_s * SECOND)).astimezone(ZoneInfo(zone)).date()
        if begins:
            if spent.get(day, 0) + held.get(day, 0) + reserved <= limit:
                admitted.add(number)
                held[day] = held.get(day, 0) + reserved
        elif number in admitted:
            held[day] -= reserved
            spent[day] = spent.get(day, 0) + used
    return len(calls) - len(admitted)


@pytest.mark.parametrize("seed", range(9))
def test_agrees_with_a_plain_model_of_a_calendar_limit(make_tenant: MakeTenant, seed: int) -> None:
    zone = ["UTC", "Europe/Berlin", "Asia/Kathmandu"][seed % 3]
    past, rng = Past(make_tenant(entry={"time_zone": zone})), random.Random(seed)
    calls = []
    for _ in range(150):
        at_s = round(rng.uniform(0, 1.4 * 86_400), 3)
        reserved = rng.randrange(1, 200)
        calls.append((at_s, at_s + rng.choice([0.5, 60, 20_000]), reserved, rng.randrange(reserved + 30)))
        past.call(*calls[-1])
    limit = rng.randrange(500, 6000)
    answer = past.try_out(TOKENS | {"limit": limit})
    assert answer["refused"]["calls"] == model_of_a_day(calls, limit, zone)


def test_command_says_it_in_words_and_as_json(past: Past, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ago_s = now.timestamp() - 600 - MIDNIGHT / SECOND
    for second in range(3):
        past.call(ago_s + second, ago_s + second, 400, 400, cost=1_000_000)
    while write_shard(client(), past.tenant.shard):
        pass
    file = tmp_path / "draft.yaml"
    file.write_text(yaml.safe_dump({"name": "default", "limits": [TOKENS]}))
    words, written = io.StringIO(), io.StringIO()
    command = ["policy", "simulate", f"{past.tenant.slug}/default", "--file", str(file), "--days", "0.5"]
    call_command(*command, stdout=words)
    assert "Would have refused 1 call (400 tokens, 0.001 of money) that were admitted." in words.getvalue()
    assert "limit 'tokens' of policy 'default' (tokens per day): 1 call" in words.getvalue()
    assert "by key: app/main 1" in words.getvalue()
    call_command(*command, "--json", stdout=written)
    assert refused(json.loads(written.getvalue())) == {"tokens": (1, 400)}


@pytest.mark.parametrize(
    ("draft", "days", "says"),
    [
        ("limits: [{name: a, meter: tokens, per: minutes, limit: 1}]", "1", "limits\\[0\\].per"),
        ("name: other", "1", "name: is not 'default'"),
        ("[]", "1", "must be a policy"),
        ("{}", "0", "--days"),
    ],
)
def test_bad_draft_is_bad_input(tenant: Tenant, tmp_path: Path, draft: str, days: str, says: str) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text(draft)
    with pytest.raises(CommandError, match=says) as told:
        call_command("policy", "simulate", f"{tenant.slug}/default", "--file", str(file), "--days", days)
    assert told.value.returncode == 2


def test_draft_for_no_policy_is_refused(tenant: Tenant) -> None:
    with pytest.raises(InputError, match="no policy 'other'"):
        simulate(organization_id=tenant.id, policy="other", draft={}, days=1)
    with pytest.raises(Invalid):
        simulate(organization_id=tenant.id, policy="default", draft={"limit": []}, days=1)
