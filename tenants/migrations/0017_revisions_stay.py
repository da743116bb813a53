"""The app deletes no revision; the database takes them along when their policy goes."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from orbit.lib.rowlevel import APP

SAME = "tenants_policyrevision_policy_id_same_org"
STAY = f"""
REVOKE DELETE ON tenants_policyrevision FROM {APP};
ALTER TABLE tenants_policyrevision DROP CONSTRAINT {SAME};
ALTER TABLE tenants_policyrevision ADD CONSTRAINT {SAME} FOREIGN KEY (organization_id, policy_id)
    REFERENCES tenants_policy (organization_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0016_inviter")]
    operations: ClassVar = [
        migrations.AlterField(
            "policyrevision",
            "policy",
            models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="revisions",
                to="tenants.policy",
            ),
        ),
        migrations.RunSQL(STAY, migrations.RunSQL.noop),
    ]
