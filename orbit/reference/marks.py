"""Parts of pages between `<!-- code: NAME -->` and `<!-- end of NAME -->`, and where in the code they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from audit import schema
from billing.reconcile import tolerance
from console import operators
from orbit.cli.commands import ALL
from orbit.launcher.state import PROJECT
from orbit.metrics.scrape import families
from orbit.reference import commands
from tenants import rights
from tenants.api import description

DOCS = PROJECT / "docs"
_PART = re.compile(r"(<!-- code: ([a-z ]+) -->\n\n).*?(\n\n<!-- end of \2 -->)", re.DOTALL)


def parts() -> Mapping[str, Mapping[str, Callable[[], str]]]:
    """By page, then by name of the part."""
    return {
        "api.md": {"paths": description.table},
        "cli.md": {"commands of orbit": _orbit},
        "commands.md": {"commands of manage": commands.managed, "options of orbit": commands.of_orbit},
        "events.md": {"fields": schema.table},
        "metrics.md": {"metrics": _metrics},
        "permissions.md": {
            "rights": rights.table,
            "operators": operators.table,
            "scopes": rights.operator_table,
            "presets": rights.preset_table,
        },
        "reconciliation.md": {"tolerances": tolerance.table},
    }


def stale(*, write: bool = False, folder: Path = DOCS) -> list[str]:
    """Pages that are not what the code says, by name. `write` puts them right, and then none is left."""
    found = []
    for page, sources in parts().items():
        path = folder / page
        before = path.read_text()
        after = filled(before, sources)
        if after == before:
            continue
        if write:
            path.write_text(after)
        else:
            found.append(f"docs/{page}")
    return found


def filled(text: str, sources: Mapping[str, Callable[[], str]]) -> str:
    """ValueError for a page whose marks are not those of its sources."""
    there = [one[2] for one in _PART.finditer(text)]
    if sorted(there) != sorted(sources):
        raise ValueError(f"the page has the parts {there}, and the code {list(sources)}")
    return _PART.sub(lambda one: f"{one[1]}{sources[one[2]]().strip()}{one[3]}", text)


def _orbit() -> str:
    return "\n".join(
        ["| command | does |", "| --- | --- |", *(f"| `{one.words}` | {one.help} |" for one in ALL)]
    )


def _metrics() -> str:
    rows = (
        f"| `{one.name}` | {one.kind.value} | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |"
        for one in families()
    )
    return "\n".join(["| name | kind | labels | what it is |", "| --- | --- | --- | --- |", *rows])
