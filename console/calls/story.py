"""One call in full: which way it went, how long that took, what it was held to, and the rest as labelled rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.models import Event
from console.templatetags.figures import exact_money, took, whole
from quotas.limits import Amounts, Limit
from quotas.policies import limits_of
from tenants.models import PolicyRevision

Row = tuple[str, Any]
Section = tuple[str, list[Row]]
WIDTH = 1000  # of the drawing of times


@dataclass(frozen=True, slots=True)
class Step:
    """`what` it is called, under which name."""

    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the drawing of times. `look` is attempt, failed or gateway."""

    look: str
    label: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Timing:
    spans: list[Span]
    first_token_x: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """A limit of a policy and what the call took from it, in the meter's unit."""

    limit: Limit
    applies: bool
    reserved: int | None
    used: int | None


@dataclass(frozen=True, slots=True)
class Missed:
    """What was not inspected. `what` is empty where it was not looked at by anything."""

    where: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Personal:
    """What became of personal data and secrets in a call; findings as the event has them."""

    missed: list[Missed]
    findings: list[dict[str, Any]]


_WHY = {
    ("", "deadline"): "looking took longer than the policy allows",
    ("", "cap"): "it was longer than the policy has inspected",
    ("", "format"): "it came in a format that is not read",
    ("names", "deadline"): "the model did not answer in time",
    ("names", "full"): "too many waited for the model",
    ("names", "away"): "no worker of the model answered",
    ("names", "cap"): "it was longer than the model is given",
    ("names", "failed"): "the model failed over it",
}


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    number: str
    revision: PolicyRevision | None
    limits: list[Held]


def route(call: Event) -> list[Step]:
    """From the client's word to the provider's model."""
    asked = call.detail.get("requested_model") or call.model
    steps = [Step("asked for", asked)] if asked else []
    if call.model and call.model != asked:
        steps.append(Step("fell back to", call.model))
    if call.account:
        steps.append(Step("account", call.account))
    if call.upstream_model:
        steps.append(Step("the provider’s model", call.upstream_model))
    return steps


def timing(call: Event) -> Timing | None:
    """None where it is not known how long it took."""
    total = call.duration_ms
    if not total:
        return None
    spans, at = [], 0
    for attempt in call.detail.get("attempts") or []:
        ms = min(attempt.get("duration_ms") or 0, total - at)
        look = "failed" if attempt.get("error") else "attempt"
        label = f"{attempt.get('account') or 'unknown'}: {took(ms)}"
        spans.append(Span(look, label, at * WIDTH // total, max(2, ms * WIDTH // total)))
        at += ms
    if at < total:
        spans.append(Span("gateway", f"the gateway itself: {took(total - at)}", at * WIDTH // total, max(2, (total - at) * WIDTH // total)))  # fmt: skip
    first = call.first_token_ms
    return Timing(spans, None if first is None else min(first, total) * WIDTH // total)


def policies(call: Event) -> list[Policy]:
    """Those in force when it was admitted, the organization's first. Within its scope, in one query."""
    named = [one.rpartition("@")[::2] for one in (call.policy_version or "").split(",") if "@" in one]
    rows = PolicyRevision.objects.filter(policy__name__in=[name for name, _ in named])
    wanted = rows.filter(number__in=[int(number) for _, number in named if number.isdigit()])
    found = {(row.policy.name, str(row.number)): row for row in wanted.select_related("policy")}
    return [
        Policy(name, number, revision, list(_held(call, revision)) if revision else [])
        for name, number in named
        for revision in (found.get((name, number)),)
    ]


def _held(call: Event, revision: PolicyRevision) -> Iterator[Held]:
    reserved: dict[str, int] = call.detail.get("reserved") or {}
    where = {"level": "", "object_id": "", "object_name": "", "key_id": "key", "key_name": ""}
    held = Amounts(
        reserved.get("input_tokens", 0), reserved.get("output_tokens", 0), reserved.get("cost_nano", 0)
    )
    used = Amounts(call.input_tokens or 0, call.output_tokens or 0, call.cost_nano or 0)
    for limit in limits_of(revision.document, **where):
        counts = not limit.by_estimate
        yield Held(
            limit,
            limit.applies_to(call.model or ""),
            1 if counts else held.of(limit.meter) if reserved else None,
            1 if counts else used.of(limit.meter) if call.cost_nano is not None or limit.meter != "cost" else None,
        )  # fmt: skip


def sections(call: Event) -> list[Section]:
    return [
        ("What was asked", _asked(call)),
        ("How it ended", _ended(call)),
        ("How it was counted", _counted(call)),
        ("Where it stands in the ledger", _ledger(call)),
    ]


def _asked(call: Event) -> list[Row]:
    return [
        ("Project", call.project),
        ("Key", call.key),
        ("Secret", call.detail.get("key_hint")),
        ("End user", call.end_user or "not given"),
        ("Endpoint", call.endpoint),
        ("Surface", call.surface),
        ("Streamed", None if call.stream is None else "yes" if call.stream else "no"),
        ("From", call.detail.get("client_ip")),
        ("Client", call.detail.get("user_agent")),
    ]


def personal(call: Event) -> Personal | None:
    """None where nothing was looked for, or there is nothing to tell."""
    told: dict[str, Any] = call.detail.get("dlp") or {}
    if not told:
        return None
    missed = [
        Missed(
            "the request" if one.get("direction") == "request" else "the answer",
            "names" if one.get("what") == "names" else "",
            _WHY.get((one.get("what", ""), one.get("reason", "")), str(one.get("reason", "unknown"))),
        )
        for one in told.get("uninspected") or []
    ]
    return Personal(missed, told.get("findings") or [])


def _ended(call: Event) -> list[Row]:
    return [
        ("Status", call.status),
        *([("Error code", call.code)] if call.code else []),
        ("HTTP status", call.http_status),
        ("Finish reason", call.finish_reason),
        ("Admitted at", f"{call.admitted_at:%Y-%m-%d %H:%M:%S.%f} UTC"),
        ("Settled at", call.settled_at and f"{call.settled_at:%Y-%m-%d %H:%M:%S.%f} UTC"),
    ]


def _counted(call: Event) -> list[Row]:
    reserved: dict[str, int] = call.detail.get("reserved") or {}
    anomaly = call.detail.get("usage_anomaly")
    return [
        ("Usage from", call.usage_source),
        *([("Put right", anomaly)] if anomaly else []),
        ("Reserved", exact_money(reserved.get("cost_nano"), call.currency)),
        ("Reserved in", f"{whole(reserved.get('input_tokens'))} tokens"),
        ("Reserved out", f"{whole(reserved.get('output_tokens'))} tokens"),
        ("Cached input", call.cached_input_tokens),
        ("Cache written", call.cache_write_tokens),
        ("Reasoning", call.reasoning_tokens),
        ("Price version", call.price_version),
        ("Policy version", call.policy_version),
    ]


def _ledger(call: Event) -> list[Row]:
    return [
        ("Event id", call.event_id),
        ("Sequence", whole(call.seq)),
        ("Recorded at", f"{call.recorded_at:%Y-%m-%d %H:%M:%S.%f} UTC"),
        ("Hash", call.hash),
        ("Hash before", call.prev_hash),
    ]
