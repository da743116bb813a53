"""Requests for more: somebody asks, somebody else decides, and what was approved ends by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from orbit.lib import money
from orbit.lib.clock import parse, rfc3339
from orbit.lib.errors import InputError
from tenants.models import ModelAlias, Policy, PolicyRequest
from tenants.rights import Right
from tenants.schema import policy_document, values
from tenants.services.policies import document_in_force, find_policy, revise
from tenants.services.saved import Actor, Change, changing, valid

State = PolicyRequest.State


def request_more(
    *, organization_id: UUID, policy: str, limit: str, amount: str, until: datetime, reason: str, actor: Actor
) -> PolicyRequest:
    """Asks that a limit be raised to an amount until a moment. Invalid when the limit cannot be raised so."""
    return _ask(organization_id, policy, until, reason, actor, limit=limit, amount=amount)


def request_model(
    *, organization_id: UUID, policy: str, model: str, until: datetime, reason: str, actor: Actor
) -> PolicyRequest:
    """Asks that a model be allowed until a moment."""
    return _ask(organization_id, policy, until, reason, actor, model=model)


def _ask(
    organization_id: UUID, policy: str, until: datetime, reason: str, actor: Actor, **what: str
) -> PolicyRequest:
    valid("reason", values.notice, reason)
    with changing(organization_id, actor, Right.ORGANIZATION_READ) as change:
        row = find_policy(policy)
        assert row is not None
        asked = PolicyRequest(
            organization_id=organization_id,
            policy=row,
            until=until,
            reason=reason,
            requested_by=change.actor[:254],
            requester=change.member.person if change.member is not None else None,
            **what,
        )
        _with(asked, document_in_force(row))
        asked.save(force_insert=True)
        change.act("request.open", policy, None, _told(asked) | {"reason": reason})
        change.tell_request(asked)
    return asked


def approve_request(
    *, organization_id: UUID, request_id: UUID, actor: Actor, reason: str = "", amount: str = ""
) -> PolicyRequest:
    """Puts what was asked for in force, as a new revision. Invalid or InputError when that no longer can be.

    An `amount` less than what was asked for is granted instead. PermissionDenied for the person who asked, in whatever role; if nobody else may, the operator does it.
    """
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        asked = _open(request_id)
        if _asked_by(change, asked):
            raise PermissionDenied("whoever asked for more does not approve it")
        asked.granted = _less(asked, amount.strip())
        told = f"request of {asked.requested_by}: {asked.reason}"
        revise(change, asked.policy, _with(asked, document_in_force(asked.policy)), told)
        asked.revision = asked.policy.revision
        _decide(change, asked, State.APPROVED, reason, "request.approve")
    return asked


def refuse_request(*, organization_id: UUID, request_id: UUID, actor: Actor, reason: str) -> PolicyRequest:
    valid("reason", values.notice, reason)
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        asked = _open(request_id)
        _decide(change, asked, State.REFUSED, reason, "request.refuse")
    return asked


def end_requests(*, organization_id: UUID, now: datetime, actor: str = "expiry") -> int:
    """Takes back the models whose time is over, and notes the end of increases, which end without us."""
    with changing(organization_id, actor) as change:
        over = PolicyRequest.objects.filter(state=State.APPROVED, until__lte=now).select_related("policy")
        for asked in over:
            if asked.model:
                _take_back(change, asked, now)
            asked.state = State.ENDED
            asked.save(update_fields=["state"])
            change.act("request.end", asked.policy.name, None, _told(asked))
            change.tell_request(asked)
        return len(over)


def _take_back(change: Change, asked: PolicyRequest, now: datetime) -> None:
    policy = Policy.objects.get(pk=asked.policy_id)  # an earlier one of this turn may have revised it
    granted = PolicyRequest.objects.filter(policy=policy, model=asked.model, state=State.APPROVED)
    if granted.filter(until__gt=now).exists():
        return
    document = document_in_force(policy)
    allow = document["allow"]
    left = [one for one in allow["models"] if one != asked.model]
    wanted = policy_document({**document, "allow": {**allow, "models": left}})
    revise(change, policy, wanted, f"the request of {asked.requested_by} for {asked.model} has ended")


def _open(request_id: UUID) -> PolicyRequest:
    asked = PolicyRequest.objects.select_related("policy").filter(pk=request_id).first()
    if asked is None:
        raise InputError("request", f"there is no request {request_id}")
    if asked.state != State.OPEN:
        raise InputError("request", f"it is {asked.state} already")
    return asked


def _asked_by(change: Change, asked: PolicyRequest) -> bool:
    member = change.member
    if member is None:  # the installation itself, or a key of the organization
        return not change.by_operator and asked.requested_by == change.actor
    if asked.requester_id is None:  # asked in the person's name by the installation
        return asked.requested_by == member.person.email
    return asked.requester_id == member.person_id


def _decide(change: Change, asked: PolicyRequest, state: State, reason: str, action: str) -> None:
    asked.state, asked.decision = state, reason[:500]
    asked.decided_by, asked.decided_at = change.actor[:254], datetime.now(UTC)
    asked.save(update_fields=["state", "decision", "decided_by", "decided_at", "revision", "granted"])
    change.act(action, asked.policy.name, None, _told(asked) | {"reason": reason})
    change.tell_request(asked)


def _less(asked: PolicyRequest, amount: str) -> str:
    """What is granted where that is not all; the policy judges the amount itself, and that it is an increase."""
    if amount in ("", asked.amount):
        return ""
    if asked.model:
        raise InputError("amount", "a model is asked for, which has none", "leave it out")
    try:
        more = money.nano(amount) > money.nano(asked.amount)
    except ValueError as error:
        raise InputError("amount", str(error)) from None
    if more:
        raise InputError("amount", f"is more than was asked for, {asked.amount}", "change the policy itself")
    return amount


def _with(asked: PolicyRequest, document: dict[str, Any]) -> dict[str, Any]:
    """The policy's document with what is asked for."""
    if asked.until <= datetime.now(UTC):
        raise InputError("until", "must be in the future")
    return _with_model(asked, document) if asked.model else _with_increase(asked, document)


