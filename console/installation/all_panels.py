"""The panels that the console brings along, and rooms for what comes with later parts of the product."""

from __future__ import annotations

from console.installation import health
from console.installation.panels import Panel, registry, room


def register() -> None:
    for panel in (
        Panel("database", "Postgres", "audit.view_shardposition", health.database),
        Panel("store", "Counting store", "audit.view_shardposition", health.counting_store),
        Panel("workers", "Workers", "audit.view_shardposition", health.workers),
        Panel("queues", "Queues and backlogs", "audit.view_shardposition", health.queues),
        Panel("providers", "Providers", "tenants.view_provideraccount", health.providers),
        Panel("journals", "Journals", "audit.view_shardposition", health.journals),
        Panel("sinks", "Audit sinks", "audit.view_event", room("None is configured. Events stay in the ledger.")),
        Panel(
            "reconciliation",
            "Reconciliation",
            "quotas.view_usagebucket",
            room("None is configured. Figures are the gateway’s own, compared with nobody’s bill."),
        ),
    ):  # fmt: skip
        registry.register(panel)
