"""What was refused is looked for by time, among very many calls. Calls pay nothing for it."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0009_sinks")]
    operations: ClassVar = [
        migrations.RunSQL(
            "CREATE INDEX audit_event_refusals ON audit_event (organization_id, admitted_at DESC) WHERE kind = 'refusal';",
            "DROP INDEX audit_event_refusals;",
        ),
    ]
