"""Rollups without the events behind them, as the ledger's writer keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from orbit.lib import access
from quotas import rollups


def plant(organization_id: UUID, starts_at: datetime, project_id: UUID, key_id: UUID, **more: Any) -> None:
    """One row by quarter and what it adds to the coarser ones. `more`: account_id, model, figures."""
    identity = (
        organization_id, starts_at, project_id, key_id, more.get("account_id"), more.get("model", "fast"),
        more.get("currency", "USD"),
    )  # fmt: skip
    found = {identity: [more.get(name, 0) for name in rollups.SUMS]}
    by_day, whole = rollups.coarser(found)
    with access.ledger():
        rollups.QUARTERS.add(found)
        rollups.DAYS.add(by_day)
        rollups.TOTALS.add(whole)
