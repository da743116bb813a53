"""What a new migration may not do while workers of the former version run."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from orbit.launcher import expansion


def faults(*operations: Operation, contracts: str = "") -> list[str]:
    """Of a migration with these operations, on a table of ours and on the ledger's."""
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=40, null=True)),
    ]
    for model in ("thing", "event"):
        state.add_model(ModelState("audit", model, fields))
    kind = type(
        "Migration", (migrations.Migration,), {"operations": list(operations), "contracts": contracts}
    )
    return list(expansion.faults_of(kind("0099_new", "audit"), state))


REFUSED: list[tuple[Operation, str]] = [
    (migrations.RemoveField("thing", "name"), expansion.GONE),
    (migrations.RenameField("thing", "name", "title"), expansion.GONE),
    (migrations.DeleteModel("thing"), expansion.GONE),
    (migrations.RenameModel("thing", "object"), expansion.GONE),
    (migrations.AddField("thing", "size", models.IntegerField(default=0)), expansion.NULLS),
    (migrations.AlterField("thing", "name", models.CharField(max_length=40)), expansion.NULLS),
    (migrations.AlterField("thing", "name", models.CharField(max_length=20, null=True)), expansion.TYPE),
    (migrations.AlterField("thing", "name", models.IntegerField(null=True)), expansion.TYPE),
    (migrations.AddIndex("event", models.Index(fields=["name"], name="by_name")), expansion.INDEX),
    (migrations.AddField("event", "size", models.IntegerField(null=True, db_index=True)), expansion.INDEX),
    (migrations.RunSQL("ALTER TABLE audit_thing DROP COLUMN name"), expansion.GONE),
    (migrations.RunSQL(["SELECT 1", "ALTER TABLE audit_thing RENAME TO b"]), expansion.GONE),
    (migrations.RunSQL([("ALTER TABLE audit_thing ALTER COLUMN name TYPE int", [])]), expansion.TYPE),
    (migrations.RunSQL("ALTER TABLE audit_thing ADD COLUMN size int NOT NULL"), expansion.NULLS),
    (migrations.RunSQL("CREATE INDEX by_name ON audit_event (name)"), expansion.INDEX),
]
TAKEN: list[Operation] = [
    migrations.AddField("thing", "size", models.IntegerField(null=True)),
    migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
    migrations.AlterField("thing", "name", models.CharField(max_length=80, null=True)),
    migrations.AddIndex("thing", models.Index(fields=["name"], name="by_name")),
    AddIndexConcurrently("event", models.Index(fields=["name"], name="by_name")),
    migrations.RunSQL("ALTER TABLE audit_thing ADD COLUMN size int NOT NULL DEFAULT 0"),
    migrations.RunSQL(
        "-- nobody may DROP TABLE audit_thing\nCREATE INDEX CONCURRENTLY by_name ON audit_event (name)"
    ),
    migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("thing", "name")]),
]


@pytest.mark.parametrize(("operation", "why"), REFUSED)
def test_refused(operation: Operation, why: str) -> None:
    (found,) = faults(operation)
    assert found.startswith("audit/migrations/0099_new: ")
    assert why in found


@pytest.mark.parametrize("operation", TAKEN)
def test_taken(operation: Operation) -> None:
    assert faults(operation) == []


def test_new_table_is_nobodys_yet() -> None:
    made = migrations.CreateModel("new", [("id", models.BigAutoField(primary_key=True))])
    assert faults(made, migrations.AddField("new", "size", models.IntegerField())) == []


def test_migration_that_says_why_is_taken() -> None:
    assert faults(migrations.DeleteModel("thing"), contracts="nobody has read it since 0.3") == []


def test_the_projects_own_migrations_hold() -> None:
    assert list(expansion.faults()) == []
