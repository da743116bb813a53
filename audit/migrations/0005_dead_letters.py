"""Dead letters can be replayed: by the ledger's writer, who may change of them only how that went."""

from typing import ClassVar

from django.db import migrations, models

from orbit.lib.rowlevel import LEDGER

RIGHTS = f"GRANT UPDATE (reason, tries, tried_at, replayed_at) ON audit_deadletter TO {LEDGER};"


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
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
