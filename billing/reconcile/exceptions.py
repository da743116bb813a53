"""Exceptions: what of a run somebody has to settle. A run that is repeated finds its own again; what is gone is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.utils import timezone

from audit.models import Event
from billing.models import BillException, Run
from billing.reconcile import alarms, ledger_side, posting
from billing.reconcile.connectors.base import DAY, midnight
from billing.reconcile.proposals import Adjustment, Share
from billing.reconcile.sides import DayOutcome
from billing.reconcile.wanted import Key, Wanted, wanted_of
from tenants.models import Organization

State = BillException.State
PROPOSER = "reconciliation"


def note(
    run: Run,
    organization: Organization,
    tolerances: Mapping[str, Any],
    found: Sequence[DayOutcome],
    since: date,
    read_to: int,
) -> dict[str, int]:
    """Opens, brings up to date and closes exceptions of the days of the run; within its scope and transaction.

    `read_to` is the last entry of the ledger before it was read. Returns how many there are of each.
    """
    made = wanted_of(run.connector, tolerances, found, lambda outcome: _shares(run, outcome))
    wanted = {one.key: one for one in made}
    moving = {(one.day, one.model) for one in found if not one.final}
    there = BillException.objects.filter(account_id=run.account_id, day__gte=since, day__lt=run.until)
    settled = _settled(there.filter(state__in=(State.REJECTED, State.CLOSED)))
    unread = _unread(list(there.filter(state=State.APPROVED)), read_to)
    counted = {"opened": 0, "closed": 0, "open": 0}
    for row in there.filter(state__in=(State.OPEN, State.PROPOSED)).select_for_update():
        one = wanted.pop((row.day, row.model, row.cause), None)
        if (row.day, row.model) in unread or (one is None and (row.day, row.model) in moving):
            counted["open"] += 1
        elif one is None:
            _close(row)
            counted["closed"] += 1
        else:
            _refresh(run, row, one, read_to)
            alarms.look(organization, row)
            counted["open"] += 1
    for one in wanted.values():
        if one.key[:2] not in unread and not any(_answered(row, one) for row in settled.get(one.key, ())):
            alarms.look(organization, _open(run, organization, one, read_to))
            counted["opened"] += 1
            counted["open"] += 1
    return counted


def _shares(run: Run, outcome: DayOutcome) -> list[Share]:
    start = midnight(outcome.day)
    names = ledger_side.by_day(run.account_id, start, start + DAY)
    here = names.get((outcome.day, outcome.model))
    rows = ledger_side.costs_by_key(run.account_id, start, start + DAY, sorted(here.names)) if here else []
    return [Share(*row) for row in rows]


def _settled(rows: Iterable[BillException]) -> dict[Key, list[BillException]]:
    found: dict[Key, list[BillException]] = defaultdict(list)
    for row in rows:
        found[row.day, row.model, row.cause].append(row)
    return found


def _answered(row: BillException, one: Wanted) -> bool:
    """Whether somebody refused just this already, or looked into it."""
    same = row.money_nano == one.money_nano and row.tokens == one.counts.as_json()
    return same and bool(row.settled_by)


def _unread(approved: Sequence[BillException], read_to: int) -> set[tuple[date, str]]:
    """Days and models with adjustments that were approved, but not in the ledger yet when it was read.

    What differs there may be these alone: the next run sees.
    """
    ids = {row.pk: posting.event_ids(row) for row in approved}
    times = [Adjustment.read(one).at for row in approved for one in row.adjustments]
    if not times:
        return set()
    found = Event.objects.filter(
        event_id__in=[one for some in ids.values() for one in some],
        admitted_at__gte=min(times) - DAY,
        admitted_at__lte=max(times) + DAY,
        seq__lte=read_to,
    )
    read = set(found.values_list("event_id", flat=True))
    return {(row.day, row.model) for row in approved if not read.issuperset(ids[row.pk])}


def _open(run: Run, organization: Organization, one: Wanted, read_to: int) -> BillException:
    day, model, cause = one.key
    return BillException.objects.create(
        organization_id=run.organization_id,
        run_id=run.pk,
        account_id=run.account_id,
        account=run.account,
        day=day,
        model=model,
        cause=cause,
        currency=organization.currency,
        state=State.PROPOSED if one.adjustments else State.OPEN,
        proposed_by=_proposer(run) if one.adjustments else "",
        checked_seq=read_to,
        **one.fields(),
    )


def _proposer(run: Run) -> str:
    """Figures that somebody imported are that person's proposal."""
    return run.asked_by if run.connector == "csv" else PROPOSER


def _refresh(run: Run, row: BillException, one: Wanted, read_to: int) -> None:
    """It was checked, even where nothing of it is otherwise; only what people look at says that it changed."""
    row.run_id, row.checked_seq = run.pk, read_to
    fresh = one.fields()
    if all(getattr(row, name) == value for name, value in fresh.items()):
        row.save(update_fields=["run_id", "checked_seq"])
        return
    for name, value in fresh.items():
        setattr(row, name, value)
    row.changed_at = timezone.now()
    row.state = State.PROPOSED if one.adjustments else State.OPEN
    row.proposed_by = _proposer(run) if one.adjustments else ""
    row.save(update_fields=[*fresh, "run_id", "checked_seq", "changed_at", "state", "proposed_by"])


def _close(row: BillException) -> None:
    row.state, row.reason, row.settled_at = State.CLOSED, "a later run no longer finds it", timezone.now()
    row.changed_at = row.settled_at
    row.save(update_fields=["state", "reason", "settled_at", "changed_at"])
