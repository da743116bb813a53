"""The operator console: for staff with a role, the installation at a glance, and the freezing of an organization."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis.exceptions import ConnectionError as StoreAway

from audit.models import OutboxEntry
from console import pulse
from console.installation import health, panels, shards
from console.installation.panels import BAD, GOOD, WARN, Fact, Look, Panel, Reading, Registry
from console.tasks import beat
from orbit.lib import access
from orbit.lib.ids import uuid7
from orbit.lib.store import client as store
from proxy.health import _member
from quotas import journal, keys
from tenants.models import Organization
from tests.console.conftest import Tenant, make_person, make_tenant, quarter, signed_in, unused_id

OVERVIEW, LIST = "/operator/", "/operator/organizations/"
ROOMS = ("Audit sinks", "Reconciliation")
HEALTH = ("Postgres", "Counting store", "Workers", "Queues and backlogs", "Providers", "Journals")


def of_role(name: str) -> Client:
    person = make_person(is_staff=True)
    person.groups.add(Group.objects.get(name=name))
    return signed_in(person)


def page(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("address", [OVERVIEW, LIST, f"{LIST}?q=x"])
def test_it_is_for_staff_alone(tenant: Tenant, address: str) -> None:
    assert Client().get(address).status_code == 302
    assert tenant.client().get(address).status_code == 404
    assert signed_in(make_person(is_staff=True)).get(address).status_code == 403


def test_it_asks_for_a_second_factor_as_the_admin_does(staff: Client, settings: Any) -> None:
    settings.ORBIT_STAFF_MFA = True
    for address in (OVERVIEW, LIST):
        answer = staff.get(address)
        assert answer.status_code == 403
        assert "second factor" in answer.content.decode()
    assert staff.post(f"{LIST}{unused_id()}/freeze/", {"reason": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("role", "seen", "unseen"),
    [
        ("operator", (*HEALTH, *ROOMS), ()),
        ("support", (*HEALTH, *ROOMS), ()),
        ("billing", ROOMS, HEALTH),
    ],
)
def test_a_role_limits_what_is_shown(role: str, seen: tuple[str, ...], unseen: tuple[str, ...]) -> None:
    shown = page(of_role(role), OVERVIEW)
    for title in seen:
        assert f">{title}</h2>" in shown
    for title in unseen:
        assert f">{title}</h2>" not in shown
    assert shown.count("None is configured") == len(ROOMS)


def test_a_refresh_brings_the_figures_alone(staff: Client) -> None:
    answer = staff.get(OVERVIEW, headers={"HX-Request": "true"}).content.decode()
    assert "Postgres" in answer
    assert "<html" not in answer


def test_organizations_are_found_with_what_they_spend(staff: Client, tenant: Tenant) -> None:
    now = datetime.now(UTC)
    tenant.bucket(quarter(now), requests=7, failed=2, refused=3, cost_nano=1_230_000_000)
    shown = page(staff, LIST, q=tenant.organization.slug)
    for words in ("$1.23", "7 calls", "2 failed", "3 refused", "Freeze…"):
        assert words in shown
    assert tenant.organization.name in page(staff, LIST, q=str(tenant.organization.pk))
    assert "None is like that" in page(staff, LIST, q="no-such-%_thing")


def test_who_spends_most_today_comes_first(staff: Client) -> None:
    mark = f"m{secrets.token_hex(4)}"
    now = datetime.now(UTC)
    tenants = [make_tenant(name=f"{mark} {number}") for number in range(3)]
    for one, cost in zip(tenants, (5, 900, 70), strict=True):
        one.bucket(quarter(now), requests=1, cost_nano=cost * 10**9)
    shown = page(staff, LIST, q=mark)
    places = [shown.index(f"{mark} {number}") for number in (1, 2, 0)]
    assert places == sorted(places)


def test_billing_sees_figures_and_freezes_nothing(tenant: Tenant) -> None:
    billing = of_role("billing")
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=10**9)
    shown = page(billing, LIST, q=tenant.organization.slug)
    assert "$1.00" in shown
    assert "Freeze…" not in shown
    where = f"{LIST}{tenant.organization.pk}"
    assert billing.post(f"{where}/freeze/", {"reason": "x"}).status_code == 403
    assert of_role("support").post(f"{where}/unfreeze/").status_code == 403


def frozen(tenant: Tenant) -> tuple[bool, str]:
    with access.operator():
        row = Organization.objects.get(pk=tenant.organization.pk)
    return row.suspended_at is not None, row.suspended_for


def test_an_operator_freezes_with_a_reason_and_lifts_it(tenant: Tenant) -> None:
    operator = of_role("operator")
    where = f"{LIST}{tenant.organization.pk}"
    operator.post(f"{where}/freeze/", {"reason": " "})
    assert frozen(tenant) == (False, "")
    answer = operator.post(f"{where}/freeze/", {"reason": "unpaid"})
    assert answer["Location"] == f"{LIST}?q={tenant.organization.slug}"
    assert frozen(tenant) == (True, "unpaid")
    assert "suspended" in page(tenant.client(), tenant.path)
    for state, there in (("suspended", True), ("open", False), ("deleted", False)):
        shown = page(operator, LIST, q=tenant.organization.slug, state=state)
        assert (tenant.organization.name in shown) is there
    operator.post(f"{where}/unfreeze/")
    assert frozen(tenant) == (False, "")
    with access.scope(organization_id=tenant.organization.pk):
        acts = [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]
    assert [one["action"] for one in acts][-2:] == ["organization.suspend", "organization.resume"]
    assert "@example.org" in acts[-1]["actor"]
    assert operator.post(f"{LIST}{unused_id()}/freeze/", {"reason": "x"}).status_code == 404


def test_a_forged_form_freezes_nothing(tenant: Tenant) -> None:
    person = make_person(is_staff=True, is_superuser=True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{LIST}{tenant.organization.pk}/freeze/", {"reason": "x"}).status_code == 403
    assert tenant.client().post(f"{LIST}{tenant.organization.pk}/freeze/", {"reason": "x"}).status_code == 404
    assert not frozen(tenant)[0]


@pytest.mark.parametrize("many", [1, 20])
def test_both_pages_take_the_same_few_queries(staff: Client, many: int) -> None:
    mark = f"q{secrets.token_hex(4)}"
    for number in range(many):
        one = make_tenant(name=f"{mark} {number}")
        one.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=10)
    for address, most in ((OVERVIEW, 9), (f"{LIST}?q={mark}", 4)):
        staff.get(address)
        with CaptureQueriesContext(connections["operator"]) as asked:
            staff.get(address)
        assert len(asked) <= most + 5, (address, [query["sql"][:90] for query in asked])


# Panels


def facts(reading: Reading) -> dict[str, Fact]:
    return {one.label: one for one in reading.facts}


@pytest.fixture
def look() -> Any:
    with access.operator():
        yield Look()


def test_a_panel_that_cannot_be_read_takes_no_other_with_it() -> None:
    def away(at: Look) -> Reading:
        raise StoreAway("secret-host")

    def broken(at: Look) -> Reading:
        raise DatabaseError("secret-host")

    found = panels.look(
        [
            Panel("a", "A", "p", away),
            Panel("b", "B", "p", broken),
            Panel("c", "C", "p", lambda at: Reading("fine", (Fact("x", "1", WARN),), state=GOOD)),
        ]
    )
    assert [one.reading.state for one in found] == [BAD, BAD, WARN]
    assert "secret-host" not in "".join(one.reading.said for one in found)


def test_a_later_part_takes_over_the_room_of_its_name() -> None:
    registry = Registry()
    registry.register(Panel("sinks", "Audit sinks", "audit.view_event", panels.room("None is configured.")))
    registry.register(Panel("sinks", "Audit sinks", "audit.view_event", lambda at: Reading("Two run.")))
    everybody = make_person(is_superuser=True)
    assert [one.read(Look()).said for one in registry.open_to(everybody)] == ["Two run."]
    assert registry.open_to(make_person()) == []


def test_what_the_ledger_has_not_read_is_a_backlog_with_an_age(look: Look) -> None:
    before = {one.number: one for one in look.shards}
    shard = next(one for one in before.values() if not one.waiting)
    newest = int(time.time() * 1000) - 45_000
    last: Any = store().xinfo_stream(keys.stream(shard.number))["last-generated-id"] if shard.kept else b"0-0"
    if int(last.partition(b"-")[0]) >= newest:
        newest = int(last.partition(b"-")[0]) + 1
    added: Any = store().xadd(keys.stream(shard.number), {"e": "{}"}, id=f"{newest}-0")
    try:
        with access.operator():
            age_s = int(time.time() - newest / 1000)
            now = shards.read_shards(datetime.now(UTC))[shard.number]
            assert now.waiting == 1
            if age_s > 0:
                assert age_s <= now.oldest_s <= age_s + 75
    finally:
        store().xdel(keys.stream(shard.number), added)


def test_a_shard_without_an_epoch_is_cold_only_when_it_was_used() -> None:
    def made(**given: Any) -> shards.Shard:
        return shards.Shard(1, **{"answers": True, **given})

    assert made(used=True, epoch="").cold
    assert not made(used=True, epoch="ab").cold
    assert not made(used=False).cold
    look = Look()
    look.__dict__["shards"] = [
        made(used=True),
        shards.Shard(2, answers=False),
        made(used=True, epoch="ab", lost_s=60),
    ]
    reading = health.counting_store(look)
    assert reading.said == "Of the shards, 1 do not answer and 1 are closed."
    assert [one.state for one in reading.more][:3] == [BAD, WARN, WARN]


def test_workers_are_known_by_the_beats_that_they_took_up(look: Look, tmp_path: Path, settings: Any) -> None:
    settings.ORBIT_DATA_DIR = tmp_path
    (tmp_path / "journals").mkdir()
    pulse.forget()
    assert facts(health.workers(look))["Web workers"].state == WARN
    assert health.workers(look).worst == BAD
    beat()
    pulse.note("jobs@here", "jobs")
    written = journal.Journal(tmp_path / "journals")
    try:
        reading = health.workers(look)
        assert reading.said == "All of them work."
        assert facts(reading)["Web workers"].figure == "1"
        assert "took up a beat" in facts(reading)["Celery: celery"].figure
        assert "took up a beat" in facts(reading)["Celery: jobs"].figure
        pulse.note("jobs@here", "jobs", time.time() - 60)  # the other one lives
        dead = facts(health.workers(look))
        assert (dead["Celery: celery"].state, dead["Celery: jobs"].state) == (GOOD, BAD)
        assert health.workers(look).said == "Not everything that should run does."
    finally:
        written.close()
    pulse.note("worker", "celery", time.time() - 60)
    assert health.workers(look).worst == BAD


def test_pulses_are_of_each_worker_and_forgotten_within_the_hour() -> None:
    pulse.forget()
    pulse.note("a", "celery", 1000.0)
    pulse.note("b", "celery", 4000.0)
    pulse.note("c", "jobs", 3000.0)
    found = pulse.pulses(4010.0)
    assert [(one.worker, one.age_s, one.is_late) for one in found["celery"]] == [
        ("b", 10, False),
        ("a", 3010, True),
    ]
    assert [(one.worker, one.age_s) for one in found["jobs"]] == [("c", 1010)]
    pulse.note("b", "celery", 4700.0)
    assert [one.worker for one in pulse.pulses(4700.0)["celery"]] == ["b"]


def test_journals_tell_the_living_from_the_dead(tmp_path: Path) -> None:
    written = journal.Journal(tmp_path)
    written.opened(1, "lease", b"{}")
    (tmp_path / "gone.lock").touch()
    (tmp_path / "gone.00000001.log").write_bytes(b"x" * 10)
    found = {one.name: one for one in journal.standing(tmp_path)}
    assert found[written.name].alive
    assert (found["gone"].alive, found["gone"].size, found["gone"].files) == (False, 10, 1)
    assert journal.standing(tmp_path / "nowhere") == []
    written.close()
    assert not {one.name: one for one in journal.standing(tmp_path)}.get(written.name, found["gone"]).alive


def test_resting_accounts_and_failures_are_told(look: Look, tenant: Tenant) -> None:
    account = str(uuid7())
    until = time.time() + 50
    store().zadd(keys.resting(0), {_member((account, "gpt-4o"), True): until})
    try:
        reading = health.providers(look)
    finally:
        store().zrem(keys.resting(0), _member((account, "gpt-4o"), True))
    assert facts(reading)["Resting"].state == WARN
    assert any("gpt-4o its breaker is open" in one.note for one in reading.more)
