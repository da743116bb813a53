"""Grafana's dashboards as data. `python -m orbit.metrics.boards` writes them to deploy/grafana/dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards"
SOURCE = {"type": "prometheus", "uid": "orbit-prometheus"}
WIDTH = 24  # of Grafana's grid
CHOSEN = "$organization"
OWN = f'{{organization="{CHOSEN}"}}'


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`unit` is one of Grafana's; a `stat` shows the last value alone."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    stat: bool = False
    width: int = 8
    note: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    title: str
    panels: tuple[Panel, ...]
    by_organization: bool = False


def stat(title: str, expression: str, unit: str = "short", note: str = "") -> Panel:
    return Panel(title, (Query(expression),), unit, stat=True, width=4, note=note)


def chart(
    title: str, *queries: tuple[str, str], unit: str = "short", width: int = 8, note: str = ""
) -> Panel:
    return Panel(title, tuple(Query(*one) for one in queries), unit, width=width, note=note)


FLEET = Board(
    "fleet",
    "Orbit: fleet",
    (
        stat("Calls a second", "sum(organization:orbit_calls:rate5m)", "reqps"),
        stat("Calls in flight", "sum(orbit_calls_in_flight)"),
        stat("Store", "min(orbit_store_up)"),
        stat("Postgres", "min(orbit_database_up)"),
        stat("Web workers", 'sum(orbit_processes{kind="web"})'),
        stat("Last beat, of the worse queue", "max(min by (queue) (orbit_beat_age_seconds))", "s"),
        chart(
            "Calls by how they ended",
            ("sum by (status) (rate(orbit_calls_total[5m]))", "{{status}}"),
            unit="reqps",
        ),
        chart(
            "Refusals by code", ("sum by (code) (rate(orbit_refusals_total[5m]))", "{{code}}"), unit="reqps"
        ),
        chart(
            "Errors by code", ("sum by (code) (rate(orbit_call_errors_total[5m]))", "{{code}}"), unit="reqps"
        ),
        chart(
            "How long calls take",
            *(
                (
                    f"histogram_quantile({part}, sum by (le) (rate(orbit_call_duration_seconds_bucket[5m])))",
                    f"p{round(part * 100)}",
                )
                for part in (0.5, 0.95, 0.99)
            ),
            unit="s",
        ),
        chart(
            "Time to first token",
            *(
                (
                    f"histogram_quantile({part}, sum by (le) (rate(orbit_first_token_seconds_bucket[5m])))",
                    f"p{round(part * 100)}",
                )
                for part in (0.5, 0.95)
            ),
            unit="s",
        ),
        chart(
            "Busiest organizations",
            ("topk(10, organization:orbit_calls:rate5m)", "{{organization}}"),
            unit="reqps",
        ),
        chart("Event loop delay", ("max by (instance) (orbit_loop_delay_seconds)", "{{instance}}"), unit="s"),
        chart("Store memory", ("max(orbit_store_memory_ratio)", "used"), unit="percentunit"),
        chart(
            "Postgres connections",
            ("max(orbit_database_connections)", "used"),
            ("max(orbit_database_connections_max)", "allowed"),
        ),
        chart(
            "Tasks",
            ("sum by (task, outcome) (rate(orbit_tasks_total[5m]))", "{{task}} {{outcome}}"),
            width=12,
        ),
        chart(
            "How long tasks take",
            (
                "histogram_quantile(0.95, sum by (task, le) (rate(orbit_task_seconds_bucket[5m])))",
                "{{task}} p95",
            ),
            unit="s",
            width=12,
        ),
    ),
)
TENANT = Board(
    "tenant",
    "Orbit: one organization",
    (
        stat("Calls a second", f"sum(organization:orbit_calls:rate5m{OWN})", "reqps"),
        stat("Refused a second", f"sum(organization:orbit_refusals:rate5m{OWN})", "reqps"),
        stat("Tokens a second", f"sum(organization:orbit_tokens:rate5m{OWN})"),
        stat("Cost an hour", f"sum(organization:orbit_cost:rate1h{OWN}) * 3600", "none", "in its currency"),
        stat("p95 of calls", f"organization:orbit_call_duration_seconds:p95_5m{OWN}", "s"),
        stat("Fullest limit", f"max(limit:orbit_used:ratio{OWN})", "percentunit"),
        chart(
            "Calls by how they ended",
            (f"sum by (status) (rate(orbit_calls_total{OWN}[5m]))", "{{status}}"),
            unit="reqps",
        ),
        chart(
            "Refusals by limit",
            (f"sum by (code, limit) (rate(orbit_refusals_total{OWN}[5m]))", "{{code}} {{limit}}"),
            unit="reqps",
        ),
        chart(
            "Errors by code",
            (f"sum by (code) (rate(orbit_call_errors_total{OWN}[5m]))", "{{code}}"),
            unit="reqps",
        ),
        chart("Limits: used", (f"limit:orbit_used:ratio{OWN}", "{{limit}}"), unit="percentunit"),
        chart("Limits: free", (f"orbit_limit_free{OWN}", "{{limit}} ({{meter}})")),
        chart("Limits: held by running calls", (f"orbit_limit_held{OWN}", "{{limit}} ({{meter}})")),
        chart(
            "Tokens by model",
            (f"sum by (model, direction) (rate(orbit_tokens_total{OWN}[5m]))", "{{model}} {{direction}}"),
        ),
        chart(
            "Cost an hour by model", (f"sum by (model) (rate(orbit_cost_total{OWN}[1h])) * 3600", "{{model}}")
        ),
        chart(
            "Time to first token", (f"organization:orbit_first_token_seconds:p95_5m{OWN}", "p95"), unit="s"
        ),
        chart(
            "Tries at accounts",
            (
                f"sum by (account, outcome) (rate(orbit_provider_attempts_total{OWN}[5m]))",
                "{{account}} {{outcome}}",
            ),
            unit="reqps",
            width=16,
        ),
        chart(
            "Calls that were not inspected",
            (
                f"sum by (direction, what, reason) (rate(orbit_uninspected_total{OWN}[5m]))",
                "{{direction}} {{what}} {{reason}}",
            ),
            unit="reqps",
        ),
    ),
    by_organization=True,
)
PROVIDERS = Board(
    "providers",
    "Orbit: providers",
    (
        chart("Tries", ("sum by (provider) (provider:orbit_attempts:rate5m)", "{{provider}}"), unit="reqps"),
        chart(
            "Share that failed",
            ("provider:orbit_attempt_failures:ratio5m", "{{provider}}"),
            unit="percentunit",
        ),
        chart(
            "Failures by what went wrong",
            (
                'sum by (provider, outcome) (provider:orbit_attempts:rate5m{outcome!="ok"})',
                "{{provider}} {{outcome}}",
            ),
            unit="reqps",
        ),
        chart(
            "How long tries take",
            *(
                (
                    f"histogram_quantile({part}, sum by (provider, le) (rate(orbit_provider_attempt_seconds_bucket[5m])))",
                    "{{provider}} " + f"p{round(part * 100)}",
                )
                for part in (0.5, 0.95)
            ),
            unit="s",
            width=12,
        ),
        chart(
            "Accounts that fail most",
            (
                'topk(10, sum by (organization, account) (rate(orbit_provider_attempts_total{outcome!~"ok|refused"}[5m])))',
                "{{organization}}/{{account}}",
            ),
            unit="reqps",
            width=12,
        ),
    ),
)
MONEY = Board(
    "money",
    "Orbit: money",
    (
        chart(
            "Cost an hour by currency",
            ("sum by (currency) (organization:orbit_cost:rate1h) * 3600", "{{currency}}"),
            width=12,
        ),
        chart(
            "Dearest organizations, an hour",
            ("topk(10, organization:orbit_cost:rate1h * 3600)", "{{organization}} {{currency}}"),
            width=12,
        ),
        chart(
            "Budgets that are fullest",
            ('topk(10, limit:orbit_used:ratio{meter="cost"})', "{{organization}} {{limit}}"),
            unit="percentunit",
        ),
        chart("Tokens", ("sum by (direction) (organization:orbit_tokens:rate5m)", "{{direction}}")),
        chart(
            "Compared with a final bill, of 30 days' spend",
            (
                "sum by (organization) (orbit_reconciliation_compared) / sum by (organization) (orbit_reconciliation_spent > 0)",
                "{{organization}}",
            ),
            unit="percentunit",
        ),
        chart(
            "Not explained", ("orbit_reconciliation_unexplained", "{{organization}} {{currency}}"), width=24
        ),
    ),
)
AUDIT = Board(
    "audit",
    "Orbit: audit pipeline",
    (
        stat("Ledger behind", "max(orbit_ledger_behind_seconds)", "s"),
        stat("Events that wait", "sum(orbit_ledger_waiting_entries)"),
        stat("Acts that wait", "sum(orbit_outbox_acts)"),
        stat("Dead letters", "sum(orbit_dead_letters)"),
        stat("Sums to make again", "sum(orbit_dirty_buckets)"),
        stat("Shards away or cold", "max(orbit_shards_away + orbit_shards_cold)"),
        chart(
            "Behind",
            ("max(orbit_ledger_behind_seconds)", "ledger"),
            ("max(orbit_outbox_oldest_seconds)", "outbox"),
            unit="s",
        ),
        chart("Entries in the streams", ("max(orbit_stream_entries)", "kept")),
        chart(
            "Reservations",
            ("max(orbit_leases_open)", "open"),
            ("sum(orbit_settlements_waiting)", "settlements that wait"),
        ),
        chart("Lapsed and not settled", ("max(orbit_lease_overdue_seconds)", "overdue"), unit="s"),
        chart("Sinks behind", ("max by (sink) (orbit_sink_lag_seconds)", "{{sink}}"), unit="s"),
        chart("Events that sinks have yet to see", ("max by (sink) (orbit_sink_lag_events)", "{{sink}}")),
        chart("Sinks by state", ("max by (sink, state) (orbit_sink_state)", "{{sink}} {{state}}")),
        chart("Events that sinks refused", ("max by (sink) (orbit_sink_dead_letters)", "{{sink}}")),
        chart("Journals without a worker", ("sum(orbit_journals_left)", "left")),
    ),
)
BOARDS = (FLEET, TENANT, PROVIDERS, MONEY, AUDIT)


def written(board: Board) -> str:
    """As Grafana provisions it."""
    told = _model(f"orbit-{board.name}", board.title, board.panels, SOURCE)
    if board.by_organization:
        told["templating"] = {"list": [_chooser()]}
    return json.dumps(told, indent=2) + "\n"


def of_organization(uid: str, title: str, slug: str, source: str) -> dict[str, Any]:
    """The board of an organization, for its own people: it names the organization itself, and has no variable.

    `source` is the uid of the data source that it asks.
    """
    if not slug.replace("-", "").isalnum():
        raise ValueError(
            "a slug has letters, digits and hyphens alone"
        )  # else it could end the label and go on
    panels = tuple(
        replace(
            panel,
            queries=tuple(Query(one.expression.replace(CHOSEN, slug), one.legend) for one in panel.queries),
        )
        for panel in TENANT.panels
    )
    return _model(uid, title, panels, {"type": "prometheus", "uid": source})


def _model(uid: str, title: str, panels: tuple[Panel, ...], source: dict[str, str]) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "tags": ["orbit"],
        "timezone": "browser",
        "editable": False,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "panels": list(_placed(panels, source)),
    }


def _chooser() -> dict[str, Any]:
    query = "label_values(orbit_calls_total, organization)"
    return {
        "name": "organization",
        "label": "Organization",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "organizations"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
    }


def _placed(panels: tuple[Panel, ...], source: dict[str, str]) -> Iterator[dict[str, Any]]:
    """From left to right, in rows as high as their first panel."""
    x = y = height = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH or not x:
            x, y, height = 0, y + height, 4 if panel.stat else 8
        yield _panel(number, panel, source, {"x": x, "y": y, "w": panel.width, "h": height})
        x += panel.width


def _panel(number: int, panel: Panel, source: dict[str, str], place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.note,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": None if panel.unit == "none" else 0},
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}
        if panel.stat
        else {"legend": {"showLegend": True}},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": source,
                "expr": one.expression,
                "legendFormat": one.legend or "__auto",
                "instant": panel.stat,
                "range": not panel.stat,
            }
            for at, one in enumerate(panel.queries)
        ],
    }


def main() -> None:
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(written(board))


if __name__ == "__main__":
    main()
