"""Makes .venv and the CSS: `python3 orbit/launcher/bootstrap.py run|test`; with `names` the model that finds names, added
to .venv; with `clients` .venv-clients, with `presidio` .venv-presidio, with `audit` .venv-audit, with `docs` .venv-docs, with `evaluation`
.venv-evaluation, of which nothing is run.

It runs before anything is installed, so with the standard library only, and perhaps on a Python
too old for the gateway, so in an old syntax.
"""

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Tuple

PROJECT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.14")
LOCKS = {
    "run": ("base.txt",),
    "test": ("base.txt", "dev.txt"),
    "names": ("names.txt",),
    "clients": ("clients.txt",),
    "evaluation": ("evaluation.txt",),
    "presidio": ("presidio.txt",),
    "audit": ("audit.txt",),
    "docs": ("docs.txt",),
}
COVERED_BY = {
    "run": ("run", "test"),
    "test": ("test",),
    "names": ("names",),
    "clients": ("clients",),
    "evaluation": ("evaluation",),
    "presidio": ("presidio",),
    "audit": ("audit",),
    "docs": ("docs",),
}
# Added to what is there; all others are an environment of their own.
ADDED = ("names",)
# Without what the packages ask for: of one files are read, of the other no part is used that needs it.
BARE = ("evaluation", "names")
# Client libraries want other versions of what the gateway runs on, so they live apart.
VENVS = {
    "run": ".venv",
    "test": ".venv",
    "names": ".venv",
    "clients": ".venv-clients",
    "evaluation": ".venv-evaluation",
    "presidio": ".venv-presidio",
    "audit": ".venv-audit",
    "docs": ".venv-docs",
}
DOT_S = 3.0


class SetupError(Exception):
    """Cannot go on; the message says what to do."""


class Setup:
    """`kind` is what the environment is for: running, testing, which includes running, or the tests' clients."""

    def __init__(self, project: Path, kind: str) -> None:
        self.project = project
        self.kind = kind
        self.venv = project / VENVS[kind]
        self.python = self.venv / "bin" / "python"

    def run(self) -> None:
        with only_one(self.project):
            if not self.is_complete():
                self.install()
            if self.kind == "names":
                with step("Making the model that finds names"):
                    must([str(self.python), "-m", "dlp.names.convert"], cwd=str(self.project))
            if self.kind not in ("run", "test"):
                return
            write_command(self.project, self.python)
            Css(self.project, self.venv).build()
            if self.kind == "test":
                subprocess.call([str(self.python), "-m", "orbit.launcher.chromium"], cwd=str(self.project))

    def is_complete(self) -> bool:
        return self.python.exists() and any(
            read(self.mark(kind)) == self.digest(kind) for kind in COVERED_BY[self.kind]
        )

    def mark(self, kind: str) -> Path:
        return self.venv / ("orbit-%s.installed" % kind)

    def digest(self, kind: str) -> str:
        """Of the packages wanted and of the Python that they were installed for."""
        locks = [self.project / "requirements" / name for name in LOCKS[kind]]
        return digest_of(locks + [self.venv / "pyvenv.cfg"])

    def install(self) -> None:
        for kind in (self.kind,) if self.kind in ADDED else LOCKS:
            with contextlib.suppress(FileNotFoundError):
                self.mark(kind).unlink()
        uv = shutil.which("uv")
        if not self.venv_works():
            if self.kind in ADDED:
                raise SetupError("There is no environment yet to add to. Run `make setup` first.")
            self.make_venv(uv, find_python(uv))
        with step("Installing packages, a minute or two the first time"):
            self.install_packages(uv)
        # Written last: a set-up that was cut short is done again.
        self.mark(self.kind).write_text(self.digest(self.kind))

    def venv_works(self) -> bool:
        """One half-made, moved or whose Python is gone is made again."""
        if not self.python.exists():
            return False
        check = "import sys; sys.exit(sys.prefix != %r or sys.version_info < %r)" % (str(self.venv), OLDEST)
        return run([str(self.python), "-c", check])[0] == 0

    def make_venv(self, uv: Optional[str], base: str) -> None:
        with step("Making %s with " % self.venv.name + ("uv" if uv else base)):
            if uv:
                must([uv, "venv", "--quiet", "--clear", "--python", base, str(self.venv)])
                return
            code, said = run([base, "-m", "venv", "--clear", str(self.venv)])
            if code:
                shutil.rmtree(str(self.venv), ignore_errors=True)
                raise SetupError(venv_advice(base, said))

    def install_packages(self, uv: Optional[str]) -> None:
        files = [
            word for name in LOCKS[self.kind] for word in ("-r", str(self.project / "requirements" / name))
        ]
        if uv:
            bare = ["--no-deps"] if self.kind in BARE else []
            code, said = run(
                [uv, "pip", "install", "--quiet", "--python", str(self.python), "--require-hashes"]
                + bare
                + files
            )
            if code == 0:
                return
            print("uv could not install them, trying pip. It said:\n" + said.strip())
        if run([str(self.python), "-m", "pip", "--version"])[0]:  # uv makes environments without pip
            must([str(self.python), "-m", "ensurepip", "--upgrade"])
        options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]
        if self.kind in BARE:
            options.append("--no-deps")
        if self.kind == "clients":  # compiling what nobody imports takes a third of the time
            options.append("--no-compile")
        must([str(self.python), "-m", "pip", "install"] + options + files)


