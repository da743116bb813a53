"""What `manage.py up` refuses, before anything has started."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dlp.names import files
from orbit.launcher import embedded, keys, state
from orbit.launcher.addresses import Address
from orbit.launcher.installation import Installation, Options
from orbit.launcher.names import NamesPool
from orbit.launcher.processes import Command
from orbit.launcher.state import LauncherError
from orbit.launcher.supervisor import Supervisor
from orbit.launcher.terminal import LogBook, Terminal


@pytest.fixture
def options(directory: Path) -> Options:
    web, provider = embedded.free_ports(2)
    return Options(
        directory=directory, bind=f"127.0.0.1:{web}", workers=1, drain_s=1, demo=True, provider_port=provider
    )


@pytest.mark.parametrize("bind", ["0.0.0.0:8080", "[::]:8080"])
def test_demo_is_refused_where_others_can_reach_it(options: Options, bind: str) -> None:
    with pytest.raises(LauncherError, match="ORBIT_BIND to a loopback address"):
        Installation(replace(options, bind=bind)).run()


def test_taken_web_port_names_its_variable(options: Options) -> None:
    with (
        socket.create_server(("127.0.0.1", Address.parse(options.bind).port)),
        pytest.raises(LauncherError, match=r"is taken by another program.*ORBIT_BIND"),
    ):
        Installation(options).run()
    assert not (options.directory / "postgres").exists()


def test_taken_provider_port_names_its_variable(options: Options) -> None:
    with (
        socket.create_server(("127.0.0.1", options.provider_port)),
        pytest.raises(LauncherError, match=r"is taken by another program.*ORBIT_DEMO_PROVIDER_PORT"),
    ):
        Installation(options).run()
    assert not (options.directory / "postgres").exists()


@pytest.mark.parametrize("bind", ["8080", ":8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_odd_address_is_refused_by_name(bind: str) -> None:
    with pytest.raises(LauncherError, match="ORBIT_BIND"):
        Address.parse(bind)


def test_too_long_path_for_the_socket_of_names_is_refused_by_name(options: Options, tmp_path: Path) -> None:
    pool = NamesPool(1, 1, tmp_path / ("x" * 110))
    with pytest.raises(LauncherError, match=r"Set ORBIT_NAMES_SOCKET to a path of at most 103 bytes"):
        Installation(replace(options, names=pool)).run()


def test_names_are_refused_without_the_model(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "folder", lambda: tmp_path)
    with pytest.raises(LauncherError, match=r"`make names`. Or set ORBIT_NAMES_WORKERS to 0"):
        Installation(replace(options, names=NamesPool(1, 1, Path("names.sock")))).run()


def test_secrets_are_demanded_outside_the_demo(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORBIT_MASTER_KEY")
    with pytest.raises(LauncherError, match=r"Not set: ORBIT_MASTER_KEY\."):
        Installation(replace(options, demo=False)).run()


def test_secrets_of_the_demo_are_made_once_and_private(directory: Path) -> None:
    made = keys.of_demo(directory, {})
    assert made.keys() == set(keys.NAMES)
    assert keys.of_demo(directory, {}) == made
    assert keys.of_demo(directory, {"ORBIT_MASTER_KEY": "mine"}) == {**made, "ORBIT_MASTER_KEY": "mine"}
    assert (directory / "secrets.json").stat().st_mode & 0o777 == 0o600


class Recorder:
    """Notes what it would start or run."""

    def __init__(self) -> None:
        self.started: list[tuple[str, ...]] = []

    def start(self, command: Command, *, stage: int) -> None:
        self.started.append(command.argv[1:])

    def run(self, commands: list[Command]) -> list[str]:
        self.started += [command.argv[1:] for command in commands]
        return [""]


@pytest.mark.parametrize("file", ["", "/etc/orbit/sinks.yaml"])
def test_sinks_are_checked_and_fed_where_there_is_a_file_of_them(
    options: Options, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORBIT_SINKS", file)
    recorder = Recorder()
    installation = Installation(options)
    installation._check_sinks(recorder)  # type: ignore[arg-type]
    installation._start_tasks(recorder)  # type: ignore[arg-type]
    found = [argv[1:] for argv in recorder.started if "sinks" in argv]
    assert found == ([("sinks", "check"), ("sinks", "run")] if file else [])


@pytest.mark.parametrize("pool", [None, NamesPool(2, 9, Path("names.sock"))], ids=["no", "yes"])
def test_workers_that_find_names_are_kept_where_they_are_wanted(
    options: Options, pool: NamesPool | None
) -> None:
    recorder = Recorder()
    Installation(replace(options, names=pool, web_only=True))._start_names(recorder)  # type: ignore[arg-type]
    assert recorder.started == ([pool.arguments()] if pool else [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("version: 1\nsinks: [{name: a, kind: webhok}]", "Did you mean webhook?"),
        ("version: 1\nsinks: [{name: a, kind: lines, path: here}]", "sinks[0].path"),
    ],
)
def test_faulty_file_of_sinks_stops_the_start_and_says_why(
    options: Options, text: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = options.directory / "sinks.yaml"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("ORBIT_SINKS", str(path))
    with state.only_instance(options.directory) as lock:
        terminal = Terminal()
        log = LogBook(options.directory / "logs", terminal)
        supervisor = Supervisor(log, terminal, lock)
        try:
            with pytest.raises(LauncherError) as raised:
                Installation(options)._check_sinks(supervisor)
        finally:
            supervisor.stop()
            log.close()
    assert "`sinks` ended with code 2" in str(raised.value)
    assert words in str(raised.value)
