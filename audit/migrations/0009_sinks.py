"""Cursors, dead letters and changes of sinks. They are the operator's: the app has no right to them."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from orbit.lib.rowlevel import LEDGER, OPERATOR

GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_sink, audit_sinkcursor, audit_sinkdeadletter TO {OPERATOR};
GRANT SELECT, INSERT ON audit_sinkchange TO {OPERATOR};
GRANT USAGE ON SEQUENCE audit_sink_id_seq, audit_sinkcursor_id_seq, audit_sinkdeadletter_id_seq, audit_sinkchange_id_seq
    TO {OPERATOR};
GRANT SELECT ON audit_sink, audit_sinkcursor TO {LEDGER};
"""
NOW = django.db.models.functions.datetime.Now()


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0008_contents")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Sink",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=63, unique=True)),
                ("kind", models.CharField(max_length=20)),
                ("settings", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(db_default=NOW)),
                ("removed_at", models.DateTimeField(null=True)),
                ("sent", models.BigIntegerField(default=0)),
                ("passed_over", models.BigIntegerField(default=0)),
                ("missing", models.BigIntegerField(default=0)),
                ("last_sent_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0)),
                ("last_error", models.CharField(default="", max_length=300)),
                ("next_try_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="SinkChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=NOW)),
                ("sink", models.CharField(max_length=63)),
                ("action", models.CharField(max_length=20)),
                ("actor", models.CharField(max_length=120)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
            ],
            options={"verbose_name": "change of a sink", "verbose_name_plural": "changes of sinks"},
        ),
        migrations.CreateModel(
            name="SinkCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.SmallIntegerField()),
                ("shard_seq", models.BigIntegerField()),
                ("moved_at", models.DateTimeField(db_default=NOW)),
                ("sink", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="audit.sink")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("sink", "shard"), name="one_cursor_per_shard")
                ],
            },
        ),
        migrations.CreateModel(
            name="SinkDeadLetter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField()),
                ("event_organization_id", models.UUIDField()),
                ("shard", models.SmallIntegerField()),
                ("shard_seq", models.BigIntegerField()),
                ("reason", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=NOW)),
                ("replay_asked_at", models.DateTimeField(null=True)),
                ("replayed_at", models.DateTimeField(null=True)),
                ("sink", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="audit.sink")),
            ],
            options={
                "verbose_name": "sink's dead letter",
                "constraints": [
                    models.UniqueConstraint(fields=("sink", "event_id"), name="one_letter_per_event")
                ],
            },
        ),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
