"""Lints new migrations, for `make check`: one release expands the schema, a later one contracts it (docs/upgrading.md).

While workers of the former version still run, they read and write the new schema: nothing that they know may be gone or
become stricter, and nothing may lock a large table. A migration that has to says why in an attribute, `contracts = "…"`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import django
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelTable,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

# Made before this rule: their numbers, by app.
FORMER = {"audit": 11, "billing": 4, "orbit": 1, "quotas": 10, "tenants": 32}
# Tables that grow with every call. `audit_event` and those of usage have parts.
LARGE = {
    "audit_event",
    "audit_skeleton",
    "audit_content",
    "quotas_usagebucket",
    "quotas_usageday",
    "quotas_usagetotal",
    "quotas_usagefacet",
}
GONE = "workers of the former version still use it; stop using it in one release, drop it in the next"
NULLS = "workers of the former version write rows without it; let it be null or give it a db_default"
TYPE = "the table is written anew while everybody waits, and the former version knows the old type; add another column"
INDEX = "writers wait until it is made; use AddIndexConcurrently with atomic = False"

_SQL: Sequence[tuple[str, str]] = (
    (r"\bDROP\s+(?:TABLE|COLUMN|VIEW)\b", GONE),
    (r"\bRENAME\s+(?:TO|COLUMN)\b", GONE),
    (r"\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b", TYPE),
    (r"\bSET\s+NOT\s+NULL\b", NULLS),
    (r"\bADD\s+COLUMN\s+(?:(?!\bDEFAULT\b)[^,;])*\bNOT\s+NULL\b(?![^,;]*\bDEFAULT\b)", NULLS),
    (
        rf"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)[^;]*\bON\s+(?:ONLY\s+)?(?:{'|'.join(sorted(LARGE))})\b",
        INDEX,
    ),
)


def main() -> None:
    django.setup()
    found = list(faults())
    for one in found:
        print(one, file=sys.stderr)
    sys.exit(1 if found else 0)


def faults() -> Iterator[str]:
    """Of all migrations that are newer than the rule, in the order in which they are applied."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for app, name in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):  # noqa: SLF001 - as its own project_state does
        migration = loader.disk_migrations[app, name]
        if is_new(migration):
            yield from faults_of(migration, state)
        state = migration.mutate_state(state, preserve=False)


def is_new(migration: Migration) -> bool:
    known = FORMER.get(migration.app_label)
    return known is not None and int(re.match(r"\d*", migration.name)[0] or 0) > known  # type: ignore[index]


def faults_of(migration: Migration, before: ProjectState) -> Iterator[str]:
    """`before` is the state that it is applied to; it is left as it is."""
    if str(getattr(migration, "contracts", "")).strip():
        return
    state, made = before.clone(), set[str]()
    for operation in _of_database(migration.operations):
        if isinstance(operation, CreateModel):
            made.add(operation.name_lower)
        for what, why in _refused(operation, migration.app_label, state, made):
            yield f"{migration.app_label}/migrations/{migration.name}: {what}: {why}. Or say in `contracts` why it must be."
        operation.state_forwards(migration.app_label, state)


def _of_database(operations: Iterable[Operation]) -> Iterator[Operation]:
    for one in operations:
        if isinstance(one, SeparateDatabaseAndState):
            yield from _of_database(one.database_operations)
        else:
            yield one


def _refused(
    operation: Operation, app: str, state: ProjectState, made: set[str]
) -> Iterator[tuple[str, str]]:
    model = str(getattr(operation, "model_name_lower", getattr(operation, "name_lower", "")))
    if model and model in made:
        return  # nobody knows the table yet
    if isinstance(operation, RemoveField | RenameField | DeleteModel | RenameModel | AlterModelTable):
        yield operation.describe(), GONE
    check = _CHECKS.get(type(operation))
    if check is not None:
        yield from ((operation.describe(), why) for why in check(operation, app, state))


def _of_new_field(operation: Any, app: str, state: ProjectState) -> Iterator[str]:
    if _must_be_given(operation.field):
        yield NULLS
    indexed = operation.field.db_index or operation.field.unique or operation.field.remote_field
    if indexed and _table(app, operation.model_name, state) in LARGE:
        yield INDEX


def _of_changed_field(operation: Any, app: str, state: ProjectState) -> Iterator[str]:
    before = state.models[app, operation.model_name_lower].fields[operation.name]
    after = operation.field
    if before.null and _must_be_given(after):
        yield NULLS
    if _type(before) != _type(after) or _is_narrower(before, after):
        yield TYPE


def _of_index(operation: Any, app: str, state: ProjectState) -> Iterator[str]:
    if isinstance(operation, AddConstraint) and not isinstance(operation.constraint, models.UniqueConstraint):
        return
    if _table(app, operation.model_name, state) in LARGE:
        yield INDEX


def _of_sql(operation: Any, app: str, state: ProjectState) -> Iterator[str]:
    for text in _statements(operation.sql):
        yield from (
            f"`{match[0]}`: {why}" for pattern, why in _SQL for match in re.finditer(pattern, text, re.I)
        )


_CHECKS: dict[type[Operation], Callable[[Any, str, ProjectState], Iterator[str]]] = {
    AddField: _of_new_field,
    AlterField: _of_changed_field,
    AddIndex: _of_index,
    AddConstraint: _of_index,
    RunSQL: _of_sql,
}


def _must_be_given(field: models.Field[Any, Any]) -> bool:
    if field.many_to_many or getattr(field, "generated", False):
        return False
    return not field.null and field.db_default is NOT_PROVIDED


def _type(field: models.Field[Any, Any]) -> str:
    return str(field.deconstruct()[1])


def _is_narrower(before: models.Field[Any, Any], after: models.Field[Any, Any]) -> bool:
    return (after.max_length or sys.maxsize) < (before.max_length or sys.maxsize)


def _table(app: str, model: str, state: ProjectState) -> str:
    options = state.models[app, model.lower()].options
    return str(options.get("db_table") or f"{app}_{model.lower()}")


def _statements(sql: Any) -> Iterator[str]:
    if isinstance(sql, str):
        yield re.sub(r"--[^\n]*", "", sql)
        return
    for one in sql:
        yield from _statements(one if isinstance(one, str) else one[0])


if __name__ == "__main__":
    main()
