"""Recording and alert rules: valid, each alert fires for what it is about and for nothing else, a healthy gateway raises none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from orbit.metrics.scrape import families
from tenants.kinds import BY_NAME
from tests.metrics.prometheus import RULES, load, needs_prometheus, promtool

pytestmark = needs_prometheus

JOB = 'job="orbit",instance="gateway:8080"'
HEALTHY = {
    "up": "1x200",
    "orbit_store_up": "1x200",
    "orbit_database_up": "1x200",
    "orbit_ledger_behind_seconds": "2x200",
    'orbit_beat_age_seconds{queue="celery"}': "3x200",
    'orbit_beat_age_seconds{queue="jobs"}': "3x200",
    'orbit_tasks_waiting{queue="celery"}': "1x200",
    'orbit_tasks_waiting{queue="jobs"}': "20x200",
    "orbit_lease_overdue_seconds": "0x200",
    "orbit_store_memory_ratio": "0.4x200",
    "orbit_dead_letters": "0x200",
    "orbit_database_connections": "40x200",
    "orbit_database_connections_max": "100x200",
    "orbit_loop_delay_seconds": "0.01x200",
    'orbit_process_silence_seconds{kind="web"}': "4x200",
    "orbit_organizations_named": "4x200",
    "orbit_organizations_named_max": "100x200",
    'orbit_provider_attempts_total{provider="openai",organization="acme",account="main",outcome="ok"}': "0+60x200",
    'orbit_provider_attempts_total{provider="openai",organization="acme",account="main",outcome="server"}': "0+1x200",
    'orbit_provider_attempts_total{provider="openai",organization="acme",account="main",outcome="credential"}': "0x200",
    'orbit_provider_attempts_total{provider="vllm",organization="acme",account="own",outcome="ok"}': "0+60x200",
    'orbit_provider_attempts_total{provider="vllm",organization="acme",account="own",outcome="server"}': "0+1x200",
    'orbit_call_errors_total{organization="acme",code="internal_error"}': "0x200",
    'orbit_refusals_total{organization="(nobody)",code="internal_error"}': "0x200",
    'orbit_uninspected_total{organization="acme",direction="request",what="names",reason="full"}': "0x200",
    'orbit_limit_allowed{organization="acme",limit="budget",meter="cost",per="month"}': "100x200",
    'orbit_limit_spent{organization="acme",limit="budget",meter="cost",per="month"}': "60x200",
    'orbit_limit_held{organization="acme",limit="budget",meter="cost",per="month"}': "1x200",
    'orbit_sink_lag_seconds{sink="siem"}': "4x200",
    'orbit_sink_dead_letters{sink="siem"}': "0x200",
    'orbit_reconciliation_compared{organization="acme",currency="USD"}': "1000x200",
    'orbit_reconciliation_unexplained{organization="acme",currency="USD"}': "-1x200",
}
AILING: dict[str, dict[str, str]] = {
    "OrbitDown": {"up": "0x200"},
    "OrbitStoreDown": {"orbit_store_up": "0x200"},
    "OrbitDatabaseDown": {"orbit_database_up": "0x200"},
    "OrbitLedgerBehind": {"orbit_ledger_behind_seconds": "0+60x200"},
    "OrbitBeatMissing": {'orbit_beat_age_seconds{queue="celery"}': "_x200"},
    "OrbitJobsBeatMissing": {'orbit_beat_age_seconds{queue="jobs"}': "0+60x200"},
    "OrbitTasksWaiting": {'orbit_tasks_waiting{queue="jobs"}': "300x200"},
    "OrbitLeasesOverdue": {"orbit_lease_overdue_seconds": "90x200"},
    "OrbitStoreFull": {"orbit_store_memory_ratio": "0.85x200"},
    "OrbitDeadLetters": {"orbit_dead_letters": "1x200"},
    "OrbitDatabaseConnections": {"orbit_database_connections": "90x200"},
    "OrbitSlowLoop": {"orbit_loop_delay_seconds": "0.7x200"},
    "OrbitWorkerSilent": {'orbit_process_silence_seconds{kind="web"}': "0+60x200"},
    "OrbitSeriesSpent": {"orbit_organizations_named": "100x200"},
    "OrbitProviderFailing": {
        'orbit_provider_attempts_total{provider="openai",organization="acme",account="main",outcome="server"}': "0+20x200"
    },
    "OrbitOwnServerFailing": {
        'orbit_provider_attempts_total{provider="vllm",organization="acme",account="own",outcome="server"}': "0+20x200"
    },
    "OrbitCredentialRefused": {
        'orbit_provider_attempts_total{provider="openai",organization="acme",account="main",outcome="credential"}': "0+1x200"
    },
    "OrbitInternalErrors": {'orbit_refusals_total{organization="(nobody)",code="internal_error"}': "0+1x200"},
    "OrbitUninspected": {
        'orbit_uninspected_total{organization="acme",direction="request",what="names",reason="full"}': "0+1x200"
    },
    "OrbitLimitNearlyUsed": {
        'orbit_limit_held{organization="acme",limit="budget",meter="cost",per="month"}': "35x200"
    },
    "OrbitSinkBehind": {'orbit_sink_lag_seconds{sink="siem"}': "400x200"},
    "OrbitSinkDeadLetters": {'orbit_sink_dead_letters{sink="siem"}': "2x200"},
    "OrbitUnexplainedBill": {
        'orbit_reconciliation_unexplained{organization="acme",currency="USD"}': "-20x200"
    },
}
AT = "150m"


def alerts() -> list[dict[str, Any]]:
    return [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]


def case(changed: dict[str, str], fires: list[str]) -> dict[str, Any]:
    assert {*changed} <= {*HEALTHY}
    series = {**HEALTHY, **changed}
    return {
        "interval": "1m",
        "input_series": [{"series": _series(name), "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": AT,
                "exp_samples": [{"labels": f'{{alertname="{one}"}}', "value": 1} for one in fires],
            }
        ],
    }


def _series(name: str) -> str:
    head, _, labels = name.partition("{")
    return f"{head}{{{JOB}{',' + labels if labels else '}'}"


def test_configuration_and_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "config", str(RULES / "prometheus.yml"))


def test_each_alert_fires_for_its_trouble_alone_and_none_for_health(tmp_path: Path) -> None:
    assert sorted(AILING) == sorted(rule["alert"] for rule in alerts())
    cases = [case({}, []), *(case(changed, [name]) for name, changed in AILING.items())]
    rules = [str(RULES / name) for name in ("recording.yml", "alerts.yml")]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"rule_files": rules, "evaluation_interval": "1m", "tests": cases}))
    promtool("test", "rules", str(file))


def test_rates_and_ratios_are_what_their_names_say(tmp_path: Path) -> None:
    told = {
        "organization:orbit_calls:rate5m": ({"organization": "acme"}, 2),
        "organization:orbit_cost:rate1h": ({"organization": "acme", "currency": "USD"}, 0.5),
        "limit:orbit_used:ratio": (
            {"organization": "acme", "limit": "b", "meter": "cost", "per": "month"},
            0.75,
        ),
        "organization:orbit_call_duration_seconds:p95_5m": ({"organization": "acme"}, 0.95),
    }
    of = '{organization="acme",limit="b",meter="cost",per="month"}'
    series = {
        'orbit_calls_total{organization="acme",status="settled",stream="no"}': "0+60x90",
        'orbit_calls_total{organization="acme",status="client_gone",stream="yes"}': "0+60x90",
        'orbit_cost_total{organization="acme",model="m",currency="USD"}': "0+30x90",
        f"orbit_limit_allowed{of}": "100x90",
        f"orbit_limit_spent{of}": "70x90",
        f"orbit_limit_held{of}": "5x90",
        'orbit_call_duration_seconds_bucket{organization="acme",stream="no",le="1.0"}': "0+60x90",
        'orbit_call_duration_seconds_bucket{organization="acme",stream="no",le="+Inf"}': "0+60x90",
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": name,
                "eval_time": "80m",
                "exp_samples": [
                    {
                        "labels": name
                        + "{"
                        + ",".join(f'{key}="{one}"' for key, one in labels.items())
                        + "}",
                        "value": value,
                    }
                ],
            }
            for name, (labels, value) in told.items()
        ],
    }
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES / "recording.yml")], "tests": [test]}))
    promtool("test", "rules", str(file))


def test_rules_ask_for_metrics_that_there_are() -> None:
    text = "".join((RULES / name).read_text() for name in ("recording.yml", "alerts.yml"))
    asked = {
        one.removesuffix("_bucket")
        for one in re.findall(r"(?<![:\w])orbit_\w+", text)
        if not one.startswith("orbit_alert")
    }
    known = {one.name for one in families()}
    recorded = set(re.findall(r":(orbit_\w+):", text))
    assert asked - known - recorded == set()


def test_own_servers_are_the_kinds_without_an_address_of_a_vendor() -> None:
    own = {kind.name for kind in BY_NAME.values() if kind.base_url is None}
    expressions = {rule["alert"]: rule["expr"] for rule in alerts()}
    for name, sign in (("OrbitProviderFailing", "!~"), ("OrbitOwnServerFailing", "=~")):
        (kinds,) = re.findall(f'provider{sign}"([^"]+)"', expressions[name])
        assert set(kinds.split("|")) == own


def test_every_alert_says_what_to_do() -> None:
    for rule in alerts():
        assert {*rule["annotations"]} == {"summary", "remedy"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
