"""Fallbacks behind the same two walls as every table of an organization."""

from typing import ClassVar

from django.db import migrations

from orbit.lib.rowlevel import protect, same_organization

FALLBACKS = [
    protect("tenants_modelfallback"),
    same_organization("tenants_modelfallback", "alias_id", "tenants_modelalias"),
    same_organization("tenants_modelfallback", "fallback_id", "tenants_modelalias"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0003_routes")]
    operations: ClassVar = [migrations.RunSQL([*FALLBACKS], migrations.RunSQL.noop)]
