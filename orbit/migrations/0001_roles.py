"""The database roles that every connection but the migrations' takes."""

from typing import ClassVar

from django.db import migrations

from orbit.lib.rowlevel import CREATE_ROLES


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [migrations.RunSQL(CREATE_ROLES, migrations.RunSQL.noop)]