def _with_model(asked: PolicyRequest, document: dict[str, Any]) -> dict[str, Any]:
    known = ModelAlias.objects.values_list("alias", flat=True)
    if asked.model not in known:
        raise InputError("model", f"there is no model {asked.model!r}", values.nearest(asked.model, known))
    allow = document["allow"]
    if {"*", asked.model} & set(allow["models"]):
        raise InputError("model", f"{asked.model!r} is allowed already")
    return policy_document({**document, "allow": {**allow, "models": [*allow["models"], asked.model]}})


def _with_increase(asked: PolicyRequest, document: dict[str, Any]) -> dict[str, Any]:
    limits = [dict(limit) for limit in document["limits"]]
    found = next((limit for limit in limits if limit["name"] == asked.limit), None)
    if found is None:
        names = [limit["name"] for limit in limits]
        raise InputError("limit", f"there is no limit {asked.limit!r}", values.nearest(asked.limit, names))
    now = found.get("temporary")
    if now is not None and parse(now["until"]) > datetime.now(UTC):
        raise InputError(
            "limit",
            f"{asked.limit!r} is raised to {now['limit']} until {now['until']}",
            "wait, or change the policy",
        )
    wanted = asked.granted or asked.amount
    amount = int(wanted) if found["meter"] != "cost" and wanted.isdecimal() else wanted
    found["temporary"] = {"limit": amount, "until": rfc3339(asked.until)}
    return policy_document({**document, "limits": limits})


def _told(asked: PolicyRequest) -> dict[str, Any]:
    what = {"model": asked.model} if asked.model else {"limit": asked.limit, "amount": asked.amount}
    if asked.granted:
        what["granted"] = asked.granted
    return {"request": asked.pk, **what, "until": asked.until, "requested_by": asked.requested_by}
