"""What works with what, out of the tests that show it: `python -m tests.compatibility` writes docs/compatibility.md.

A test names its cells by `@pytest.mark.cell(surface=…, provider=…, feature=…, client=…)`; each may be one name or a
tuple of them. One that runs with all client libraries names its feature by `@each_use(…)`. A cell without a test does not exist, and CI fails on a test that was skipped.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.libraries import uses_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "compatibility.md"
HEAD = """# What works with what

Made by `python -m tests.compatibility` from the tests that show it, and held to them by a test. A cell is there only where a named test runs in
CI, where a skipped one is a failure; "-" says that no test shows it, not that it does not work. Providers are the [demo provider](demo-provider.md), which
speaks both vendors' formats: no vendor's own service was reachable from where this was built. [providers.md](providers.md) tells how kinds
differ, [translation.md](translation.md) what has no counterpart.
"""
RAW = "plain HTTP"


@dataclass(frozen=True, slots=True)
class Cell:
    surface: str
    provider: str
    feature: str
    client: str
    test: str


def cells() -> list[Cell]:
    return [
        cell
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if any(mark in (text := path.read_text()) for mark in ("mark.cell(", "@each_use("))
        for cell in _in_module(path.relative_to(ROOT).as_posix(), ast.parse(text))
    ]


def _in_module(path: str, module: ast.Module) -> Iterator[Cell]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if not isinstance(decorator, ast.Call):
                    continue
                test = f"{path}::{node.name}"
                match ast.unparse(decorator.func):
                    case "pytest.mark.cell":
                        yield from _named(decorator, test)
                    case "each_use":
                        yield from _used(ast.literal_eval(decorator.args[0]), test)


def _named(mark: ast.Call, test: str) -> Iterator[Cell]:
    given: dict[str, Any] = {str(word.arg): ast.literal_eval(word.value) for word in mark.keywords}
    names = [given["surface"], given["provider"], given["feature"], given.get("client", RAW)]
    for surface, provider, feature, client in itertools.product(*map(_several, names)):
        yield Cell(surface, provider, feature, client, test)


def _used(feature: str, test: str) -> Iterator[Cell]:
    """A test of tests/clients that runs with every library that has the feature, before every kind of account that does."""
    for use in uses_of(feature):
        yield Cell(use.library.surface, use.kind, feature, use.library.title, test)


def _several(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def page(found: list[Cell]) -> str:
    parts = [HEAD]
    for surface in _ordered(found, "surface"):
        here = [cell for cell in found if cell.surface == surface]
        parts.append(f"\n## {surface}\n\n{_table(here)}")
    parts.append("\n## The tests\n")
    parts += [
        f"\n### {surface}: tests\n\n{_tests([one for one in found if one.surface == surface])}"
        for surface in _ordered(found, "surface")
    ]
    return "".join(parts)


def _ordered(found: list[Cell], field: str) -> list[str]:
    return list(dict.fromkeys(sorted(getattr(cell, field) for cell in found)))


def _table(found: list[Cell]) -> str:
    """Rows are features, columns providers; a cell names the clients that were used."""
    providers = _ordered(found, "provider")
    lines = [
        "| | " + " | ".join(f"`{one}`" for one in providers) + " |",
        "| --- |" + " --- |" * len(providers),
    ]
    for feature in _ordered(found, "feature"):
        row = [feature]
        for provider in providers:
            clients = {one.client for one in found if (one.provider, one.feature) == (provider, feature)}
            row.append("✓ " + ", ".join(sorted(clients)) if clients else "-")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _tests(found: list[Cell]) -> str:
    shown: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell in found:
        shown[cell.feature, cell.test].add(cell.provider)
    lines = ["| feature | provider | test |", "| --- | --- | --- |"]
    for (feature, test), providers in sorted(shown.items()):
        path, _, name = test.partition("::")
        lines.append(f"| {feature} | {', '.join(sorted(providers))} | `{path}` `{name}` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(cells()))
