"""Two walls between organizations, each tried alone. Drop row-level security from one table and this file fails."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import yaml
from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    models,
    transaction,
)
from django.utils import timezone

from audit.models import OutboxEntry
from orbit import startup
from orbit.lib import access
from orbit.lib.access import AccessDenied, ScopedManager
from tenants.models import ApiKey, Membership, Organization, Person, Policy, PolicyRevision, Project
from tenants.services import add_member, create_organization, save_policy, save_project
from tests.tenants.conftest import SECRET, Apply, apply_text, entry_of
from tests.tenants.every_table import MODELS, furnish


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, database: None) -> tuple[UUID, UUID]:
    """Two of them, for tests that change nothing."""
    slug = f"t-{secrets.token_hex(6)}"
    folder = tmp_path_factory.mktemp("two")

    def made(name: str) -> UUID:
        entry = entry_of(name)
        text = yaml.safe_dump({"version": 1, "organizations": [entry]})
        assert apply_text(folder, text, "--json").code == 0
        return furnish(name, entry)

    return made(slug), made(f"{slug}-b")


def _column(model: type[models.Model]) -> str:
    return "id" if model is Organization else "organization_id"


def test_every_table_of_tenants_has_forced_row_level_security() -> None:
    """Asked of the catalog, so that a table without a model counts too."""
    cursor = connections["operator"].cursor()
    cursor.execute(
        """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
               c.relispartition,
               has_table_privilege('orbit_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE'),
               has_any_column_privilege('orbit_app', c.oid, 'SELECT')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND (
            c.relname = 'tenants_organization'
            OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'))
        """
    )
    rows = cursor.fetchall()
    names = {name for name, *_ in rows}
    assert {model._meta.db_table for model in MODELS} <= names
    for name, forced, policies, partition, reachable, readable in rows:
        if partition:  # only reached through its parent, whose policies apply
            assert not reachable, name
            assert not readable, name
        else:
            assert forced, f"{name} has no forced row-level security"
            assert policies >= 2, name
    print(f"{len(rows)} tables, {len(MODELS)} of them models, have forced row-level security")


def test_the_roles_of_requests_cannot_get_round_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'orbit\\_%%' AND rolname <> 'orbit_login' "
            "AND (rolsuper OR rolbypassrls OR rolcanlogin)"
        )
        assert cursor.fetchall() == []


WHO = """SELECT current_user, session_user, c.rolsuper OR c.rolbypassrls, s.rolsuper OR s.rolbypassrls OR s.rolinherit
FROM pg_roles c, pg_roles s WHERE c.rolname = current_user AND s.rolname = session_user"""


def test_every_connection_of_the_suite_works_as_a_bound_role() -> None:
    assert set(connections) == set(startup.ROLES)
    for alias, role in startup.ROLES.items():
        with connections[alias].cursor() as cursor:
            cursor.execute(WHO)
            assert cursor.fetchall() == [(role, "orbit_login", False, False)], alias
            cursor.execute("RESET ROLE")  # what it was when it connected, not the login
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (role,), alias


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_raw_sql_in_one_scope_sees_no_row_of_another(
    model: type[models.Model], two: tuple[UUID, UUID]
) -> None:
    """The second wall alone: no manager stands between."""
    mine, theirs = two
    table, column = model._meta.db_table, _column(model)
    with access.scope(organization_id=mine), connection.cursor() as cursor:
        sees_only_its_own(cursor, model, mine, theirs)
        assert _affected(f'UPDATE "{table}" SET {column} = {column} WHERE {column} = %s', theirs) == 0
        assert _affected(f'DELETE FROM "{table}" WHERE {column} = %s', theirs) == 0
    with transaction.atomic(), connection.cursor() as cursor:  # no scope at all
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        assert cursor.fetchone() == (0,)


def sees_only_its_own(cursor: Any, model: type[models.Model], mine: UUID, theirs: UUID) -> None:
    """What the test above asks of each table, in the scope of `mine`."""
    table, column = model._meta.db_table, _column(model)
    cursor.execute(f'SELECT count(*) FROM "{table}" WHERE {column} = %s', [theirs])
    assert cursor.fetchone() == (0,), "rows of another organization are seen"
    cursor.execute(f'SELECT DISTINCT {column} FROM "{table}"')
    assert cursor.fetchall() == [(mine,)], "not exactly the organization's own rows are seen"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_that_test_fails_when_the_table_loses_a_policy(
    model: type[models.Model], two: tuple[UUID, UUID]
) -> None:
    """Each change is made as the owner in a transaction that is rolled back."""
    mine, theirs = two
    table = f'"{model._meta.db_table}"'
    changes = {
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY": "another organization",
        f"CREATE POLICY forgotten ON {table} USING (true)": "another organization",
        f"ALTER POLICY tenant ON {table} USING (true)": "another organization",
        f"DROP POLICY tenant ON {table}": "own rows",
    }
    with psycopg.connect(settings.DATABASE_OWNER_URL) as owner:
        for change, word in {"SELECT 1": "", **changes}.items():
            with owner.transaction(force_rollback=True), owner.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20s'")
                cursor.execute(change.encode())
                cursor.execute("SET LOCAL ROLE orbit_app")
                cursor.execute("SELECT set_config('orbit.organization', %s, true)", [str(mine)])
                if not word:  # as it is, it passes
                    sees_only_its_own(cursor, model, mine, theirs)
                    continue
                with pytest.raises(AssertionError, match=word):
                    sees_only_its_own(cursor, model, mine, theirs)


def _affected(sql: str, organization_id: UUID) -> int:
    """How many rows a statement reached; none when the role has no such right."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [organization_id])
            return int(cursor.rowcount)
    except ProgrammingError:
        return 0


def test_nothing_is_written_into_another_organization(
    organization: Organization, other: Organization
) -> None:
    with (
        access.scope(organization_id=organization.id),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        Policy.objects.create(organization_id=other.id, name="stowaway")


def test_moving_a_row_into_another_organization_is_refused(
    organization: Organization, other: Organization
) -> None:
    save_policy(organization_id=organization.id, name="mine", document={}, actor="test")
    with (
        access.scope(organization_id=organization.id),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        Policy.objects.filter(name="mine").update(organization_id=other.id)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_scoped_manager_refuses_outside_a_scope(model: Any) -> None:
    assert isinstance(model.objects, ScopedManager)
    with pytest.raises(AccessDenied):
        model.objects.exists()


def test_a_scoped_manager_filters_by_itself(organization: Organization, other: Organization) -> None:
    """The first wall alone: an organization's query names the organization."""
    with access.scope(organization_id=organization.id):
        assert "organization_id" in str(Project.objects.all().query)
        assert list(Organization.objects.all()) == [organization]


def test_scopes_nest_and_end() -> None:
    one, two = (create_organization(slug=f"n-{uuid4().hex[:12]}", actor="test") for _ in range(2))
    with access.scope(organization_id=one.id):
        with access.scope(organization_id=two.id):
            assert Organization.objects.get() == two
        assert Organization.objects.get() == one
    with pytest.raises(AccessDenied):
        Organization.objects.first()


def test_a_person_sees_only_own_memberships(organization: Organization, other: Organization) -> None:
    people = [
        Person.objects.create_user(f"{uuid4().hex}@example.com", "long-enough-for-a-test") for _ in range(2)
    ]
    for place, person in zip((organization, other), people, strict=True):
        add_member(organization_id=place.id, person=person, role="owner", actor="test")
    with access.scope(person_id=people[0].pk), connection.cursor() as cursor:
        assert [member.organization_id for member in Membership.objects.all()] == [organization.id]
        cursor.execute("SELECT id FROM tenants_organization")
        assert cursor.fetchall() == [(organization.id,)]
        cursor.execute("SELECT count(*) FROM tenants_project")
        assert cursor.fetchone() == (0,)


def test_a_row_cannot_refer_to_another_organization(organization: Organization, other: Organization) -> None:
    foreign = save_policy(organization_id=other.id, name="theirs", document={}, actor="test").row
    project = save_project(organization_id=organization.id, slug="mine", name="Mine", actor="test").row
    with pytest.raises(IntegrityError, match="same_org"), access.scope(organization_id=organization.id):
        Project.objects.filter(pk=project.pk).update(policy_id=foreign.id)
    with pytest.raises(IntegrityError, match="same_org"), access.scope(organization_id=organization.id):
        PolicyRevision.objects.create(
            organization_id=organization.id, policy_id=foreign.id, number=9, document={}, author="test"
        )
    with pytest.raises(IntegrityError, match="same_org"), access.scope(organization_id=organization.id):
        ApiKey.objects.create(
            organization_id=organization.id,
            project=project,
            policy_id=foreign.id,
            name="k",
            digest=uuid4().bytes + uuid4().bytes,
            hint="orb_",
            changed_at=timezone.now(),
        )


def test_a_key_is_found_by_its_digest_alone(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    with access.operator():
        key = ApiKey.objects.get(organization__slug=slug, name="production")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT key_id, organization_id FROM orbit_find_key(%s)", [bytes(key.digest)])
        assert cursor.fetchall() == [(key.id, key.organization_id)]
        cursor.execute("SELECT key_id FROM orbit_find_key(%s)", [b"x" * 32])
        assert cursor.fetchall() == []


def test_the_operator_reads_all_and_writes_nothing(organization: Organization, other: Organization) -> None:
    with access.operator():
        assert Organization.objects.filter(id__in=[organization.id, other.id]).count() == 2
        with pytest.raises(ProgrammingError, match="permission denied"):
            Organization.objects.filter(id=organization.id).update(name="x")


def test_revisions_are_not_edited(organization: Organization) -> None:
    save_policy(organization_id=organization.id, name="default", document={}, actor="test")
    with (
        access.scope(organization_id=organization.id),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        PolicyRevision.objects.update(document={"limits": []})


def test_no_secret_is_in_any_table(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    """Neither the provider's credential nor an issued key, wherever a row may hold text."""
    texts = [SECRET, *(key["secret"] for key in apply(entry).json["keys"])]
    entry["provider_accounts"][0]["credential"]["value"] = f"{SECRET}-2"
    apply(entry)
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).id
    with access.scope(organization_id=organization_id), connection.cursor() as cursor:
        for model in MODELS:
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')
            text = "\n".join(row for (row,) in cursor.fetchall())
            for secret in texts:
                assert secret not in text, model.__name__
                assert secret.encode().hex() not in text, model.__name__
        assert OutboxEntry.objects.filter(event__detail__action="account.update").count() == 1
