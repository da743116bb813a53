"""Keeps children alive, reads what they say, and stops them in order.

One thread: children are started from it (see `processes.spawn`), and everything that waits
does so in `pump`, which reads every child's pipe, so that none blocks on a full one.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orbit.launcher import processes
from orbit.launcher.processes import Command, Tether
from orbit.launcher.state import LauncherError
from orbit.launcher.terminal import LogBook, Terminal, readable

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 30.0
_READY_S = 60.0  # for the successor of a process that serves
_STEADY_S = 10.0  # a child that lived this long starts again at once
_TICK_S = 0.2
_TAIL_LINES = 15


class StopAsked(Exception):
    """Ctrl-C or SIGTERM arrived."""


@dataclass
class Child:
    command: Command
    stage: int  # children of a lower stage are stopped first
    keep: bool  # started again when it ends
    process: subprocess.Popen[bytes]
    started_at: float
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    output: bytearray = field(default_factory=bytearray)
    backoff_s: float = _FIRST_BACKOFF_S
    restart_at: float | None = None
    aside: bool = False  # runs once, and nobody waits for it

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class Supervisor:
    def __init__(self, log: LogBook, terminal: Terminal, lock: int) -> None:
        self._log = log
        self._terminal = terminal
        self._tether = Tether(lock)
        self._selector = selectors.DefaultSelector()
        self._children: list[Child] = []
        self._times_asked = 0
        self._stopping = False
        self._renewal_asked = False

    def catch_signals(self) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if each is signal.SIGHUP and signal.getsignal(each) is signal.SIG_IGN:
                continue  # nohup
            signal.signal(each, self._on_signal)
        signal.signal(signal.SIGUSR2, self._on_renewal)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """While a person is asked something: Ctrl-C must not wait for the answer."""
        ours = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        except KeyboardInterrupt:
            raise StopAsked from None
        finally:
            signal.signal(signal.SIGINT, ours)

    def start(self, command: Command, *, stage: int) -> Child:
        """A child that is started again whenever it ends."""
        child = Child(command, stage, True, self._spawn(command), time.monotonic())
        self._children.append(child)
        self._listen(child)
        return child

    def begin(self, command: Command, *, stage: int) -> Child:
        """A child that runs once beside the others, and whose failure is told and no more."""
        process = self._spawn(command, errors=subprocess.PIPE)
        child = Child(command, stage, False, process, time.monotonic(), aside=True)
        self._children.append(child)
        self._listen(child)
        return child

    def run(self, commands: Sequence[Command]) -> list[str]:
        """Runs the commands side by side to their end; returns what each wrote to its standard output."""
        steps = []
        for command in commands:
            process = self._spawn(command, errors=subprocess.PIPE)
            steps.append(Child(command, 0, False, process, time.monotonic()))
            self._children.append(steps[-1])
            self._listen(steps[-1])
        self.wait(lambda: not any(step.alive for step in steps))
        for step in steps:
            self._children.remove(step)
            self._forget(step)
        for step in steps:
            if step.process.returncode:
                raise StepFailed(step.command.name, step.process.returncode, list(step.tail))
        return [step.output.decode(errors="replace") for step in steps]

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():
            self.pump()

    def pump(self, timeout_s: float = _TICK_S) -> None:
        """Reads what is there, restarts what died; raises when we were asked to stop."""
        self._read(timeout_s)
        if self._stopping:
            return
        if self._times_asked:
            raise StopAsked
        for child in list(self._children):
            if child.keep:
                self._keep(child)
            elif child.aside and not child.alive:
                self._leave(child)

    def watch(self) -> None:
        """Until we are asked to stop. SIGUSR2 renews all but stores, one after another."""
        while True:
            self.pump()
            if self._renewal_asked:
                self._renewal_asked = False
                self._renew()

    def stop(self) -> None:
        """Stage by stage. Being asked a second time kills what is left."""
        self._stopping = True
        self._log.quiet = True  # what servers say while they end is no news
        for stage in sorted({child.stage for child in self._children}):
            self._stop_all([child for child in self._children if child.stage == stage])
        self._tether.close()
        self._selector.close()

    def _stop_all(self, children: list[Child]) -> None:
        children = [child for child in children if child.restart_at is None]
        for child in children:
            if child.alive:
                child.process.send_signal(child.command.stop_signal)
        deadline = time.monotonic() + max((child.command.stop_timeout_s for child in children), default=0.0)
        while (
            any(child.alive for child in children) and time.monotonic() < deadline and self._times_asked < 2
        ):
            self.pump(0.05)
        for child in children:
            if child.alive:
                self._terminal.say(f"{child.command.name} did not stop in time and was killed.")
            self._forget(child)

    def _renew(self) -> None:
        """Those that serve have a successor that serves before they are told to stop. One that cannot ends the renewal."""
        for child in [one for one in self._children if one.keep and not one.command.is_store]:
            if child.command.ready is None:
                self._retire(child)
                self.start(child.command, stage=child.stage)
            elif not self._succeeded(child):
                return
        self._note("All processes were renewed.")

    def _succeeded(self, child: Child) -> bool:
        successor = self.start(child.command, stage=child.stage)
        deadline = time.monotonic() + _READY_S
        while not _serves(successor):
            self.pump(0.05)
            if successor.restart_at is not None or time.monotonic() > deadline:
                self._note(
                    f"A new {child.command.name} did not start; the old processes go on. Its last words:"
                )
                self._note("\n".join(successor.tail))
                self._retire(successor)
                return False
        self._retire(child)
        return True

    def _retire(self, child: Child) -> None:
        """Stops it for good, while the others go on."""
        child.keep = False
        if child.restart_at is None:
            if child.alive:
                child.process.send_signal(child.command.stop_signal)
            deadline = time.monotonic() + child.command.stop_timeout_s
            while child.alive and time.monotonic() < deadline:
                self.pump(0.05)
            self._forget(child)
        self._children.remove(child)

    def _leave(self, child: Child) -> None:
        self._children.remove(child)
        self._forget(child)
        if child.process.returncode:
            self._note(f"{child.command.name} {_ending(child.process.returncode)}.")

    def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._restart(child)
        elif not child.alive:
            if now - child.started_at > _STEADY_S:
                child.backoff_s = _FIRST_BACKOFF_S
            child.restart_at = now + child.backoff_s
            self._note(
                f"{child.command.name} {_ending(child.process.returncode)}; starts again in {child.backoff_s:.1f} s."
            )
            child.backoff_s = min(child.backoff_s * 2, _LONGEST_BACKOFF_S)
            self._forget(child)

    def _restart(self, child: Child) -> None:
        child.restart_at = None
        child.started_at = time.monotonic()
        child.process = self._spawn(child.command)
        self._listen(child)

    def _note(self, text: str) -> None:
        self._log.line("launcher", text)
        self._terminal.say(text)

    def _spawn(self, command: Command, errors: int = subprocess.STDOUT) -> subprocess.Popen[bytes]:
        return processes.spawn(command, self._tether, subprocess.PIPE, errors)

    def _listen(self, child: Child) -> None:
        streams = [child.process.stdout, child.process.stderr]
        for stream in streams:
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                # The output of a step is its answer; all else is a log.
                is_answer = stream is child.process.stdout and not child.keep
                self._selector.register(stream, selectors.EVENT_READ, _Pipe(child, is_answer))

    def _read(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            self._read_pipe(key)

    def _read_pipe(self, key: selectors.SelectorKey) -> bool:
        """Whether there was something to read."""
        pipe: _Pipe = key.data
        try:
            chunk = os.read(key.fd, 65536)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(key.fileobj)
        elif pipe.is_answer:
            pipe.child.output += chunk
        else:
            for line in pipe.lines(chunk):
                pipe.child.tail.append(readable(line))
                self._log.line(pipe.child.command.name, line, store=pipe.child.command.is_store)
        return bool(chunk)

    def _forget(self, child: Child) -> None:
        """Ends what the child may have left of its own children, and reads its last words."""
        processes.kill_group(child.process)
        self._tether.release(child.process.pid)
        for stream in (child.process.stdout, child.process.stderr):
            if stream is None:
                continue
            if stream in self._selector.get_map():
                key = self._selector.get_key(stream)
                while self._read_pipe(key):
                    pass
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
            stream.close()

    def _on_signal(self, number: int, frame: object) -> None:
        self._times_asked += 1

    def _on_renewal(self, number: int, frame: object) -> None:
        self._renewal_asked = True


class StepFailed(LauncherError):
    def __init__(self, name: str, code: int, tail: list[str]) -> None:
        super().__init__("\n".join([f"`{name}` {_ending(code)}. Its last words:", *tail]))
        self.code = code


@dataclass
class _Pipe:
    child: Child
    is_answer: bool
    rest: bytes = b""

    def lines(self, chunk: bytes) -> list[str]:
        *whole, self.rest = (self.rest + chunk).split(b"\n")
        if len(self.rest) > 65536:  # somebody writes without line ends
            whole.append(self.rest)
            self.rest = b""
        return [line.decode(errors="replace") for line in whole if line.strip()]


def _serves(child: Child) -> bool:
    assert child.command.ready is not None
    try:
        return child.command.ready.read_text() == str(child.process.pid)
    except FileNotFoundError:
        return False


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
