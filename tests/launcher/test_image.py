"""The steps of the container image in an empty root: a Python, a shell and three tools, and nothing of this machine else.

The result is looked through for what its user could write, and started as that user.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orbit.launcher.state import PROJECT
from tests.conftest import MakeTenant, Tenant

UID = 10001
# With /proc, as a container has it, and in a mount namespace of its own, so that nothing stays mounted.
ENTER = ("unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec "$@"')
SYSTEM = "/usr/sbin:/sbin:/usr/bin:/bin"
TOOLS = ("sh", "mkdir", "chmod", "chown")
# What wheels for Linux may expect of a system, besides what a Python needs itself (PEP 600).
LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "librt.so.1", "libpthread.so.0", "libdl.so.2")
STATE = ("var/lib/orbit", "var/log/orbit", "tmp")


def _may_enter() -> bool:
    """Whether we may have another root, and be another user there: as root outside of most containers."""
    if os.geteuid() != 0 or shutil.which("unshare", path=SYSTEM) is None:
        return False
    probe = ["unshare", "--mount", "chroot", "/", "true"]
    return subprocess.run(probe, env={"PATH": SYSTEM}, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.full,
    pytest.mark.xdist_group("image"),
    # CI is root, and a skipped test fails there
    pytest.mark.skipif(not _may_enter(), reason="needs root that may mount: another root and another user"),
]


@dataclass(frozen=True)
class Root:
    """A folder that is / for what runs in it."""

    path: Path

    def command(self, *argv: str, user: int | None = None) -> list[str]:
        who = [f"--userspec={user}:{user}"] if user is not None else []
        return [*ENTER, str(self.path), "chroot", *who, str(self.path), *argv]

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            self.command(*argv), env=_environment(env), capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{argv}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def put(self, source: Path, where: str | None = None) -> None:
        """A file, by the path that it has here, or another one."""
        target = self.path / (where or str(source)).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(source.resolve(), target)


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        "PATH": f"/app/.venv/bin:/usr/local/bin:{SYSTEM}",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        **(more or {}),
    }


@pytest.fixture(scope="module")
def root() -> Iterator[Root]:
    # its parents must let the image's user pass
    folder = Path(tempfile.mkdtemp(prefix="orbit-image-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield _built(Root(folder))
    finally:
        shutil.rmtree(folder)


def _built(root: Root) -> Root:
    """By the Dockerfile's own lines: what it copies, and what it runs."""
    _system(root)
    _packages(root)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = []
    for word, rest in re.findall(r"^(COPY|RUN) (.+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE):
        if word == "COPY":
            source, target = rest.split()[-2:]
            if "--from" not in rest:
                _copy(root, source, target)
            continue
        script = re.fullmatch(r"sh (?:/app/)?(deploy/image/build\.sh) (\w+)", rest)
        assert script, "a step that is not in the script"
        root.run("/bin/sh", f"/app/{script[1]}", script[2], env=offline)
        done.append(script[2])
    assert done == ["packages", "code", "user"]
    shutil.rmtree(root.path / "wheels")
    return root


def _copy(root: Root, source: str, target: str) -> None:
    for name in _files():
        if source == "." or name == source or name.startswith(f"{source}/"):
            root.put(PROJECT / name, f"/app/{name}")
            (root.path / "app" / name).chmod(0o666)  # a context has whatever rights its files have
    assert (root.path / "app" / target).exists()


def _files() -> list[str]:
    """What Git has, without what .dockerignore takes out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    ignored = (PROJECT / ".dockerignore").read_text().split()
    names = listed.stdout.splitlines()
    return [
        one
        for one in names
        if (PROJECT / one).is_file()
        and not any(one == name or one.startswith(f"{name}/") for name in ignored)
    ]


def _system(root: Root) -> None:
    for folder in ("app", "bin", "dev", "etc", "proc", "tmp", "usr/local/bin", "var"):
        (root.path / folder).mkdir(parents=True)
    (root.path / "tmp").chmod(0o1777)
    (root.path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root.path / "etc/group").write_text("root:x:0:\n")
    for name, minor in (("null", 3), ("urandom", 9)):
        os.mknod(root.path / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        (root.path / "dev" / name).chmod(0o666)
    programs = [Path(shutil.which(tool) or tool) for tool in TOOLS]
    for program in programs:
        root.put(program, f"/bin/{program.name}")
    _python(root)
    binaries = [*programs, *(root.path / "usr/local").rglob("*.so"), root.path / "usr/local/bin/python3"]
    for library in _libraries(binaries):
        root.put(library)
        root.put(library, f"/lib/x86_64-linux-gnu/{library.name}")


def _python(root: Root) -> None:
    """The one that runs this test, without its packages, where Docker's image has one."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    root.put(Path(sys.base_prefix, "bin", version), f"/usr/local/bin/{version}")
    (root.path / "usr/local/bin/python3").symlink_to(version)
    shutil.copytree(
        sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}),
        root.path / f"usr/local/lib/{version}",
        ignore=shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__", "idlelib"),
    )


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    found = set()
    for binary in binaries:
        said = subprocess.run(["ldd", str(binary)], capture_output=True, text=True).stdout
        found |= {Path(one) for one in re.findall(r"(/\S+) \(0x", said)}
    cache = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in LIBRARIES:
        if path := re.search(rf"^\s*{re.escape(name)} .*=> (/\S+)$", cache, re.MULTILINE):
            found.add(Path(path[1]))
    return {one for one in found if one.exists()}


