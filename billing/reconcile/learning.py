"""What the estimator learns: of calls whose tokens we had to estimate and the provider counted, how far we were off.

Each padding is made anew from all that is known of the last days and from the padding that held then. It moves once a night, by
a tenth at most, within bounds, and each step is a row of its own that says from what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from billing.models import BillException
from billing.reconcile.connectors.base import midnight
from billing.reconcile.sides import Cause
from orbit.lib import access
from quotas.calibration import paddings, set_padding
from quotas.families import family_of
from quotas.models import TokenPadding
from tenants.models import ProviderAccount

WITHIN = timedelta(days=14)
ENOUGH = 50  # calls
LEAST, MOST = 1.0, 2.5
STEP = 0.1  # of the padding in force, a night
WORTH = 0.01  # below which it is left
NO_LONGER_FOUND = Q(state=BillException.State.CLOSED, settled_by="")


@dataclass
class Seen:
    """Our own count without any padding, and the provider's, of the input of so many calls."""

    calls: int = 0
    plain: float = 0.0
    counted: int = 0


def learn(now: datetime | None = None) -> int:
    """Sets the paddings that follow from the exceptions of all organizations; returns how many became others."""
    now = now or datetime.now(UTC)
    changed = 0
    for (provider, model), seen in _seen(now).items():
        if seen.calls >= ENOUGH and seen.plain > 0:
            changed += _set(provider, model, seen, now.date())
    return changed


def _seen(now: datetime) -> dict[tuple[str, str], Seen]:
    found: dict[tuple[str, str], Seen] = defaultdict(Seen)
    with access.operator():
        rows = BillException.objects.filter(cause=Cause.ESTIMATE, day__gte=now.date() - WITHIN)
        rows = rows.exclude(state=BillException.State.REJECTED).exclude(NO_LONGER_FOUND)
        some = list(rows.values_list("organization_id", "account_id", "day", "model", "facts"))
        providers = dict(_providers({account_id for _, account_id, *_ in some}))
        set_ones = list(TokenPadding.objects.order_by("valid_from", "pk"))
    for _, account_id, day, model, facts in some:
        provider = providers.get(account_id)
        if provider is None or not facts:
            continue
        one = found[provider, model]
        one.calls += facts["calls"]
        one.plain += facts["estimated_input"] / _padding_then(set_ones, provider, model, day)
        one.counted += facts["counted_input"]
    return found


def _providers(account_ids: Iterable[UUID]) -> list[tuple[UUID, str]]:
    """Only where the provider was asked itself: nobody's file teaches all."""
    rows = ProviderAccount.objects.filter(pk__in=account_ids, kind__in=("openai", "anthropic", "openrouter"))
    return list(rows.values_list("pk", "prices_as"))


def _padding_then(rows: Iterable[TokenPadding], provider: str, model: str, day: date) -> float:
    fitting = [
        row
        for row in rows
        if row.provider == provider and model.startswith(row.model_prefix) and row.valid_from < midnight(day)
    ]
    if not fitting:
        return family_of(model).padding.latin
    longest = max(len(row.model_prefix) for row in fitting)
    return float([row for row in fitting if len(row.model_prefix) == longest][-1].factor)


def _set(provider: str, model: str, seen: Seen, today: date) -> int:
    tonight = f"reconciliation to {today}:"
    if _is_done(provider, model, tonight):
        return 0
    in_force = paddings_of(provider, model)
    wanted = min(max(seen.counted / seen.plain, LEAST), MOST)
    step = min(max(wanted, in_force * (1 - STEP)), in_force * (1 + STEP))
    if abs(step / in_force - 1) < WORTH:
        return 0
    source = f"{tonight} {seen.calls} calls, {seen.counted / seen.plain:.3f}"
    factor = Decimal(step).quantize(Decimal("0.001"))
    return int(set_padding(provider, model, factor, source[:120], actor="reconciliation").changed)


def _is_done(provider: str, model: str, source: str) -> bool:
    with access.operator():
        rows = TokenPadding.objects.filter(provider=provider, model_prefix=model, source__startswith=source)
        return rows.exists()


def paddings_of(provider: str, model: str) -> float:
    """What holds now: what was set, else the family's own."""
    with access.operator():
        found = paddings([(provider, model)])
    return found.get((provider, model), family_of(model).padding.latin)
