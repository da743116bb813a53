"""What `manage.py up` does, from nothing to a banner and back to nothing."""

from __future__ import annotations

import getpass
import http.client
import json
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from orbit.launcher import banner, embedded, keys, running, state
from orbit.launcher.addresses import Address
from orbit.launcher.names import NamesPool
from orbit.launcher.processes import Command
from orbit.launcher.state import LauncherError
from orbit.launcher.supervisor import Child, StepFailed, StopAsked, Supervisor
from orbit.launcher.terminal import LogBook, Terminal, ask

# The order in which they are stopped.
_WEB, _WORKER, _SIDE, _STORE, _DATABASE = range(1, 6)
# Celery's queues, and processes of the worker that each of them has. The names are those of the launcher's log.
_WORKERS = {"worker": ("celery", 2), "jobs": ("jobs", 4)}
_STAGE_OF_SERVER = {"valkey": _STORE, "postgres": _DATABASE}
_WORKER_STOP_S = 30.0
_SINKS_STOP_S = 15.0  # longer than a sink has to acknowledge
_BAD_INPUT = 2


@dataclass(frozen=True)
class Options:
    directory: Path
    bind: str
    workers: int
    drain_s: int
    demo: bool
    provider_port: int
    web_only: bool = False
    log_format: str = "text"
    names: NamesPool | None = None


