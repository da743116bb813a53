"""Runs: asked for by a person or the night, done step by step, told as they go, repeated without counting twice."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billing.models import BillSource, Run
from billing.reconcile import performing, reports, standing
from billing.reconcile.claims import Lost
from billing.reconcile.connectors.base import DAY, Facts, Refused
from billing.reconcile.connectors.registry import CONNECTORS, CSV, FACTS, connector_of
from orbit.lib import access, line
from orbit.lib.errors import InputError
from tenants.models import Organization, ProviderAccount
from tenants.rights import Right
from tenants.secrets import CredentialUnavailable
from tenants.services.saved import Actor, changing

logger = logging.getLogger(__name__)

State = Run.State
TASK = "billing.tasks.perform_run"
LONGEST = timedelta(days=92)  # of one run
SILENT = timedelta(minutes=20)  # after which nobody is at it any more
MOST_TRIES = 3  # that ended without a word, before it is given up
NIGHT = "schedule"


def request_run(
    *,
    organization_id: UUID,
    actor: Actor,
    account: str,
    since: date | None = None,
    until: date | None = None,
    here: bool = False,
) -> Run:
    """Of [since, until), days of UTC; without them, the days that the provider may have changed of late.

    It is sent to a worker once the transaction is through, unless it is to be done `here`. InputError for an account that cannot be reconciled.
    """
    with changing(organization_id, actor, Right.RECONCILE_APPROVE) as change:
        row = _account(account)
        first, last = _span(row, since, until)
        standing.must_be_kept("since", first, last)
        free(row)
        run = Run.objects.create(
            organization_id=organization_id,
            account_id=row.pk,
            account=row.name,
            connector=connector_of(row.kind),
            since=first,
            until=last,
            asked_by=change.actor[:300],
            asker_id=change.person_id,
        )
        if actor != NIGHT:
            change.act("reconciliation.run", row.name, None, {"since": str(first), "until": str(last)})
        run.refresh_from_db()
        if not here:
            send_run_after_commit(run)
    return run


def _account(name: str) -> ProviderAccount:
    row = (
        ProviderAccount.objects.defer("credential_sealed", "usage_credential_sealed")
        .filter(name=name)
        .first()
    )
    if row is None:
        raise InputError("account", f"there is no provider account {name!r}")
    if connector_of(row.kind) == CSV:
        if reports.imported_days(row.pk) is None:
            raise InputError(
                "account", "has no reports that we could read by ourselves", "import a CSV file of them"
            )
    elif not row.has_usage_credential:
        raise InputError("account", "has no usage credential", "give it an admin key of the provider")
    return row


def _span(row: ProviderAccount, since: date | None, until: date | None) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    if connector_of(row.kind) == CSV and since is None and until is None:
        found = reports.imported_days(row.pk)
        assert found is not None
        return found[0], min(found[1], found[0] + LONGEST)
    last = until or today
    first = since or last - nightly_days(row)
    if last > today:
        raise InputError("until", "is not over yet", "days are compared once they are over, in UTC")
    if first >= last:
        raise InputError("since", "is not before until")
    if last - first > LONGEST:
        raise InputError("since", f"is more than {LONGEST.days} days before until", "ask for less at a time")
    return first, last


def nightly_days(row: ProviderAccount) -> timedelta:
    lag = facts_of(row).lag
    return timedelta(days=settings.ORBIT_RECONCILE_DAYS) + -(-lag // DAY) * DAY


def facts_of(row: ProviderAccount) -> Facts:
    """The provider's, with the account's own lag where it has one."""
    facts = FACTS[connector_of(row.kind)]
    source = BillSource.objects.filter(account=row).first()
    return (
        facts
        if source is None or source.lag_hours is None
        else replace(facts, lag=timedelta(hours=source.lag_hours))
    )


def free(row: ProviderAccount) -> None:
    """One that nobody works at any more gives way."""
    under_way = Run.objects.filter(account_id=row.pk, state__in=(State.WAITING, State.RUNNING))
    under_way.filter(told_at__lt=timezone.now() - SILENT).update(
        state=State.FAILED, problem="nobody worked at it any more", finished_at=timezone.now()
    )
    if under_way.exists():
        raise InputError("account", "is being reconciled already", "wait until that run is done")


def send_run_after_commit(run: Run) -> None:
    where = {"organization_id": run.organization_id, "run_id": run.pk}
    transaction.on_commit(lambda: send_run(**where), using="default")


def send_run(*, organization_id: UUID, run_id: UUID) -> None:
    """What does not arrive, the next sweep sends again."""
    try:
        line.join(TASK, str(organization_id), str(run_id))
    except (OperationalError, RedisError, OSError, line.Full) as error:
        logger.warning("run %s waits for the sweep: %s", run_id, type(error).__name__)


def perform(*, organization_id: UUID, run_id: UUID) -> Run | None:
    """Does it, unless somebody else does or did. What fails by the provider stands in the run; anything else is raised too."""
    run = _claim(organization_id, run_id)
    if run is None:
        return None
    try:
        performing.perform(run)
    except Lost:
        logger.info("run %s is somebody else's by now", run_id)
        return None
    except Refused as error:
        _failed(run, error.words)
    except CredentialUnavailable as error:
        _failed(run, f"the usage credential cannot be had: {error.reason}")
    except InputError as error:
        _failed(run, f"{error.path}: {error.message}")
    except Exception as error:
        _failed(run, f"an error of ours: {type(error).__name__}")
        raise
    return run


def _claim(organization_id: UUID, run_id: UUID) -> Run | None:
    with access.scope(organization_id=organization_id):
        waits = Q(state=State.WAITING) | Q(state=State.RUNNING, told_at__lt=timezone.now() - SILENT)
        run = Run.objects.select_for_update(skip_locked=True).filter(waits, pk=run_id).first()
        if run is None:
            return None
        run.told_at = timezone.now()
        if run.tries >= MOST_TRIES:
            run.state, run.finished_at = State.FAILED, run.told_at
            run.problem = f"given up: {MOST_TRIES} tries ended without a word, for want of time or memory"
        else:
            run.state, run.tries = State.RUNNING, run.tries + 1
        run.save(update_fields=["state", "told_at", "tries", "finished_at", "problem"])
        return run if run.state == State.RUNNING else None


def _failed(run: Run, problem: str) -> None:
    """Unless it is somebody else's by now."""
    with access.scope(organization_id=run.organization_id):
        mine = Run.objects.filter(pk=run.pk, state=State.RUNNING, tries=run.tries)
        run.problem, run.finished_at = problem[:300], timezone.now()
        if mine.update(state=State.FAILED, problem=run.problem, finished_at=run.finished_at):
            run.state = State.FAILED


