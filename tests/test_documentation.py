"""What the pages of documentation say is there, is there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.db.backends.utils import CursorWrapper

from orbit.launcher.state import PROJECT
from orbit.lib.rowlevel import APP, KEYFINDER, LEDGER, OPERATOR
from orbit.reference import marks

PAGES = sorted(
    [
        *(PROJECT / f"{name}.md" for name in ("README", "CHANGELOG", "SECURITY")),
        *(PROJECT / "docs").rglob("*.md"),
    ]
)
CODE = (
    "*.py",
    "*.html",
    "*.js",
    "*.lua",
    "*.yaml",
    "*.yml",
    "*.toml",
    "*.in",
    "*.sh",
    "*.service",
    "Makefile",
    "Dockerfile",
)
ENTRY = re.compile(r"([-*]|\d+\.) ")
ROLES = (APP, LEDGER, OPERATOR, KEYFINDER)
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def _text(name: str) -> str:
    return (PROJECT / name).read_text()


def _prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _rows(text: str, columns: int) -> list[list[str]]:
    """The rows of a page's tables that have so many columns, heads included."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [row for row in rows if len(row) == columns]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def _named_in_code() -> Iterator[tuple[str, str]]:
    """Each place outside of pages that names one, and what it names: `docs/limits.md#how-exact`."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *CODE]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in names.strip("\0").split("\0"):
        if (PROJECT / name).is_file():
            for link in re.findall(r"docs/[\w/.-]+\.md(?:#[\w-]+)?", (PROJECT / name).read_text()):
                yield name, link


def test_every_page_that_code_or_a_template_names_is_there() -> None:
    dead = []
    for name, link in _named_in_code():
        path, _, anchor = link.partition("#")
        target = PROJECT / path
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append((name, link))
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_lists_are_read_alike_by_github_and_by_mkdocs(page: Path) -> None:
    """MkDocs wants an empty line before the first entry, and four blanks before what belongs to an entry."""
    wrong, before = [], ""
    for number, line in enumerate(
        re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL).splitlines(), 1
    ):
        begins = ENTRY.match(line) and before.startswith("**") and before.endswith("**")
        apart = re.match(r" {1,3}\S", line) and (not before or ENTRY.match(line.strip()))
        if begins or apart:
            wrong.append((number, line[:60]))
        before = line
    assert wrong == []
    assert not re.search(r"^ {1,3}```", page.read_text(), re.MULTILINE)


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = set(re.findall(r": (\S+\.md)$", _text("mkdocs.yml"), re.MULTILINE)) - {"made/endpoints.md"}
    there = {str(page.relative_to(PROJECT)) for page in PAGES}
    assert {one for one in there if not one.startswith("docs/decisions/")} == listed


def test_what_pages_take_from_the_code_is_in_step() -> None:
    """`make reference` writes it."""
    assert marks.stale() == []


def test_page_whose_marks_are_not_those_of_its_sources_is_refused() -> None:
    with pytest.raises(ValueError, match="has the parts"):
        marks.filled("<!-- code: other -->\n\nx\n\n<!-- end of other -->", {"paths": str})
    page = "<!-- code: paths -->\n\nold\n\n<!-- end of paths -->"
    assert marks.filled(page, {"paths": lambda: "new\n"}) == page.replace("old", "new")


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {
        (PROJECT / link.partition("#")[0]).resolve()
        for link in re.findall(r"\]\(([^)\s]+)\)", _text("README.md"))
    }
    assert {page for page in PAGES if page.name != "README.md"} <= linked


def test_readme_begins_with_the_two_commands() -> None:
    first = re.search(r"^```sh\n(.*?)^```", _text("README.md"), re.MULTILINE | re.DOTALL)
    assert first is not None
    commands = [line.partition("#")[0].strip() for line in first[1].splitlines()]
    assert commands == ["make run", "make test"]


def test_commands_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))
    commands = {path.stem for path in PROJECT.glob("*/management/commands/*.py")}
    for page in PAGES:
        text = page.read_text()
        assert set(re.findall(r"^(?:\w+=\S+ )*make ([a-z-]+)", text, re.MULTILINE)) <= targets, page
        assert set(re.findall(r"^\.venv/bin/python manage\.py (\w+)", text, re.MULTILINE)) <= commands, page


def test_tests_that_are_named_as_proof_exist() -> None:
    for page in PAGES:
        text = page.read_text()
        for path in re.findall(r"`(tests/[\w/]+(?:\.py)?)`", text):
            assert (PROJECT / path).exists(), (page, path)
    defined = {
        node.name
        for path in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert named <= defined


def test_settings_in_the_readme_are_those_of_the_table() -> None:
    settings = re.compile(r"`([A-Z][A-Z0-9_]+)`")
    whole = {row[0]: row[1] for row in _rows(_text("docs/configuration.md"), 3) if settings.fullmatch(row[0])}
    shown = {row[0]: row[1] for row in _rows(_text("README.md"), 3) if settings.fullmatch(row[0])}
    assert len(shown) >= 8
    assert shown == {name: whole.get(name) for name in shown}


def test_every_package_has_its_reason() -> None:
    reasons = _text("docs/decisions/0001-dependencies.md")
    asked = {
        line.split("#")[0].strip()
        for name in ("base", "dev", "clients", "docs", "names", "presidio")
        for line in _text(f"requirements/{name}.in").splitlines()
        if line.split("#")[0].strip() and not line.startswith("-")
    }
    packages = {re.split(r"[=~<>]", line)[0] for line in asked}
    packages |= set(json.loads(_text("tests/clients/node/package.json"))["dependencies"])
    assert {name for name in packages if f"`{name}`" not in reasons} == set()


def test_every_redis_script_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.lua)`", _text("docs/architecture.md"), re.MULTILINE))
    assert listed == {path.name for path in (PROJECT / "quotas/lua").iterdir()}


def test_rights_are_those_of_the_migrated_database() -> None:
    """Each cell of the table of roles and rights, asked of Postgres. A `…` stands for the rest of a name."""
    rows = {row[0].replace("`", ""): row[1:] for row in _rows(_text("docs/architecture.md"), 6)[2:]}
    exact = {name: cells for name, cells in rows.items() if "…" not in name}
    families = {
        one.removesuffix("…"): cells for name, cells in rows.items() for one in name.split(", ") if "…" in one
    }
    found = _rights()
    assert exact.keys() <= found.keys()
    for table, cells in found.items():
        printed = exact.get(table) or next(
            (cells for prefix, cells in families.items() if table.startswith(prefix)), None
        )
        assert printed == cells, table


def _rights() -> dict[str, list[str]]:
    """Every table, partitions aside: whether row-level security is forced, and what each role may do."""
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity, relforcerowsecurity, oid FROM pg_class WHERE relkind IN ('r', 'p') "
            "AND relnamespace = 'public'::regnamespace AND NOT relispartition"
        )
        tables = cursor.fetchall()
        found = {}
        for table, enabled, forced, oid in tables:
            cells = ["forced" if enabled and forced else "-"]
            for role in ROLES:
                cursor.execute(
                    "SELECT string_agg(left(r, 1), '' ORDER BY n) FROM unnest(%s::text[]) WITH ORDINALITY AS rights(r, n) "
                    "WHERE has_table_privilege(%s, %s::oid, r)",
                    [list(RIGHTS), role, oid],
                )
                cells.append(cursor.fetchone()[0] or _columns(cursor, role, oid))
            found[table] = cells
    return found


def _columns(cursor: CursorWrapper, role: str, oid: int) -> str:
    """Rights on single columns, of which the key finder alone has some."""
    cursor.execute(
        "SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute WHERE attrelid = %s AND attnum > 0 "
        "AND NOT attisdropped AND has_column_privilege(%s, attrelid, attnum, 'SELECT')",
        [oid, role],
    )
    names = cursor.fetchone()[0]
    found = {("digest", one, "organization_id"): "three columns" for one in ("id", "key_id")}
    return "-" if names is None else found.get(tuple(names), str(names))
