"""Two walls between organizations, each tried alone. Drop row-level security from one table and this file fails."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import yaml
from django.apps import apps
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

from audit.exports.models import Export
from audit.exports.selection import Selection
from audit.models import (
    ChainHead,
    Checkpoint,
    CheckpointHead,
    CheckpointKey,
    Content,
    DeadLetter,
    DroppedMonth,
    Event,
    Incident,
    OutboxEntry,
    ShardPosition,
    Skeleton,
)
from audit.sinks.models import Sink, SinkChange, SinkCursor, SinkDeadLetter
from billing.alerts.models import Notice, NoticeDelivery
from billing.alerts.rules import save_alert
from billing.approval.proposals import propose_price
from billing.models import BilledRow, BillException, BillSource, Comparison, Run
from billing.reports.models import ReportMail
from billing.reports.saved import save_report_view
from orbit import startup
from orbit.lib import access
from orbit.lib.access import AccessDenied, ScopedManager
from quotas.models import DirtyBucket, FacetValue, UsageBucket, UsageDay, UsageFacet, UsageTotal
from tenants.models import (
    ApiKey,
    FormerSecretUse,
    IdempotentAnswer,
    KeyUse,
    Membership,
    Organization,
    Person,
    Policy,
    PolicyRevision,
    Project,
    ProviderAccount,
    ProviderSession,
)
from tenants.services import (
    Subject,
    add_domain,
    add_member,
    advance_export,
    create_organization,
    create_service_account,
    erase_contents,
    invite,
    issue_management_key,
    issue_oauth_client,
    keep_objects,
    newest_data_key,
    request_export,
    request_more,
    rotate_key,
    save_identity_provider,
    save_policy,
    save_project,
    save_role,
)
from tests.tenants.conftest import SECRET, Apply, apply_text, entry_of

# Of no organization, and without a right for the app where it says so in docs/architecture.md.
NOBODYS = {
    ShardPosition,
    DeadLetter,
    Checkpoint,
    CheckpointKey,
    Incident,
    Sink,
    SinkChange,
    SinkCursor,
    SinkDeadLetter,
}


def _scoped_models() -> list[type[models.Model]]:
    """Every model whose rows belong to an organization."""
    found = [
        model
        for model in apps.get_models()
        if model is Organization
        or "organization_id" in {field.attname for field in model._meta.concrete_fields}
    ]
    assert not NOBODYS & set(found)
    return found


MODELS = _scoped_models()


def _column(model: type[models.Model]) -> str:
    return "id" if model is Organization else "organization_id"


@pytest.fixture
def full(apply: Apply, entry: dict[str, Any], slug: str) -> Callable[[str], UUID]:
    """An organization with rows in every table, so that seeing none of another's says something."""

    def made(name: str) -> UUID:
        assert apply(entry | {"slug": name}).code == 0
        return furnish(name, entry)

    return made


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


def furnish(name: str, entry: dict[str, Any]) -> UUID:
    """What an organization of the file lacks to have a row in every table."""
    with access.operator():
        organization_id = Organization.objects.get(slug=name).id
    person = Person.objects.create_user(f"{name}@example.com", "long-enough-for-a-test")
    add_member(organization_id=organization_id, person=person, role="owner", actor="test")
    save_role(organization_id=organization_id, name="reader", rights=["usage.read"], actor="test")
    create_service_account(organization_id=organization_id, project="chatbot", name="bot", actor="test")
    invite(organization_id=organization_id, email=f"new-{name}@example.com", role="reader", actor="test")
    _sign_in(organization_id, person)
    _fill_ledger(organization_id, name)
    _keep_response(organization_id, name)
    _rotate(organization_id)
    request_more(
        organization_id=organization_id,
        policy="default",
        limit=entry["policies"][0]["limits"][0]["name"],
        amount="1000000",
        until=timezone.now() + timedelta(days=1),
        reason="test",
        actor="test",
    )
    _automate(organization_id)
    _store_content(organization_id)
    _export_ledger(organization_id)
    _report(organization_id)
    _reconcile(organization_id)
    return organization_id


# What a notice says of a budget.
SPENT = {
    **dict.fromkeys(("budget", "level", "object", "per"), "month"),
    **dict.fromkeys(("models", "expected_nano", "low_nano", "high_nano", "starts_at", "ends_at")),
    "currency": "USD",
    "limit_nano": 10,
    "spent_nano": 8,
    "percent": 80.0,
    "time_zone": "UTC",
    "shadow": False,
}


def _report(organization_id: UUID) -> None:
    """A saved report that was mailed, an alert that spoke, a price that was proposed."""
    propose_price(
        organization_id=organization_id,
        actor="test",
        provider="openai",
        model="gpt-4o",
        rates={"input": 1, "output": 1},
    )
    view = save_report_view(organization_id=organization_id, actor="test", name="Costs", words={}).row
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        ReportMail.objects.create(organization_id=organization_id, view=view, period=now, claimed_at=now)
    alert = save_alert(
        organization_id=organization_id,
        actor="test",
        name="Alert",
        percents=[80],
        hook_url="https://example.com/x",
    ).row
    with access.scope(organization_id=organization_id):
        notice = Notice.objects.create(
            organization_id=organization_id,
            alert_id=alert.pk,
            alert_name="Alert",
            counter="c",
            starts_at=now,
            threshold="80",
            facts=SPENT,
        )
        NoticeDelivery.objects.create(
            organization_id=organization_id, notice=notice, way="webhook", to="example.com"
        )


