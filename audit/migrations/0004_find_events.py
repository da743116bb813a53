"""What operators look for among very many calls: the id that a caller was told, acts, and what went wrong.

A partial index serves a filter by one value, of which Postgres knows that it is not the value left out.
"""

from typing import ClassVar

from django.db import migrations

INDEXES = """
CREATE INDEX audit_event_request ON audit_event (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_event_acts ON audit_event (organization_id, admitted_at DESC) WHERE kind = 'act';
CREATE INDEX audit_event_no_call ON audit_event (kind, event_id) WHERE kind <> 'call';
CREATE INDEX audit_event_not_settled ON audit_event (status, event_id) WHERE status <> 'settled';
"""
NAMES = ("request", "acts", "no_call", "not_settled")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0003_rest_by_kind")]
    operations: ClassVar = [
        migrations.RunSQL(INDEXES, "".join(f"DROP INDEX audit_event_{name};" for name in NAMES)),
    ]
