"""The demo organization's past: written once, by the ledger's own writer, after the gateway is up.

Nothing here makes traffic: what comes after the organization was made is what somebody really called.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Sum

from audit.ledger import write_past
from orbit.demo import colleagues, past, traffic
from orbit.demo.habits import DAYS, HABITS
from orbit.demo.organization import ACTOR, BUDGET, ORGANIZATION, RESEARCH, ROUTES, research
from orbit.demo.seed import EMAIL
from orbit.demo.traffic import Cast, Sent
from orbit.lib import access, money
from orbit.lib.clock import from_us
from quotas import prices, recovery
from quotas.models import UsageBucket
from quotas.receivers import price_targets
from tenants import services
from tenants.models import (
    ApiKey,
    Membership,
    ModelAlias,
    Organization,
    Person,
    Policy,
    PolicyRequest,
    Project,
    ProviderAccount,
)

logger = logging.getLogger("orbit.demo")

AT_ONCE = 2000  # events in one transaction
PATIENCE_S = 60.0
SPENT_SHARE = 0.93  # of the research project's budget, this month
LEAST_BUDGET = 1_000_000_000
STEP = 500_000_000  # budgets are round


def write() -> int:
    """How many events were written: none when that was done before, or there is no such organization."""
    with access.operator():
        organization = Organization.objects.filter(slug=ORGANIZATION, deleted_at=None).first()
        owner = Person.objects.filter(email=EMAIL).first()
    if organization is None or owner is None or _is_done(organization):
        return 0
    colleagues.join(organization, owner)
    cast = _cast(organization)
    sent = sorted([*traffic.drawn(cast), *past.acts(cast)], key=itemgetter("admitted_at"))
    written = sum(
        _written(organization.shard, sent[start : start + AT_ONCE]) for start in range(0, len(sent), AT_ONCE)
    )
    recovery.reopen(organization.shard, Path(settings.ORBIT_DATA_DIR) / "journals")
    colleagues.own_key(organization)
    colleagues.hold_key(organization)
    _date_back(organization, cast.until)
    colleagues.ask_for_more(organization, _fit_budget(organization))  # last: it says that all is done
    return written


def _is_done(organization: Organization) -> bool:
    """Also of a demo that was made before it had a past, and lacks the project."""
    with access.scope(organization_id=organization.pk):
        if not Project.objects.filter(slug=RESEARCH, archived_at=None).exists():
            return True
        return PolicyRequest.objects.filter(policy__name=RESEARCH).exists()


def _cast(organization: Organization) -> Cast:
    began = _made_at(organization)
    price_targets(organization.pk)
    with access.scope(organization_id=organization.pk):
        keys = list(ApiKey.objects.filter(revoked_at=None).select_related("project__policy", "policy"))
        accounts = dict(ProviderAccount.objects.values_list("name", "pk"))
        kinds = dict(ProviderAccount.objects.values_list("name", "prices_as"))
        targets = {model: prices.Target(kinds[account], model, account) for model, account in ROUTES.items()}
        rates = prices.in_force(set(targets.values()), began - timedelta(days=DAYS + 1))
        standing = list(Policy.objects.filter(pk__in=[organization.policy_id]).values_list("name", flat=True))
    named = {(key.project.slug, key.name): key for key in keys}
    return Cast(
        organization={
            "organization_id": str(organization.pk),
            "organization": organization.slug,
            "currency": organization.currency,
        },
        keys={
            path: {
                "project_id": str(key.project_id),
                "project": key.project.slug,
                "key_id": str(key.pk),
                "key": key.name,
                "hint": key.hint,
            }
            for path, key in named.items()
        },
        accounts={name: str(pk) for name, pk in accounts.items()},
        rates={model: rates[target] for model, target in targets.items()},
        policies={
            path: ",".join(
                f"{name}@1"
                for name in (
                    *standing,
                    *(one.name for one in (key.project.policy, key.policy) if one is not None),
                )
            )
            for path, key in named.items()
        },
        until=began,
        seed=organization.pk.int & 0xFFFFFFFF,
    )


def _made_at(organization: Organization) -> datetime:
    """From its id, which stays: the same past is drawn again should the first try have been cut short."""
    return from_us((organization.pk.int >> 80) * 1000)


def _written(shard: int, sent: Sequence[Sent]) -> int:
    gives_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < gives_up:
        written = write_past(shard, sent)
        if written is not None:
            return written
        time.sleep(0.1)  # the ledger's own writer is at it
    raise TimeoutError("the ledger's writer did not let go of the shard")


def _fit_budget(organization: Organization) -> int:
    """So that the research project has nearly spent what it may this month. The new budget in nano."""
    now = datetime.now(ZoneInfo(organization.time_zone))
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    with access.scope(organization_id=organization.pk):
        project = Project.objects.get(slug=RESEARCH, archived_at=None)
        used = UsageBucket.objects.filter(project_id=project.pk, starts_at__gte=month)
        spent = used.aggregate(spent=Sum("cost_nano"))["spent"] or 0
    fitting = max(int(spent / SPENT_SHARE), LEAST_BUDGET)
    budget = -(-fitting // STEP) * STEP
    services.save_policy(
        organization_id=organization.pk,
        name=RESEARCH,
        document=research(money.amount(budget)),
        actor=colleagues.ADMIN,
        reason=f"{BUDGET} agreed with finance",
    )
    return budget


def _date_back(organization: Organization, until: datetime) -> None:
    """What the past speaks of was there then."""
    day, began = timedelta(days=1), until - timedelta(days=DAYS + 1)
    first_days = {(habit.project, habit.key): habit.first_day for habit in HABITS}
    with access.scope(organization_id=organization.pk):
        Organization.objects.filter(pk=organization.pk).update(created_at=began)
        for model in (Policy, ProviderAccount, ModelAlias, Membership, Project):
            model.objects.filter(organization_id=organization.pk).update(created_at=began)
        for key in ApiKey.objects.select_related("project").filter(created_by=ACTOR):
            since = began + first_days.get((key.project.slug, key.name), 0) * day
            _move(key.pk, created_at=since)
            if key.project.slug == RESEARCH:
                Project.objects.filter(pk=key.project_id).update(created_at=began + 9 * day)
        held = ApiKey.objects.filter(suspended_for=colleagues.HELD_FOR)
        held.update(suspended_at=until - 6 * day)


def _move(key_id: UUID, **moments: datetime) -> None:
    ApiKey.objects.filter(pk=key_id).update(**moments)
