"""Walls between organizations: row-level security, composite foreign keys, the narrow look-up of keys."""

from typing import ClassVar

from django.db import migrations

from orbit.lib.rowlevel import APP, KEYFINDER, OPERATOR, PERSON, protect, same_organization

MEMBER = (
    "EXISTS (SELECT FROM tenants_membership m WHERE m.organization_id = tenants_organization.id "
    f"AND m.person_id = {PERSON})"
)

# The one way to a row before its organization is known: from a key's digest to its two ids.
FIND_KEY = f"""
CREATE FUNCTION orbit_find_key(wanted bytea) RETURNS TABLE (key_id uuid, organization_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT k.id, k.organization_id FROM public.tenants_apikey k WHERE k.digest = wanted';
GRANT {KEYFINDER} TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO {KEYFINDER};
ALTER FUNCTION orbit_find_key(bytea) OWNER TO {KEYFINDER};
REVOKE CREATE ON SCHEMA public FROM {KEYFINDER};
REVOKE ALL ON FUNCTION orbit_find_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION orbit_find_key(bytea) TO {APP};
GRANT SELECT (id, organization_id, digest) ON tenants_apikey TO {KEYFINDER};
CREATE POLICY keyfinder ON tenants_apikey FOR SELECT TO {KEYFINDER} USING (true);
"""

TABLES = [
    protect("tenants_organization", column="id", app="SELECT, INSERT, UPDATE", person=MEMBER),
    protect("tenants_membership", person=f"person_id = {PERSON}"),
    protect("tenants_project", app="SELECT, INSERT, UPDATE"),
    protect("tenants_policy"),
    protect("tenants_policyrevision", app="SELECT, INSERT, DELETE"),
    protect("tenants_apikey", app="SELECT, INSERT, UPDATE"),
    protect("tenants_provideraccount"),
    protect("tenants_modelalias"),
    protect("tenants_modeltarget"),
]

SAME = [
    same_organization("tenants_policyrevision", "policy_id", "tenants_policy"),
    same_organization("tenants_project", "policy_id", "tenants_policy"),
    same_organization("tenants_apikey", "project_id", "tenants_project"),
    same_organization("tenants_apikey", "policy_id", "tenants_policy"),
    same_organization("tenants_modeltarget", "alias_id", "tenants_modelalias"),
    same_organization("tenants_modeltarget", "account_id", "tenants_provideraccount"),
]

INSTALLATION = f"""
INSERT INTO tenants_installation (id, shards) VALUES (1, 64);
GRANT SELECT ON tenants_installation TO {APP}, {OPERATOR}, orbit_ledger;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL([*TABLES, *SAME, FIND_KEY, INSTALLATION], migrations.RunSQL.noop),
    ]
