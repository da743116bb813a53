"""Who may read and write prices and rollups."""

from typing import ClassVar

from django.db import migrations

from orbit.lib.rowlevel import APP, LEDGER, OPERATOR, protect

PRICES = f"""
GRANT SELECT, INSERT ON quotas_price TO {APP}, {OPERATOR};
GRANT USAGE ON SEQUENCE quotas_price_id_seq TO {APP}, {OPERATOR};
GRANT USAGE ON SEQUENCE quotas_usagebucket_id_seq, quotas_dirtybucket_id_seq TO {LEDGER};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            [
                protect("quotas_usagebucket", app="SELECT", ledger="SELECT, INSERT, UPDATE, DELETE"),
                protect("quotas_dirtybucket", app="SELECT", ledger="SELECT, INSERT, DELETE"),
                PRICES,
            ],
            migrations.RunSQL.noop,
        ),
    ]