def _export_ledger(organization_id: UUID) -> None:
    """A file that is made, and what one says that failed."""
    where: dict[str, Any] = {"organization_id": organization_id}
    export = request_export(**where, actor="test", form="parquet", selection=Selection())
    while advance_export(**where, export_id=export.pk):
        pass
    with access.scope(organization_id=organization_id):
        Export.objects.update(problem="none so far")


def _reconcile(organization_id: UUID) -> None:
    """A run over an account, the report that it pulled, what it compared and what it found."""
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        account = ProviderAccount.objects.order_by("name")[0]
        BillSource.objects.create(organization_id=organization_id, account=account, own_keys=["key_1"])
        of_account: dict[str, Any] = {"organization_id": organization_id, "account_id": account.pk}
        named = of_account | {"account": account.name}
        days = {"since": now.date(), "until": now.date() + timedelta(days=1)}
        run = Run.objects.create(**named, connector="openai", asked_by="test", problem="none", **days)
        of_day: dict[str, Any] = {"run_id": run.pk, "day": now.date(), "model": "fast"}
        BilledRow.objects.create(**of_account, **of_day, kind="usage", starts_at=now, key="key_1")
        Comparison.objects.create(**named, **of_day, final=True)
        BillException.objects.create(**named, **of_day, cause="price", currency="USD")


def _store_content(organization_id: UUID) -> None:
    """What only calls leave behind, under a policy that has it stored."""
    key, now = newest_data_key(organization_id=organization_id), timezone.now()
    with access.scope(organization_id=organization_id):
        Content.objects.create(
            organization_id=organization_id,
            event_id=uuid4(),
            part="request",
            generation=key.generation,
            sealed=b"sealed",
            mode="full",
            content_type="application/json",
            spoken="openai/chat/completions",
            size=1,
            truncated=False,
            key_id=uuid4(),
            admitted_at=now,
            expires_at=now + timedelta(days=1),
        )
    erase_contents(organization_id=organization_id, actor="test", subject=Subject("nobody"), reason="test")


def _sign_in(organization_id: UUID, person: Person) -> None:
    add_domain(organization_id=organization_id, name="example.com", actor="test")
    save_identity_provider(
        organization_id=organization_id,
        actor="test",
        issuer="https://login.example.com",
        client_id="orbit",
        client_secret="oidc-secret",
        groups=[("engineers", "reader")],
    )
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        ProviderSession.objects.create(
            organization_id=organization_id,
            person=person,
            subject="sub",
            source=ProviderSession.Source.USERINFO,
            access_sealed=b"sealed",
            asked_at=now,
            confirmed_at=now,
        )


def _keep_response(organization_id: UUID, slug: str) -> None:
    """What only calls leave behind."""
    with access.scope(organization_id=organization_id):
        key = ApiKey.objects.all()[0]
        account_id = ProviderAccount.objects.values_list("pk", flat=True)[0]
    keep_objects(
        organization_id=organization_id,
        project_id=key.project_id,
        key_id=key.pk,
        account_id=account_id,
        model="fast",
        response_id=f"resp_{slug}",
        objects={f"resp_{slug}": "response", f"msg_{slug}": "item"},
    )


def _automate(organization_id: UUID) -> None:
    """A key and a client of the management API, and what a creation by it was answered."""
    issue_management_key(organization_id=organization_id, name="ci", scopes=["usage.read"], actor="test")
    issue_oauth_client(organization_id=organization_id, name="ci", scopes=["usage.read"], actor="test")
    with access.scope(organization_id=organization_id):
        IdempotentAnswer.objects.create(
            organization_id=organization_id, caller="ci", key="once", fingerprint=b"f"
        )


def _rotate(organization_id: UUID) -> None:
    with access.scope(organization_id=organization_id):
        key_id = ApiKey.objects.values_list("pk", flat=True)[0]
    rotate_key(organization_id=organization_id, key_id=key_id, actor="test")


def _fill_ledger(organization_id: UUID, slug: str) -> None:
    """What only the ledger's writer may write."""
    now = timezone.now()
    with access.ledger():
        ChainHead.objects.create(organization_id=organization_id, seq=1, hash="0")
        CheckpointHead.objects.create(
            organization_id=organization_id, number=0, seq=0, head="{}", proof={"index": 0, "path": []}
        )
        DirtyBucket.objects.create(organization_id=organization_id, starts_at=now, reason="test")
        FormerSecretUse.objects.create(organization_id=organization_id, secret_id=uuid4(), used_at=now)
        KeyUse.objects.create(organization_id=organization_id, key_id=uuid4(), used_at=now)
        where: dict[str, Any] = {"organization_id": organization_id, "starts_at": now, "currency": "USD"}
        for table in (UsageBucket, UsageDay):
            table.objects.create(**where, project_id=uuid4(), key_id=uuid4(), model="fast")
        UsageTotal.objects.create(**where)
        UsageFacet.objects.create(**where, project_id=uuid4(), facet="end_user", value="ada")
        FacetValue.objects.create(
            organization_id=organization_id, day=now.date(), facet="end_user", value="ada"
        )
        DroppedMonth.objects.create(
            organization_id=organization_id, month=now.date(), retention=30, events=1, first_seq=1, last_seq=1
        )
        Skeleton.objects.create(
            event_id=uuid4(),
            organization_id=organization_id,
            seq=1,
            kind="act",
            admitted_at=now,
            prev_hash=b"0",
            hash=b"0",
        )
        Event.objects.create(
            event_id=uuid4(),
            kind="act",
            organization_id=organization_id,
            organization=slug,
            seq=1,
            shard=32_000,  # no writer's
            shard_seq=secrets.randbits(62),
            admitted_at=now,
            recorded_at=now,
            prev_hash="0",
            hash="0",
        )


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
