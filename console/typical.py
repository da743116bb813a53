"""The model by which money is made graspable: the organization's first that has a price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from console.policies.words import Typical
from quotas import prices
from tenants.models import ModelAlias, ModelTarget

SHOWN = 200


def first_priced(aliases: Sequence[str] | None = None) -> Typical | None:
    """Of the organization in scope."""
    if aliases is None:
        rows = ModelAlias.objects.order_by("created_at", "alias")
        aliases = list(rows.values_list("alias", flat=True)[:SHOWN])
    targets = ModelTarget.objects.select_related("account", "alias").order_by("alias__created_at")
    wanted = {
        target.alias.alias: prices.Target(target.account.prices_as, target.model, target.account.name)
        for target in targets
    }
    known = prices.in_force(set(wanted.values()), datetime.now(UTC))
    model = next((alias for alias in aliases if wanted.get(alias) in known), None)
    return Typical(model, known[wanted[model]]) if model else None
