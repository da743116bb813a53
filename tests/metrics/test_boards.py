"""Grafana's boards: the files are what the code writes, and every panel has something to show of a gateway at work."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from audit.sinks.models import Sink
from console import pulse
from orbit.lib import access, line
from orbit.lib.ids import uuid7
from orbit.metrics import boards
from orbit.metrics.scrape import families
from orbit.metrics.tasks import TaskMeasures
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.metrics.prometheus import Server, needs_prometheus, running_prometheus
from tests.proxy.conftest import Api, hello
from tests.rollups import plant

LIMITS = [
    {"name": "daily", "meter": "requests", "per": "day", "limit": 1000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "5.00"},
    {"name": "tight", "meter": "requests", "per": "day", "limit": 1, "models": ["gpt-4o"]},
]


def panels() -> list[tuple[str, str, str]]:
    return [
        (board.name, panel.title, query.expression)
        for board in boards.BOARDS
        for panel in board.panels
        for query in panel.queries
    ]


def own_panels(slug: str) -> list[tuple[str, str, str]]:
    """Of the board that the organization has in its own folder."""
    return [
        ("own", panel["title"], target["expr"])
        for panel in boards.of_organization("own", "Own", slug, "any")["panels"]
        for target in panel["targets"]
    ]


def test_files_are_what_the_code_writes() -> None:
    found = {path.stem: path.read_text() for path in boards.FOLDER.glob("*.json")}
    assert found == {one.name: boards.written(one) for one in boards.BOARDS}, "python -m orbit.metrics.boards"


def test_panels_do_not_overlap_and_have_their_own_ids() -> None:
    for board in boards.BOARDS:
        told = json.loads(boards.written(board))
        ids = [one["id"] for one in told["panels"]]
        assert len({*ids}) == len(ids)
        taken: set[tuple[int, int]] = set()
        for place in (one["gridPos"] for one in told["panels"]):
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, board.name
            assert max(x for x, _ in cells) < boards.WIDTH
            taken |= cells


def test_panels_ask_for_metrics_that_there_are() -> None:
    known = {one.name for one in families()}
    asked = {
        one.removesuffix("_bucket")
        for _, _, query in panels()
        for one in re.findall(r"(?<![:\w])orbit_\w+", query)
    }
    assert asked - known == set()


def test_provisioning_names_the_source_that_boards_use() -> None:
    folder = boards.FOLDER.parent / "provisioning"
    [source] = yaml.safe_load((folder / "datasources/orbit.yml").read_text())["datasources"]
    assert (source["uid"], source["type"]) == (boards.SOURCE["uid"], boards.SOURCE["type"])
    [provider] = yaml.safe_load((folder / "dashboards/orbit.yml").read_text())["providers"]
    assert provider["type"] == "file"


def test_board_of_an_organization_asks_for_nobody_elses() -> None:
    for panel in boards.TENANT.panels:
        for query in panel.queries:
            asked = re.findall(r"[a-z]+:orbit_[\w:]+|(?<![:\w])orbit_\w+", query.expression)
            assert query.expression.count('organization="$organization"') == len(asked), query.expression


def test_own_board_is_the_same_with_the_organization_named() -> None:
    chosen = [(title, query) for board, title, query in panels() if board == boards.TENANT.name]
    assert [
        (title, query.replace("acme", "$organization")) for _, title, query in own_panels("acme")
    ] == chosen
    for hostile in ('a"} or vector(1)', "a$b", "", "a.b"):
        with pytest.raises(ValueError, match="slug"):
            boards.of_organization("own", "Own", hostile, "any")


@contextmanager
def surroundings() -> Iterator[Callable[[], None]]:
    """What a whole installation has besides web workers: a task process, beats, a sink. Gives what runs a task."""
    process = TaskMeasures()
    process.enter()

    def run() -> None:
        process.begins("1")
        process.ended("1", type("Task", (), {"name": "audit.tasks.write_ledger"}), "SUCCESS")
        process.put()
        for queue in line.QUEUES:
            pulse.note("worker@test", queue)

    run()
    with access.operator():
        sink = Sink.objects.create(name=f"s-{secrets.token_hex(4)}", kind="file")
    try:
        yield run
    finally:
        with access.operator():
            sink.delete()
        process.close()


def work(gateway: Gateway, tenant: Tenant) -> None:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=10, trust_env=False) as http:
        api = Api(http, tenant.key)
        for _ in range(3):
            assert api.chat(messages=hello("tokens=7")).status_code == 200
            api.chat(messages=hello("tokens=7"), stream=True)
            api.chat(messages=hello("status=500"))
            api.chat(messages=[{"role": "user", "content": "word " * 300}])
            api.chat(model="gpt-4o")


@pytest.mark.full
@needs_prometheus
def test_every_panel_has_data_of_a_running_gateway(
    make_tenant: MakeTenant, tmp_path: Path, settings: Any
) -> None:
    settings.ORBIT_DATA_DIR = tmp_path / "orbit"
    uninspected = {
        "rules": [{"types": ["*"], "action": "log"}],
        "max_bytes": 1000,
        "when_uninspected": "pass",
    }
    tenant = make_tenant(limits=LIMITS, dlp=uninspected)
    # bills are compared up to yesterday
    plant(tenant.id, datetime.now(UTC) - timedelta(days=2), uuid7(), uuid7(), cost_nano=5_000_000)
    own = {"ORBIT_DATA_DIR": str(settings.ORBIT_DATA_DIR)}
    with running_gateway(workers=2, environment=own) as gateway, surroundings() as run_a_task:
        work(gateway, tenant)
        tenant.events()  # bills are read every five minutes alone, so the first time must find something
        with running_prometheus(tmp_path, [f"127.0.0.1:{gateway.port}"]) as prometheus:
            until = time.monotonic() + 150
            while missing := _without_data(prometheus, tenant.slug):
                assert time.monotonic() < until, "\n".join(map(str, missing))
                work(gateway, tenant)
                run_a_task()
                time.sleep(2)
            assert prometheus.query('up{job="orbit"}')[0]["value"][1] == "1"
            firing = {one["labels"]["alertname"] for one in prometheus.alerts() if one["state"] == "firing"}
            assert not firing & {"OrbitDown", "OrbitStoreDown", "OrbitDatabaseDown", "OrbitInternalErrors"}


def _without_data(prometheus: Server, organization: str) -> list[tuple[str, str, str]]:
    """Panels that show nothing, or nothing but what is no number."""
    return [
        (board, title, query)
        for board, title, query in [*panels(), *own_panels(organization)]
        if all(
            row["value"][1] == "NaN" for row in prometheus.query(query.replace("$organization", organization))
        )
    ]