def request_nightly() -> int:
    """A run for every account that can be reconciled by itself; returns how many were asked for."""
    asked = 0
    for organization_id, name in _accounts():
        try:
            request_run(organization_id=organization_id, actor=NIGHT, account=name)
            asked += 1
        except InputError as error:
            logger.info("%s is not reconciled tonight: %s", name, error.message)
        except Exception as error:  # whatever is wrong with one organization is none of the others'
            logger.error("%s of %s was not asked for: %s", name, organization_id, type(error).__name__)
    return asked


def _accounts() -> Iterable[tuple[UUID, str]]:
    with access.operator():
        standing = Organization.objects.filter(deleted_at=None, suspended_at=None)
        rows = ProviderAccount.objects.filter(organization__in=standing, kind__in=list(CONNECTORS))
        rows = rows.exclude(usage_credential_ref="", usage_credential_hint="").exclude(bills__enabled=False)
        return list(rows.order_by("organization_id", "name").values_list("organization_id", "name"))


def sweep_runs() -> int:
    """Sends what waits and did not arrive, and what nobody works at any more."""
    before: dict[str, Any] = {"told_at__lt": timezone.now() - timedelta(minutes=2)}
    with access.operator():
        waits = Q(state=State.WAITING, **before) | Q(state=State.RUNNING, told_at__lt=timezone.now() - SILENT)
        found = list(Run.objects.filter(waits).values_list("organization_id", "pk"))
    for organization_id, run_id in found:
        send_run(organization_id=organization_id, run_id=run_id)
    return len(found)
