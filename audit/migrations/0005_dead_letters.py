"""Dead letters can be replayed: by the ledger's writer, who may change of them only how that went. Incidents are told."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from orbit.lib.rowlevel import LEDGER, OPERATOR

RIGHTS = f"""
GRANT UPDATE (reason, tries, tried_at, replayed_at) ON audit_deadletter TO {LEDGER};
GRANT SELECT, INSERT, UPDATE ON audit_incident TO {LEDGER};
GRANT USAGE ON SEQUENCE audit_incident_id_seq TO {LEDGER};
GRANT SELECT ON audit_incident TO {OPERATOR};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0004_find_events")]
    operations: ClassVar = [
        migrations.AddField("deadletter", "about", models.UUIDField(null=True)),
        migrations.AddField("deadletter", "replayed_at", models.DateTimeField(null=True)),
        migrations.AddField("deadletter", "tried_at", models.DateTimeField(null=True)),
        migrations.AddField("deadletter", "tries", models.IntegerField(db_default=0)),
        migrations.AlterModelOptions(
            "deadletter", {"permissions": [("replay_deadletter", "Can replay dead letters")]}
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("behind", "oldest event too old"),
                            ("length", "stream too long"),
                            ("memory", "store nearly full"),
                            ("store", "store away"),
                            ("dead_letters", "dead letters"),
                        ],
                        max_length=16,
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("ended_at", models.DateTimeField(null=True)),
                ("worst", models.FloatField()),
                ("words", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("kind",),
                        name="one_open_incident_of_a_kind",
                    )
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
