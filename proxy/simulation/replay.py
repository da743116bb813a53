"""Recorded calls in the order of their time, through today's chains with a draft in the place of a policy."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import count
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.clock import to_us
from orbit.lib.errors import Code, InputError, OrbitError
from proxy.admission import never_fits
from proxy.checks import check_policy, matches
from proxy.context import EffectivePolicy, OrganizationSnapshot, PolicySnapshot, Principal
from proxy.simulation.recorded import Recorded, recorded
from proxy.simulation.tally import LimitSum, Passage, Simulation, Sum
from proxy.snapshot import attached, load_organization, make_principal, record_of
from quotas import usage
from quotas.limits import Amounts, Limit, Window
from quotas.rollups import bucket_start
from quotas.sandbox import Sandbox, Terms, Trial
from tenants.models import ApiKey, Policy
from tenants.schema import policy_document
from tenants.services.policies import find_policy

TOLD_EVERY = 500  # events
KEYS = 20_000  # of which the chains are kept at a time
TRIES = 1000  # of one key and limit's refusals in a minute


def simulate(
    *,
    organization_id: UUID,
    policy: str,
    draft: Mapping[str, Any],
    days: float,
    now: datetime | None = None,
    most_events: int | None = None,
    most_s: float | None = None,
    told: Callable[[float], None] = lambda share: None,
) -> Simulation:
    """Runs the ledger's last days through the engine's scripts. Invalid when the draft is no policy, InputError
    when there is none to take the place of, or more to do than is allowed, RedisError when the store is away.

    Nothing of the organization is changed. What was admitted in the meantime and what is still on its way to the
    ledger is left out. `told` hears now and then what share of the time is through, and may raise to end it.
    """
    until = now or datetime.now(UTC)
    since = bucket_start(until - timedelta(days=days))  # the sums of what went before end there
    with access.scope(organization_id=organization_id):
        row = find_policy(policy)
        assert row is not None
    today = load_organization(organization_id)
    drafted = _with_draft(today, row, policy_document(draft))
    answer = Simulation(today.slug, policy, since, until)
    before = _Before(today.shard, today.id, to_us(since))
    started = time.perf_counter()
    with Sandbox.opened(before) as sandbox:
        replay = _Replay(today, drafted, sandbox, answer)
        for one in recorded(organization_id, since, until):
            replay.take(one)
            if most_events is not None and answer.events > most_events:
                raise _too_much(f"has more than {most_events} events")
            if answer.events % TOLD_EVERY == 0:
                told(min(1.0, (one.admitted_us - to_us(since)) / max(1, to_us(until) - to_us(since))))
            if most_s is not None and time.perf_counter() - started > most_s:
                raise _too_much(f"takes longer than {most_s:g} s")
        replay.end()
    answer.took_s = time.perf_counter() - started
    return answer


def _too_much(why: str) -> InputError:
    return InputError("days", why, "take fewer days, or manage.py policy simulate")


def _with_draft(
    organization: OrganizationSnapshot, policy: Policy, document: dict[str, Any]
) -> OrganizationSnapshot:
    draft = PolicySnapshot(policy.name, policy.revision + 1, document)
    return replace(organization, policies={**organization.policies, policy.pk: draft})


@dataclass
class _Before:
    """What had been spent in windows that began before the simulation."""

    shard: int
    organization_id: str
    since_us: int
    known: dict[tuple[str, int], Mapping[str, int]] = field(default_factory=dict)

    def __call__(self, limit: Limit, window: Window) -> Mapping[str, int]:
        if window.start >= self.since_us:
            return {}
        name = (limit.counter, window.start)
        if name not in self.known:
            span = Window(window.start, self.since_us)
            self.known[name] = usage.spent(self.shard, self.organization_id, limit, span).used
        return self.known[name]


@dataclass(slots=True)
class _Key:
    """A key under the draft: its chains by model, and whose each limit is."""

    principal: Principal
    capped_body: int | None  # today
    owners: dict[tuple[str, str], str]
    terms: dict[str, Terms] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Call(Trial):
    one: Recorded
    key: _Key
    passage: Passage | None = None  # of a call that was refused then


class _Replay:
    def __init__(
        self, today: OrganizationSnapshot, drafted: OrganizationSnapshot, sandbox: Sandbox, answer: Simulation
    ) -> None:
        self._today = today
        self._drafted = drafted
        self._sandbox = sandbox
        self._answer = answer
        self._since_us = to_us(answer.since)
        self._find = lru_cache(KEYS)(self._load)
        self._later: list[tuple[int, int, Callable[[int], None]]] = []
        self._number = count()
        self._latest: dict[
            str, tuple[_Call, Amounts]
        ] = {}  # calls admitted at one moment, with what each used
        self._moment = 0

    def take(self, one: Recorded) -> None:
        self._answer.events += 1
        self._run_until(one.admitted_us)
        if one.admitted_us != self._moment:
            self._latest.clear()
            self._moment = one.admitted_us
        if one.kind == "call":
            self._call(one)
        elif one.kind == "refusal":
            if not one.shadow:
                self._refusal(one)
        else:
            self._correction(one)
        if self._sandbox.full:
            self._flush()

    def end(self) -> None:
        self._run_until(None)
        self._flush()

    def _at(self, moment: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self._later, (moment, next(self._number), action))

    def _run_until(self, moment: int | None) -> None:
        """What ends at a moment ends before what begins there."""
        while self._later and (moment is None or self._later[0][0] <= moment):
            at_us, _, action = heapq.heappop(self._later)
            action(at_us)
            if self._sandbox.full:
                self._flush()

    def _load(self, key_id: UUID) -> _Key | None:
        with access.scope(organization_id=UUID(self._today.id)):
            row = ApiKey.objects.select_related("project").filter(pk=key_id).first()
        if row is None or str(row.project_id) not in self._drafted.projects:
            return None
        record = record_of(row)
        principal = make_principal(record, self._drafted, self._since_us)
        now = make_principal(record, self._today, self._since_us).policy
        owners = {
            (limit.name, limit.counter): policy.name
            for policy, limits in attached(record, self._drafted, principal.project)
            for limit in limits
        }
        return _Key(principal, now.max_body_bytes if now else None, owners)

    def _terms(self, key: _Key, policy: EffectivePolicy, model: str, at_us: int) -> Terms:
        terms = key.terms.get(model)
        if terms is None or terms.chain.valid_until <= at_us:
            limits = [limit for limit in policy.limits if limit.applies_to(model)]
            terms = key.terms[model] = self._sandbox.terms(limits, self._drafted.calendar, at_us)
        return terms

    def _call(self, one: Recorded) -> None:
        key = self._find(one.key_id) if one.key_id else None
        if key is None:
            self._answer.doubt(["key_gone"])
            return
        self._answer.calls += 1
        policy, doubts = key.principal.policy, set[str]()
        code = _broken_rule(key, one, doubts)
        if code is not None or policy is None:
            self._answer.rules.setdefault((code or Code.NO_POLICY).value, Sum()).add(one)
            self._answer.refused.add(one)
            self._answer.doubt(doubts)
            return
        terms = self._terms(key, policy, one.model, one.admitted_us)
        doubts |= _doubts(one, terms)
        self._answer.doubt(doubts)
        call = _Call(
            id=one.id,
            terms=terms,
            end_user=one.end_user,
            amounts=one.reserved or one.used,
            at_us=one.admitted_us,
            one=one,
            key=key,
        )
        self._begin(call)
        if policy.max_output_tokens is not None and one.used.output_tokens > policy.max_output_tokens:
            self._answer.shortened.add(one)
        self._latest[one.id] = call, one.used
        ends = one.admitted_us if one.settled_us is None else max(one.settled_us, one.admitted_us)
        self._at(ends, lambda at_us: self._sandbox.settle(call, one.used, at_us))

    def _begin(self, call: _Call) -> None:
        never = never_fits(call.terms.chain, call.amounts, call.at_us)
        if never is not None:
            call.refuse(int(never.name), held=never.most(call.at_us))  # whatever is free is not enough
        else:
            self._sandbox.reserve(call)
        if call.decided:
            self._decided(call)

    def _correction(self, one: Recorded) -> None:
        """What became known of a call later: its differences, at that time."""
        found = self._latest.get(one.corrects)
        if found is None:
            return  # of a call that is not judged
        call, charged = found
        used = Amounts(
            charged.input_tokens + one.used.input_tokens,
            charged.output_tokens + one.used.output_tokens,
            charged.cost_nano + one.used.cost_nano,
        )
        self._latest[one.corrects] = call, used

        def correct(at_us: int) -> None:
            if not call.decided:
                self._flush()
            if call.refused is None and call.terms.limits:
                self._sandbox.correct(call, charged, used, at_us, one.id)

        self._at(max(one.settled_us or 0, one.admitted_us), correct)

    def _refusal(self, one: Recorded) -> None:
        """Calls of one minute that a limit refused. Tried where every limit counts calls only."""
        passage = self._answer.passages.setdefault(one.limit, Passage())
        passage.refused_then += one.count
        key = self._find(one.key_id) if one.key_id else None
        policy = key.principal.policy if key else None
        if key is None or policy is None or not one.model:
            self._untried(passage, "refused_amounts" if key else "key_gone", one.count)
            return
        hard = [limit for limit in policy.limits if limit.applies_to(one.model) and not limit.shadow]
        if any(limit.meter != "requests" or limit.user for limit in hard):
            self._untried(passage, "refused_amounts", one.count)
            return
        if not all(matches(one.model, allowed) for allowed in policy.models):
            passage.refused_again += one.count
            return
        tries = min(one.count, TRIES)
        self._untried(passage, "refused_too_often", one.count - tries)
        minute = one.admitted_us
        for number in range(tries):
            moment = minute + (2 * number + 1) * 30_000_000 // tries
            self._at(moment, partial(self._try, key, one, passage, number))

    def _untried(self, passage: Passage, reason: str, calls: int) -> None:
        if calls:
            passage.not_judged += calls
            self._answer.doubt([reason], calls)

    def _try(self, key: _Key, one: Recorded, passage: Passage, number: int, at_us: int) -> None:
        assert key.principal.policy is not None
        call = _Call(
            id=f"{one.id}.{number}",
            terms=self._terms(key, key.principal.policy, one.model, at_us),
            end_user=None,
            amounts=Amounts(),
            at_us=at_us,
            one=one,
            key=key,
            passage=passage,
        )
        self._begin(call)
        self._sandbox.settle(call, Amounts(), at_us)

    def _flush(self) -> None:
        for trial in self._sandbox.flush():
            assert isinstance(trial, _Call)
            self._decided(trial)

    def _decided(self, call: _Call) -> None:
        if call.passage is not None:
            if call.refused is None:
                call.passage.let_through.add(call.one)
            else:
                call.passage.refused_again += 1
            return
        for limit in call.reported:
            self._sum(call, limit).refused.add(call.one)
        if call.refused is not None:
            found = self._sum(call, call.refused.limit)
            found.refused.add(call.one)
            found.fitting += call.one.used.of(call.refused.limit.meter) <= call.refused.free
            self._answer.refused.add(call.one)

    def _sum(self, call: _Call, limit: Limit) -> LimitSum:
        plain = replace(limit, beside=0)
        policy = call.key.owners[(plain.name, plain.counter)]
        alike = replace(plain, object_id="", object_name="", user="each" if plain.user else "")
        return self._answer.limits.setdefault((policy, alike), LimitSum(policy, limit))


def _broken_rule(key: _Key, one: Recorded, doubts: set[str]) -> Code | None:
    """What of the chain, its limits aside, would refuse the call; `doubts` gets why that may not be known."""
    policy = key.principal.policy
    if policy is None:
        return Code.NO_POLICY
    if policy.networks and one.client_ip is None:
        doubts.add("address_unknown")
        allowed = all(matches(one.endpoint, some) for some in policy.endpoints)
        code = None if allowed else Code.ENDPOINT_NOT_ALLOWED
    else:
        code = _checked(key.principal, one)
    if code is not None:
        return code
    for model in {one.model, one.requested_model or one.model}:
        if not all(matches(model, some) for some in policy.models):
            return Code.MODEL_NOT_FOUND
    most = policy.max_body_bytes
    if most is not None and (key.capped_body is None or most < key.capped_body):
        doubts.add("body_size")
    return _too_long(policy, one, doubts)


def _checked(principal: Principal, one: Recorded) -> Code | None:
    try:
        check_policy(principal, one.endpoint, one.client_ip)
    except OrbitError as error:
        return error.code
    return None


def _too_long(policy: EffectivePolicy, one: Recorded, doubts: set[str]) -> Code | None:
    """The gateway counts what it cannot bound; the provider's own count stands for it."""
    most = policy.max_input_tokens
    if most is None or (one.reserved is not None and one.reserved.input_tokens <= most):
        return None
    if not one.input_known:
        doubts.add("input_unknown")
    return Code.CONTEXT_LENGTH_EXCEEDED if one.used.input_tokens > most else None


def _doubts(one: Recorded, terms: Terms) -> set[str]:
    """Why the limits cannot be sure of a call."""
    meters = {limit.meter for limit in terms.limits}
    found = set[str]()
    if "cost" in meters and not one.cost_known:
        found.add("cost_unknown")
    if one.reserved is None and any(limit.by_estimate for limit in terms.limits):
        found.add("reserved_unknown")
    if "concurrency" in meters and (one.settled_us is None or one.status == "lease_expired"):
        found.add("end_unknown")
    if one.requested_model not in (None, one.model) and terms.limits:
        found.add("moved")
    return found
