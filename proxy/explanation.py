"""What a request of a key would meet, told before it is made. Nothing is reserved or counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from orbit.lib import access, money
from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code, InputError, OrbitError
from proxy.admission import describe, shown
from proxy.checks import check_policy, check_principal
from proxy.context import Principal, Target
from proxy.snapshot import load_organization, make_principal, record_of
from proxy.targets import default_output, priced, ready, resolve, serving
from quotas.forecast import Obstacle, obstacle, reported
from quotas.limits import Amounts
from quotas.needs import Need
from quotas.reports import keys_named
from quotas.status import LimitStatus, Reading, readings
from tenants.models import ApiKey

WRITING = ("chat/completions", "completions", "responses", "messages")  # endpoints whose answers are text


@dataclass(frozen=True, slots=True)
class Question:
    """A request as far as its limits go. `max_output_tokens` None: what would be reserved."""

    model: str
    endpoint: str = "chat/completions"
    input_tokens: int = 0
    max_output_tokens: int | None = None
    end_user: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`code` is None when the request would be admitted. `reports` are of shadow limits without room."""

    code: str | None
    message: str
    limits: list[LimitStatus]
    reserved: Amounts | None = None
    refused_by: str | None = None
    retry_at_us: int | None = None
    reports: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        reserved = self.reserved and {
            "input_tokens": self.reserved.input_tokens,
            "output_tokens": self.reserved.output_tokens,
            "cost_nano": self.reserved.cost_nano,
        }
        return {
            "decision": "refuse" if self.code else "admit",
            "code": self.code,
            "message": self.message,
            "refused_by": self.refused_by,
            "retry_at": rfc3339(from_us(self.retry_at_us)) if self.retry_at_us else None,
            "reserved": reserved,
            "reports": list(self.reports),
            "limits": [one.as_json() for one in self.limits],
        }


def explain(principal: Principal, question: Question) -> Explanation:
    """The decision with the figures it rests on. RedisError when the store is away.

    Addresses are not judged. A policy that reserves by what was learned may hold less than is said here.
    """
    found = _readings(principal, question)
    statuses = [one.status() for one in found]
    try:
        need = _need(principal, question)
    except OrbitError as error:
        return Explanation(error.code.value, error.message, statuses)
    reports = tuple(_would(one, "would have refused, if it were no shadow") for one in reported(found, need))
    full = obstacle(found, need)
    if full is None:
        message = f"It would be admitted and reserve {_reserved(need)}."
        return Explanation(None, message, statuses, need, reports=reports)
    limit = full.reading.limit
    message = f"{_would(full, 'would refuse')} {_when(full)}"
    return Explanation(_code(full), message, statuses, need, limit.name, full.room_at_us, reports)


def principal_named(organization_id: UUID, named: str) -> Principal:
    """The key PROJECT/NAME, or the one of an id: that works now, else the last that was called so. In the organization's scope."""
    rows = ApiKey.objects.select_related("project").filter(pk__in=keys_named(named))
    key = rows.filter(revoked_at=None).first() or rows.order_by("created_at").last()
    if key is None:
        raise InputError("key", f"there is no key {named!r}")
    return make_principal(record_of(key), load_organization(organization_id))


def _readings(principal: Principal, question: Question) -> list[Reading]:
    organization, chain = principal.organization, principal.policy.limits if principal.policy else ()
    limits = [one.for_user(question.end_user) for one in chain if one.applies_to(question.model)]
    with access.scope(organization_id=UUID(organization.id)):
        return readings(organization.shard, organization.id, limits, organization.calendar)


def _need(principal: Principal, question: Question) -> Amounts:
    """What the request would reserve; OrbitError when it would not come as far."""
    check_principal(principal)
    anywhere = replace(principal.policy, networks=()) if principal.policy else None
    policy = check_policy(replace(principal, policy=anywhere), question.endpoint, None)
    route = resolve(principal, question.model)
    target = ready(serving(route, question.endpoint))[0]
    given, most = question.input_tokens, policy.max_input_tokens
    if most is not None and given > most:
        raise OrbitError(
            Code.CONTEXT_LENGTH_EXCEEDED,
            f"The input has {given} tokens; the policy of this key allows {most}.",
        )
    made = _output(principal, question, target)
    target = priced(policy, question.model, target, question.endpoint, Need(given, made))
    return Amounts(given, made, target.rates.most_nano(given, made) if target.rates else 0)


def _output(principal: Principal, question: Question, target: Target) -> int:
    if question.endpoint not in WRITING:
        return 0
    assert principal.policy is not None
    asked, most = question.max_output_tokens, principal.policy.max_output_tokens
    return default_output(principal.policy, target) if asked is None else min(asked, most or asked)


def _code(full: Obstacle) -> str:
    limit = full.reading.limit
    if full.never:
        return Code.REQUEST_EXCEEDS_LIMIT.value
    return (Code.RATE_LIMITED if limit.smooth or limit.per is None else Code.INSUFFICIENT_QUOTA).value


def _would(full: Obstacle, what: str) -> str:
    """Which limit, what the request needs and what is there, in words."""
    reading, limit = full.reading, full.reading.limit
    whole = limit.most(reading.at_us)
    needs = f"The {describe(limit)} {what}: the request needs {shown(limit, full.need)}"
    if full.never:
        return f"{needs}, more than the whole of it, {shown(limit, whole)}."
    counter = reading.counter
    calls = f"{counter.calls} running call{'' if counter.calls == 1 else 's'}"
    held = f", {shown(limit, counter.held)} held by {calls}" if counter.held else ""
    return (
        f"{needs}, {shown(limit, reading.free)} are free "
        f"(of {shown(limit, whole)}: {shown(limit, reading.spent)} spent{held})."
    )


def _when(full: Obstacle) -> str:
    """When there is room again, in words."""
    if full.never:
        return "Waiting does not help."
    if full.reading.limit.per is None:
        return "There is room again when a running call ends."
    if full.only_held:
        return "There is room again when running calls give back what they do not use."
    at = full.room_at_us
    return (
        f"There is room again at {rfc3339(from_us(at))}."
        if at
        else "It never resets: ask for a higher limit."
    )


def _reserved(need: Amounts) -> str:
    cost = f" and {money.amount(need.cost_nano)} of money" if need.cost_nano else ""
    return f"{need.input_tokens} input and {need.output_tokens} output tokens{cost}"
