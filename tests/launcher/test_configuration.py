"""docs/configuration.md, the settings and the container files name the same variables, ports and paths."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from orbit.launcher.state import PROJECT
from tests.launcher.compose import compose

# Variables of other people's images and of Python itself.
_FOREIGN = re.compile(r"POSTGRES_\w+|PATH|PYTHONUNBUFFERED")


def _documented() -> dict[str, str]:
    """Each variable with the rest of its row."""
    text = (PROJECT / "docs/configuration.md").read_text()
    return dict(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|(.*)\|$", text, re.MULTILINE))


def _read_in_settings() -> dict[str, object]:
    """Each variable that settings read through orbit.env, with its default where that is a literal."""
    found: dict[str, object] = {}
    for path in (PROJECT / "orbit/settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="env"),
                        attr="text" | "integer" | "flag" | "words" | "store" | "plain_store",
                    ),
                    args=[ast.Constant(value=str(name)), *rest],
                ):
                    found[name] = rest[0].value if rest and isinstance(rest[0], ast.Constant) else None
    return found


def _of_compose() -> set[str]:
    """Variables that docs/compose.md tells of, which no process of ours reads."""
    text = (PROJECT / "docs/compose.md").read_text()
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text, re.MULTILINE))


def _own_services() -> dict[str, dict[str, Any]]:
    return {name: each for name, each in compose()["services"].items() if "build" in each}


def _dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")


def test_every_setting_is_documented() -> None:
    assert _read_in_settings().keys() <= _documented().keys()


def test_no_setting_is_documented_twice() -> None:
    text = (PROJECT / "docs/configuration.md").read_text()
    names = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_every_documented_variable_is_read_somewhere() -> None:
    elsewhere = _documented().keys() - _read_in_settings().keys()
    code = "".join(path.read_text() for path in (PROJECT / "orbit").rglob("*.py"))
    assert {name for name in elsewhere if f'"{name}"' not in code} == set()


def test_documented_defaults_are_the_real_ones() -> None:
    rows = _documented()
    wrong = {
        name: default
        for name, default in _read_in_settings().items()
        if default not in (None, "")
        and f"`{1 if default is True else default}`" not in rows[name].split("|")[0]
    }
    assert wrong == {}


@pytest.mark.parametrize("name", _own_services())
def test_compose_uses_documented_variables(name: str) -> None:
    assert set(_own_services()[name]["environment"]) <= _documented().keys()


def test_every_variable_that_compose_takes_from_outside_is_documented() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    taken = {
        *re.findall(r"\$\{([A-Z0-9_]+)", text),
        *re.findall(r"^    environment: (\w+)$", text, re.MULTILINE),
    }
    assert taken <= _documented().keys() | _of_compose()
    assert _of_compose() <= taken | {"COMPOSE_PROFILES"}


def test_dockerfile_uses_documented_variables() -> None:
    set_there = {
        name
        for line in re.findall(r"^ENV (.*)$", _dockerfile(), re.MULTILINE)
        for name in re.findall(r"(\w+)=", line)
    }
    assert {name for name in set_there if not _FOREIGN.fullmatch(name)} <= _documented().keys()


def test_published_and_exposed_ports_are_those_of_the_settings() -> None:
    known = {"8080", str(_read_in_settings()["ORBIT_DEMO_PROVIDER_PORT"])}
    assert f"`127.0.0.1:{min(known)}`" in _documented()["ORBIT_BIND"]
    published = {
        port.rpartition(":")[2] for each in _own_services().values() for port in each.get("ports", [])
    }
    exposed = set(re.findall(r"^EXPOSE (\d+)", _dockerfile(), re.MULTILINE))
    in_commands = set(re.findall(r"(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", _dockerfile()))
    assert published | exposed | in_commands <= known


def test_store_addresses_are_those_of_the_services() -> None:
    services = compose()["services"]
    for each in _own_services().values():
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
            host, port = re.findall(r"(\w+):(\d+)/", each["environment"][name])[0]
            assert services[host]["image"].split(":")[0].rpartition("/")[2] == host
            assert port == {"postgres": "5432", "valkey": "6379"}[host]


def test_paths_in_the_image_are_documented_and_those_in_the_project_exist() -> None:
    mounted = {each.split(":")[1] for one in _own_services().values() for each in one.get("volumes", [])}
    mounted |= set(re.findall(r"^VOLUME (\S+)", _dockerfile(), re.MULTILINE))
    told = _documented()["ORBIT_DATA_DIR"] + _documented()["ORBIT_SINKS"]
    assert {path for path in mounted if f"`{path}`" not in told} == set()
    for source in re.findall(r"^COPY (?!--from)(\S+) ", _dockerfile(), re.MULTILINE):
        assert (PROJECT / source).exists()


def test_image_does_not_run_as_root() -> None:
    last_stage = _dockerfile().rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\w+)", last_stage, re.MULTILINE) == ["orbit"]


def _mounted(service: str) -> dict[str, str]:
    """Volumes by where they are mounted."""
    pairs = [one.split(":")[:2] for one in _own_services()[service].get("volumes", [])]
    return {where: volume for volume, where in pairs}


def test_worker_has_the_journals_of_the_gateway_and_keeps_the_checkpoints() -> None:
    where = re.findall(r"ORBIT_DATA_DIR=(\S+)", _dockerfile())[0]
    volume = _mounted("gateway")[where]
    assert _mounted("worker")[where] == volume
    assert volume in compose()["volumes"]


def test_sinks_have_a_place_for_files_that_is_not_where_the_checkpoints_are() -> None:
    mounted = _mounted("sinks")
    assert mounted["/var/log/orbit"] in compose()["volumes"]
    assert mounted["/var/log/orbit"] not in _mounted("worker").values()
    script = (PROJECT / "deploy/image/build.sh").read_text()
    [[uid, folders]] = re.findall(r"^ +chown (\d+):\d+ (.*)$", script, re.MULTILINE)
    assert "/var/log/orbit" in folders.split()
    assert f'"orbit:x:{uid}:' in script


def test_commands_in_compose_exist() -> None:
    commands = {path.stem for path in (PROJECT / "orbit/management/commands").glob("*.py")} | {"migrate"}
    called = re.findall(
        r"manage\.py[\", ]+(\w+)", (PROJECT / "docker-compose.yml").read_text() + _dockerfile()
    )
    assert set(called) <= commands | {path.stem for path in PROJECT.glob("*/management/commands/*.py")}
