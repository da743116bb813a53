"""Checks of the repository itself, for `make check`: requirements in step, nothing of one machine in a file,
one way out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from orbit.launcher.outbound import outbound_faults
from orbit.launcher.state import PROJECT

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ \\;]+)")
_INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|^\s*-[if] ", re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|Users|root|work)/[a-z]\w*")
_TEXT = {".py", ".txt", ".in", ".md", ".toml", ".yml", ".yaml", ".html", ".css", ".js", ".mjs", ".json", ".lua", ".sh", ""}  # fmt: skip


def main() -> None:
    found = [
        *requirement_faults(PROJECT / "requirements"),
        *clients_faults(PROJECT / "requirements"),
        *(
            fault
            for name in ("audit", "docs", "evaluation", "names", "presidio")
            for fault in clients_faults(PROJECT / "requirements", name)
        ),
        *node_faults(PROJECT / "tests/clients/node"),
        *machine_faults(PROJECT),
        *outbound_faults(PROJECT),
    ]
    for fault in found:
        print(fault, file=sys.stderr)
    sys.exit(1 if found else 0)


def requirement_faults(folder: Path) -> Iterator[str]:
    """Each file that is compiled must hold all that its source asks for, and what that needs in turn."""
    pins: dict[str, str] = {}
    for name in ("base", "aws", "azure", "kafka", "dev"):
        source, compiled = f"{name}.in", f"{name}.txt"
        text = (folder / compiled).read_text()
        yield from _file_faults(folder, source, compiled)
        for package, version in _pins(text).items():
            if pins.setdefault(package, version) != version:
                yield f"requirements/{compiled}: {package} {version}, but another file has {pins[package]}"
        for requirement in _asked(folder / source):
            yield from _missing(source, requirement, pins, set())


def clients_faults(folder: Path, name: str = "clients") -> Iterator[str]:
    """These are not installed here, so what they need in turn is left to the installer, which wants all of it hashed."""
    yield from _file_faults(folder, f"{name}.in", f"{name}.txt")
    pins = _pins((folder / f"{name}.txt").read_text())
    for wanted in _asked(folder / f"{name}.in"):
        version = pins.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(Version(version), prereleases=True):
            yield f"requirements/{name}.in: {wanted} is not what is compiled ({version}); run `make requirements`"


def node_faults(folder: Path) -> Iterator[str]:
    """npm's lock holds what package.json asks for, by hash and without the address that it came from."""
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    if lock[""]["dependencies"] != asked:
        yield "tests/clients/node: package-lock.json is not of this package.json; run `npm install --package-lock-only`"
    for name, entry in lock.items():
        if "resolved" in entry:
            yield f"tests/clients/node/package-lock.json: {name} names a registry; leave it out, as .npmrc says"
        if name and not entry.get("integrity", "").startswith("sha512-"):
            yield f"tests/clients/node/package-lock.json: no hash for {name}"


def machine_faults(project: Path) -> Iterator[str]:
    for path in _tracked(project):
        if path.suffix not in _TEXT or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if _MACHINE_PATH.search(line):
                yield f"{path.relative_to(project)}:{number}: a path of one machine"


def _file_faults(folder: Path, source: str, compiled: str) -> Iterator[str]:
    text = (folder / compiled).read_text()
    if _INDEX.search(text + (folder / source).read_text()):
        yield f"requirements/{compiled}: names a package index; that is for each machine's own configuration"
    yield from _unhashed(compiled, text)


def _unhashed(name: str, text: str) -> Iterator[str]:
    logical = text.replace("\\\n", " ")
    for line in logical.splitlines():
        if _PIN.match(line) and "--hash=sha256:" not in line:
            yield f"requirements/{name}: no hash for {line.split('==')[0]}"


def _pins(text: str) -> dict[str, str]:
    found = (_PIN.match(line) for line in text.splitlines())
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def _asked(source: Path) -> Iterator[Requirement]:
    for line in source.read_text().splitlines():
        words = line.partition(" #")[0].strip()
        if words and not words.startswith(("#", "-")):
            yield Requirement(words)


def _missing(source: str, wanted: Requirement, pins: dict[str, str], seen: set[str]) -> Iterator[str]:
    name = canonicalize_name(wanted.name)
    version = pins.get(name)
    if version is None or not wanted.specifier.contains(Version(version), prereleases=True):
        yield f"requirements/{source}: {wanted} is not what is compiled ({version}); run `make requirements`"
        return
    key = f"{name}{sorted(wanted.extras)}"
    if key in seen:
        return
    seen.add(key)
    for line in metadata.requires(name) or []:
        needed = Requirement(line)
        extras = wanted.extras or {""}
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            yield from _missing(source, needed, pins, seen)


def _tracked(project: Path) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    return [project / name for name in listed.split("\0") if name]


if __name__ == "__main__":
    main()
