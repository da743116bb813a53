"""Room on their own pages for the rows of today, which the ledger's writer updates again and again (as 0007 has it for days
and totals). Pages that are there fill up as before; new ones are for new quarters, which is where updates go."""

from typing import ClassVar

from django.db import migrations

TABLES = ("quotas_usagebucket", "quotas_usagefacet")


def altered(what: str) -> str:
    return "".join(f"ALTER TABLE {name} {what};" for name in TABLES)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0008_adjustments_without_key")]

    operations: ClassVar = [
        migrations.RunSQL(altered("SET (fillfactor = 80)"), altered("RESET (fillfactor)")),
    ]
