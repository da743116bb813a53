"""Acts and corrections are rare among calls: found by their kind, in the order of the chain. Calls pay nothing for it."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0002_ledger")]
    operations: ClassVar = [
        migrations.RunSQL(
            "CREATE INDEX audit_event_rest ON audit_event (organization_id, kind, seq) WHERE kind <> 'call';",
            "DROP INDEX audit_event_rest;",
        ),
    ]
