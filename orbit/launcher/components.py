"""What the gateway is made of: the pinned packages, and what each says of its licence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orbit.launcher.state import PROJECT

# `base` is the gateway; the others are added for one store or one kind of sink.
LOCKS = ("base", "aws", "azure", "kafka")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ \\;]+)(?: *; *([^\\]*))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# Installed on other systems or older Pythons only, so that there may be nothing here to ask; read in their packages.
_ELSEWHERE = {"async-timeout": "Apache-2.0", "colorama": "BSD-3-Clause", "httpx2-jsfetch": "BSD-3-Clause"}
# Whose metadata leave it to a file, or say it in a way of their own.
_READ = {
    "fido2": "BSD-2-Clause",
    "google-re2": "BSD-3-Clause",
    "prompt-toolkit": "BSD-3-Clause",
    "python-crontab": "LGPL-3.0-or-later",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "python-stdnum": "LGPL-2.1-or-later",
    "python-bidi": "LGPL-3.0-only",
    "qrcode": "BSD-3-Clause",
    "reportlab": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "uritemplate": "BSD-3-Clause OR Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
}
# Words of metadata that are no names of SPDX's.
_MEANT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "New BSD": "BSD-3-Clause",
}
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Component:
    name: str
    version: str
    lock: str
    marker: str
    hashes: tuple[str, ...]  # SHA-256 of each file that the index has of it
    licence: str
    needs: tuple[str, ...] = field(default=())  # names of others

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def components(folder: Path = PROJECT / "requirements") -> list[Component]:
    """Each package once, under the first file that asks for it; more often where Pythons have different versions of it."""
    found: dict[str, Component] = {}
    for lock in LOCKS:
        for one in _locked(lock, (folder / f"{lock}.txt").read_text()):
            found.setdefault(one.purl, one)
    return sorted(found.values(), key=lambda one: one.purl)


def _locked(lock: str, text: str) -> Iterator[Component]:
    for line in text.replace("\\\n", " ").splitlines():
        if match := _PIN.match(line):
            name = canonicalize_name(match[1])
            marker = (match[3] or "").partition("--hash")[0].strip()
            yield Component(
                name, match[2], lock, marker, tuple(_HASH.findall(line)), _licence(name), tuple(_needs(name))
            )


def _licence(name: str) -> str:
    if name in _READ:
        return _READ[name]
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return _ELSEWHERE.get(name, UNKNOWN)
    classifiers = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier", []) if one.startswith("License ::")
    ]
    stated = [_said(told, "License-Expression"), _said(told, "License"), *classifiers]
    said = next((one for one in stated if one and len(one) <= 60), UNKNOWN)
    return _MEANT.get(said, said)


def _said(told: metadata.PackageMetadata, field: str) -> str:
    """The first line; "" where there is no such field."""
    return str((told.get_all(field) or [""])[0]).partition("\n")[0].strip()


def _needs(name: str) -> Iterator[str]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
