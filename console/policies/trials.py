"""Drafts that are tried on past calls in the background. Each is kept for two days, so that one can leave and come back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orbit.lib import line
from orbit.lib.errors import InputError
from proxy.simulation import simulate
from tenants.schema import Invalid

logger = logging.getLogger(__name__)

KEPT_S = 2 * 86_400
MOST_DAYS = 31
MOST_EVENTS = 2_000_000
MOST_S = 240.0  # of the task's time limit
SILENT = timedelta(seconds=90)  # after which nobody is at it any more
WAITED = timedelta(minutes=10)
_TURN = "policy-trial-turn"  # one at a time in the installation: each costs a worker's whole CPU
_OVER = ("done", "failed", "stopped")


class Stopped(Exception):
    """Whoever began it wants it no more."""


@dataclass(frozen=True, slots=True)
class Trial:
    id: str
    organization_id: str
    policy: str
    revision: int  # on which the draft builds
    text: str  # the draft as its author wrote it
    document: Mapping[str, Any]
    days: int
    by: str
    begun_at: str
    state: str = "waiting"  # running, done, failed, stopped
    share: float = 0.0
    told_at: str = ""
    answer: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in _OVER or self.is_lost

    @property
    def is_lost(self) -> bool:
        """Its worker died, or nobody works at all."""
        silent = datetime.now(UTC) - datetime.fromisoformat(self.told_at or self.begun_at)
        return self.state not in _OVER and silent > (SILENT if self.state == "running" else WAITED)

    @property
    def percent(self) -> int:
        return round(100 * self.share)

    @property
    def begun(self) -> datetime:
        return datetime.fromisoformat(self.begun_at)


def begin(
    *,
    organization_id: UUID,
    policy: str,
    revision: int,
    text: str,
    document: Mapping[str, Any],
    days: int,
    by: str,
) -> Trial:
    """Sends it to a worker once the transaction is through. InputError for days that are too few or too many."""
    if not 1 <= days <= MOST_DAYS:
        raise InputError("days", f"must be 1 to {MOST_DAYS}", "longer ones: manage.py policy simulate")
    now = datetime.now(UTC).isoformat()
    trial = Trial(str(uuid4()), str(organization_id), policy, revision, text, dict(document), days, by, now)
    _keep(trial)
    cache.set(_latest(organization_id, policy), trial.id, KEPT_S)
    transaction.on_commit(lambda: _send(trial), using="default")
    return trial


def _send(trial: Trial) -> None:
    try:
        line.join("console.tasks.try_draft", trial.organization_id, trial.id)
    except line.Full:
        _keep(
            replace(
                trial, state="failed", problem="Too much of this organization waits already. Try again later."
            )
        )
    except (OperationalError, RedisError) as error:
        logger.warning("a trial could not be sent: %s", type(error).__name__)
        _keep(replace(trial, state="failed", problem="The queue does not answer, so nobody took it up."))


def find(organization_id: UUID, trial_id: UUID | str) -> Trial | None:
    kept = cache.get(_key(organization_id, trial_id))
    return Trial(**kept) if kept else None


def latest(organization_id: UUID, policy: str) -> Trial | None:
    trial_id = cache.get(_latest(organization_id, policy))
    return find(organization_id, trial_id) if trial_id else None


def stop(trial: Trial) -> Trial:
    """Whoever works at it finds out within moments."""
    if trial.is_over:
        return trial
    stopped = replace(trial, state="stopped")
    _keep(stopped)
    return stopped


def run(organization_id: UUID, trial_id: str) -> bool:
    """What a worker does. False when another trial has the turn, so that it is for later."""
    trial = find(organization_id, trial_id)
    if trial is None or trial.state in _OVER:
        return True
    if not cache.add(_TURN, trial.id, int(MOST_S) + 60):
        return False
    try:
        _keep(_run(trial))
    except Stopped:
        pass
    finally:
        cache.delete(_TURN)
    return True


def _run(trial: Trial) -> Trial:
    def told(share: float) -> None:
        now = find(UUID(trial.organization_id), trial.id)
        if now is None or now.state in _OVER:
            raise Stopped
        _keep(replace(trial, state="running", share=share, told_at=datetime.now(UTC).isoformat()))

    told(0.0)
    try:
        found = simulate(
            organization_id=UUID(trial.organization_id),
            policy=trial.policy,
            draft=trial.document,
            days=trial.days,
            most_events=MOST_EVENTS,
            most_s=MOST_S,
            told=told,
        )
    except (InputError, Invalid) as error:
        return replace(trial, state="failed", problem=_said(error))
    except RedisError as error:
        logger.warning("a trial ended: %s", type(error).__name__)
        return replace(trial, state="failed", problem="The counting store does not answer. Try again later.")
    told(1.0)
    return replace(trial, state="done", share=1.0, answer=found.as_json())


def _said(error: InputError | Invalid) -> str:
    if isinstance(error, Invalid):
        return "; ".join(f"{one.path}: {one.message}" for one in error.problems)
    hint = f": {error.suggestion}" if error.suggestion else ""
    return f"{error.path.capitalize()} {error.message}{hint}."


def _keep(trial: Trial) -> None:
    cache.set(_key(trial.organization_id, trial.id), asdict(trial), KEPT_S)


def _key(organization_id: UUID | str, trial_id: UUID | str) -> str:
    return f"policy-trial:{organization_id}:{trial_id}"


def _latest(organization_id: UUID | str, policy: str) -> str:
    return f"policy-trial-of:{organization_id}:{policy}"
