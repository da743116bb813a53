"""Events are found by the id that callers were told, and an organization's acts among its calls."""

from typing import ClassVar

from django.db import migrations

INDEXES = """
CREATE INDEX audit_event_request ON audit_event (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_event_acts ON audit_event (organization_id, admitted_at DESC) WHERE kind = 'act';
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0002_ledger")]
    operations: ClassVar = [
        migrations.RunSQL(INDEXES, "DROP INDEX audit_event_request; DROP INDEX audit_event_acts;"),
    ]