class Installation:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._address = Address.parse(options.bind)
        self._provider = Address("127.0.0.1", options.provider_port)
        self._terminal = Terminal()
        self._environment = dict(os.environ)

    def run(self) -> None:
        """Returns when it was asked to stop."""
        if self._options.demo and not self._address.is_loopback:
            raise LauncherError(
                f"The demo's password and provider are for this machine alone, and {self._options.bind} is reachable "
                "by others. Set ORBIT_BIND to a loopback address such as 127.0.0.1:8080, or use --no-demo."
            )
        if self._options.web_only and not all(map(self._environment.get, ("DATABASE_URL", "REDIS_URL"))):
            raise LauncherError("With --web-only, DATABASE_URL and REDIS_URL must be set.")
        if self._options.names is not None:
            self._options.names.check()
        directory = state.make_data_dir(self._options.directory)
        self._settle_secrets(directory)
        with ExitStack() as stack:
            lock = stack.enter_context(state.only_instance(directory))
            web = stack.enter_context(self._address.listen("ORBIT_BIND"))
            if self._options.demo:
                self._provider.ensure_free("ORBIT_DEMO_PROVIDER_PORT")
            as_json = self._options.log_format == "json"
            log = LogBook(directory / "logs", self._terminal, as_json=as_json)
            stack.callback(log.close)
            self._supervise(stack, Supervisor(log, self._terminal, lock), directory, web, log.path)
        self._terminal.say("Stopped.")

    def _supervise(
        self, stack: ExitStack, supervisor: Supervisor, directory: Path, web: socket.socket, log: Path
    ) -> None:
        supervisor.catch_signals()
        stack.callback(supervisor.stop)
        try:
            self._start_servers(supervisor, directory)
            stack.enter_context(running.published(directory, self._published()))
            self._prepare(supervisor)
            self._check_sinks(supervisor)
            text = self._start_rest(supervisor, directory, web)
            self._terminal.say(f"{text}\nLogs: {log}\nNext: docs/getting-started.md")
            if self._options.demo:  # takes seconds, which nobody has to wait for
                supervisor.begin(self._manage("demo_history"), stage=_SIDE)
            supervisor.watch()
        except StopAsked:
            self._terminal.say(f"Stopping; streams have {self._options.drain_s} s. Ctrl-C again kills.")

    def _settle_secrets(self, directory: Path) -> None:
        environ = self._environment
        environ |= keys.of_demo(directory, environ) if self._options.demo else keys.demanded(environ)
        environ["ORBIT_DATA_DIR"] = str(directory)
        environ["ORBIT_BIND"] = self._options.bind
        environ["ORBIT_WORKERS"] = str(self._options.workers)
        environ["ORBIT_LOG_FORMAT"] = self._options.log_format  # theirs are pipes, ours may be a terminal
        environ.setdefault("ORBIT_PUBLIC_URL", self._address.url)
        environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
        if self._options.demo:
            targets = [environ.get("ORBIT_PRIVATE_TARGETS", ""), f"127.0.0.1:{self._provider.port}"]
            environ["ORBIT_PRIVATE_TARGETS"] = ",".join(filter(None, targets))

    def _published(self) -> dict[str, str]:
        names = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"}
        return {
            name: value
            for name, value in self._environment.items()
            if name in names or (name.startswith("ORBIT_") and name != "ORBIT_LOG_FORMAT")
        }

    def _start_servers(self, supervisor: Supervisor, directory: Path) -> None:
        servers = embedded.needed(directory, self._environment, durable=True)
        for server in servers:
            with self._terminal.step(f"Starting embedded {server.name.capitalize()}"):
                server.prepare()
                child = supervisor.start(server.command(), stage=_STAGE_OF_SERVER[server.name])
                server.wait_ready(child.process.pid, partial(_still_starting, supervisor, child))
                self._environment |= server.environment()

    def _prepare(self, supervisor: Supervisor) -> None:
        if self._options.web_only:
            command = self._manage("collectstatic", "--no-input", "--verbosity", "0")
        else:
            command = self._command("prepare", "-m", "orbit.launcher.prepare")
            command = replace(command, env={**command.env, "ORBIT_DB_ROLE": "owner"})
        with self._terminal.step("Bringing database and static files up to date"):
            supervisor.run([command])

    def _start_rest(self, supervisor: Supervisor, directory: Path, web: socket.socket) -> str:
        demo = None
        if not self._options.web_only and not self._options.demo:
            self._ensure_operator(supervisor)
        with self._terminal.step(f"Starting {self._options.workers} web workers and what works behind them"):
            numbers = range(1, self._options.workers + 1)
            workers = [supervisor.start(self._web(number, web), stage=_WEB) for number in numbers]
            self._start_names(supervisor)
            if self._options.demo:
                demo = self._start_demo(supervisor, directory)
            supervisor.wait(lambda: _ready(self._address, workers))
            if not self._options.web_only:
                self._start_tasks(supervisor)
        url, elapsed_s = self._address.url, self._terminal.elapsed_s
        return banner.with_demo(url, elapsed_s, demo) if demo else banner.plain(url, elapsed_s)

    def _start_names(self, supervisor: Supervisor) -> None:
        if self._options.names is not None:
            supervisor.start(self._command("names", *self._options.names.arguments()), stage=_SIDE)

    @property
    def _has_sinks(self) -> bool:
        return bool(self._environment.get("ORBIT_SINKS")) and not self._options.web_only

    def _check_sinks(self, supervisor: Supervisor) -> None:
        """A file that cannot be used stops the start, as a bad setting does."""
        if self._has_sinks:
            supervisor.run([self._manage("sinks", "check")])

    def _start_tasks(self, supervisor: Supervisor) -> None:
        # Workers of tasks have nobody to gossip with. Nothing that an organization asks for gets in the way of the ledger's.
        for name, (queue, processes) in _WORKERS.items():
            options = ("--queues", queue, "--concurrency", str(processes), "--hostname", f"{queue}@%h")
            worker = self._celery("worker", *options, "--without-gossip", "--without-mingle")
            supervisor.start(replace(worker, name=name), stage=_WORKER)
        supervisor.start(self._celery("beat", "--pidfile="), stage=_SIDE)
        if self._has_sinks:
            supervisor.start(replace(self._manage("sinks", "run"), stop_timeout_s=_SINKS_STOP_S), stage=_SIDE)

    def _start_demo(self, supervisor: Supervisor, directory: Path) -> banner.Demo:
        port = str(self._provider.port)
        supervisor.start(replace(self._manage("demo_provider", "--port", port), name="provider"), stage=_SIDE)
        for arguments in ((), ("--renew",)):
            (answer,) = supervisor.run([self._manage("seed_demo", *arguments)])
            if demo := banner.remembered(directory, json.loads(answer)):
                return demo
        raise LauncherError("`manage.py seed_demo --renew` told no password or key.")

    def _ensure_operator(self, supervisor: Supervisor) -> None:
        """`create_operator` is content when there is one, and says bad input when it lacks the variables."""
        try:
            supervisor.run([self._manage("create_operator")])
        except StepFailed as failure:
            if failure.code != _BAD_INPUT or not sys.stdin.isatty():
                raise
            with supervisor.interruptible():
                self._environment["ORBIT_ADMIN_EMAIL"] = ask("There is no operator yet. E-mail of the first:")
                self._environment["ORBIT_ADMIN_PASSWORD"] = getpass.getpass("Password: ")
            supervisor.run([self._manage("create_operator")])

    def _manage(self, name: str, *arguments: str) -> Command:
        return self._command(name, "manage.py", name, *arguments)

    def _celery(self, name: str, *arguments: str) -> Command:
        argv = ("-m", "celery", "-A", "orbit.celery", name, *arguments)
        return replace(self._command(name, *argv), stop_timeout_s=_WORKER_STOP_S)

    def _web(self, number: int, listening: socket.socket) -> Command:
        fd, drain_s, name = listening.fileno(), self._options.drain_s, f"web.{number}"
        ready = self._options.directory / f"{name}.ready"
        argv = ("--fd", str(fd), "--drain-s", str(drain_s), "--ready", str(ready))
        command = self._command(name, "-m", "orbit.launcher.web", *argv)
        return replace(command, pass_fds=(fd,), stop_timeout_s=drain_s + 18.0, ready=ready)

    def _command(self, name: str, *argv: str) -> Command:
        # A copy: a command that is started again later has the environment that it had first.
        return Command(
            name=name, argv=(sys.executable, *argv), env=dict(self._environment), cwd=state.PROJECT
        )


def _still_starting(supervisor: Supervisor, child: Child) -> bool:
    """Asked again and again by whoever waits for the child; reads its log meanwhile."""
    supervisor.pump(0.01)
    if child.restart_at is not None or not child.alive:
        raise LauncherError(
            "\n".join([f"{child.command.name} stopped while starting. Its last words:", *child.tail])
        )
    return True


def _ready(address: Address, workers: list[Child]) -> bool:
    for child in workers:
        if child.restart_at is not None:
            raise LauncherError(
                "\n".join([f"{child.command.name} did not start. Its last words:", *child.tail])
            )
    connection = http.client.HTTPConnection(address.reachable_host, address.port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