def _packages(root: Root) -> None:
    """Into the root from the index that this machine uses, by the root's own Python; in there, nothing is fetched."""
    with tempfile.TemporaryDirectory() as folder:
        lock = str(PROJECT / "requirements/base.txt")
        wanted = ["--quiet", "--require-hashes", "--no-deps", "--dest", str(root.path / "wheels"), "-r", lock]
        for argv in (
            [str(root.path / "usr/local/bin/python3"), "-m", "venv", folder],
            [f"{folder}/bin/python", "-m", "pip", "download", *wanted],
        ):
            done = subprocess.run(argv, capture_output=True, text=True)
            assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def _writable(root: Root) -> list[str]:
    """What the image's user could write or replace, links aside."""
    found = []
    for folder, names, files in os.walk(root.path):
        for name in (*names, *files):
            path = Path(folder, name)
            about = path.lstat()
            if stat.S_ISLNK(about.st_mode) or stat.S_ISCHR(about.st_mode):
                continue
            own = about.st_uid == UID and about.st_mode & stat.S_IWUSR
            group = about.st_gid == UID and about.st_mode & stat.S_IWGRP
            if own or group or about.st_mode & stat.S_IWOTH:
                found.append(str(path.relative_to(root.path)))
    return found


def test_user_of_the_image_can_write_to_its_state_and_to_nothing_else(root: Root) -> None:
    assert sorted(_writable(root)) == sorted(STATE)
    gone = [path.name for path in (root.path / "app/.venv/bin").glob("*tailwind*")]
    assert gone == []
    assert not any((root.path / "app" / name).exists() for name in ("tests", "bench", "faults", ".git"))


def test_image_starts_as_its_user_and_answers_a_call(root: Root, make_tenant: MakeTenant) -> None:
    tenant = make_tenant()
    with _started(root) as port:
        assert _asked(port, "GET", "/healthz")[0] == 200
        assert _asked(port, "GET", "/accounts/login/")[0] == 200  # with CSS that was built
        status, answer = _called(port, tenant)
        assert (status, answer["object"]) == (200, "chat.completion")
    assert {path.split("/")[0] for path in _writable(root)} == {"tmp", "var"}


def _called(port: int, tenant: Tenant) -> tuple[int, Any]:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[[orbit-demo: tokens=7]] hi"}]}
    headers = {"authorization": f"Bearer {tenant.key}", "content-type": "application/json"}
    status, content = _asked(port, "POST", "/v1/chat/completions", json.dumps(body), headers)
    return status, json.loads(content)


def _asked(
    port: int, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def _started(root: Root) -> Iterator[int]:
    """By the Dockerfile's CMD and ENV, on a port of its own, with this suite's stores."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (PROJECT / "Dockerfile").read_text()
    command = json.loads(re.findall(r"^CMD (.+)$", text, re.MULTILINE)[0])
    fixed = dict(re.findall(r"^(?:ENV|   ) (\w+)=(\S+)", text.replace("ENV PATH", "ENV _PATH"), re.MULTILINE))
    names = ("DATABASE_URL", "REDIS_URL", "ORBIT_SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY")
    env = _environment(
        {
            **fixed,
            **{name: os.environ[name] for name in names},
            "ORBIT_PRIVATE_TARGETS": os.environ.get("ORBIT_PRIVATE_TARGETS", ""),
            "ORBIT_BIND": f"127.0.0.1:{port}",
            "ORBIT_WORKERS": "1",
            "ORBIT_DRAIN_S": "1",
            "ORBIT_REDIS_UNSAFE": "1",
            "ORBIT_REDIS_TIMEOUT_MS": "5000",
        }
    )
    assert env["DJANGO_SETTINGS_MODULE"] == "orbit.settings.prod"
    argv = root.command("/bin/sh", "-c", f"cd /app && exec {' '.join(command)}", user=UID)
    with (root.path / "log").open("wb") as log:
        process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
    try:
        _wait(process, port, root.path / "log")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if _asked(port, "GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.2)