class Css:
    """Tailwind's output, made again when a file changed in which it may find class names."""

    sources = ("static/src", "templates", "console")
    endings = ("*.css", "*.html", "*.js", "*.py")

    def __init__(self, project: Path, venv: Path) -> None:
        self.project = project
        self.source = project / "static" / "src" / "app.css"
        self.built = project / "static" / "build" / "app.css"
        self.mark = self.built.with_name(".app.css.sources")
        self.tailwind = venv / "bin" / "tailwindcss"

    def build(self) -> None:
        if not self.source.exists():
            return
        wanted = self.digest()
        if self.built.exists() and read(self.mark) == wanted:
            return
        with step("Building the CSS"):
            self.built.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.built.with_name(".app.css.new")
            paths = ["--input", str(self.source), "--output", str(fresh)]
            must([str(self.tailwind)] + paths + ["--minify"], cwd=str(self.project))
            fresh.replace(self.built)
            self.mark.write_text(wanted)

    def digest(self) -> str:
        found = [self.project / "requirements" / "base.txt"]
        for folder in self.sources:
            for ending in self.endings:
                found += sorted((self.project / folder).rglob(ending))
        return digest_of(found)


# sh reads the second line and starts the right Python, to which both lines are a text: a path in #! may be neither
# long nor have a space.
COMMAND = """#!/bin/sh
'''exec' %s "$0" "$@"
' '''
import sys

sys.path[0] = %r
from orbit.cli.main import main

sys.exit(main())
"""


def write_command(project: Path, python: Path) -> None:
    """.venv/bin/orbit, the command line over the management API. The project is no package, so this says where it is."""
    command = python.with_name("orbit")
    wanted = COMMAND % (shlex.quote(str(python)), str(project))
    if read(command) != wanted:
        fresh = command.with_name(".orbit.new")
        fresh.write_text(wanted)
        fresh.chmod(0o755)
        fresh.replace(command)


def find_python(uv: Optional[str]) -> str:
    """A Python that is new enough; with uv, a version for it to fetch if there is none."""
    if sys.version_info >= OLDEST:
        return sys.executable
    check = "import sys; sys.exit(sys.version_info < %r)" % (OLDEST,)
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and run([path, "-c", check])[0] == 0:
            return path
    if uv:
        return "3.13"
    raise SetupError(
        "Orbit Gateway needs Python 3.11 or newer; %s is %s and no python3.11 to python3.14 was found.\n"
        "Install one (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.13),\n"
        "or install uv, which fetches one by itself (https://docs.astral.sh/uv/), and start again."
        % (sys.executable, ".".join(map(str, sys.version_info[:3])))
    )


def venv_advice(base: str, said: str) -> str:
    if run([base, "-c", "import ensurepip, venv"])[0] == 0:
        return "Could not make the environment:\n" + said.strip()
    version = run([base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])[1].strip()
    sudo = "" if os.geteuid() == 0 else "sudo "
    return (
        "This Python cannot make virtual environments: on Debian and Ubuntu that is a package of its own. Run\n"
        "  %sapt-get install python%s-venv\n"
        "and start again. Installing uv instead works too." % (sudo, version)
    )


@contextlib.contextmanager
def only_one(project: Path) -> Iterator[None]:
    """Two set-ups at a time would write into each other's files."""
    with open(str(project / ".setup.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another set-up is running here; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    print(label + " ...", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(" not done.", flush=True)
        raise
    print(" %.1f s" % (time.monotonic() - began), flush=True)


def must(command: List[str], cwd: Optional[str] = None) -> None:
    code, said = run(command, cwd)
    if code:
        raise SetupError("`%s` ended with code %d:\n%s" % (" ".join(command), code, said.strip()))


def run(command: List[str], cwd: Optional[str] = None) -> Tuple[int, str]:
    """The exit code and all output; prints a dot now and then, so that a long step shows life."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd
        )
        try:
            while True:
                try:
                    process.wait(DOT_S)
                    break
                except subprocess.TimeoutExpired:
                    print(".", end="", flush=True)
        except BaseException:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        return process.returncode, output.read().decode("utf-8", "replace")


def read(path: Path) -> Optional[str]:
    try:
        return path.read_text()
    except OSError:
        return None


def digest_of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(str(path.name).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit("usage: python3 orbit/launcher/bootstrap.py " + "|".join(LOCKS))
    try:
        Setup(PROJECT, sys.argv[1]).run()
    except SetupError as error:
        sys.exit("\n" + str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next run goes on from here.")


if __name__ == "__main__":
    main()
