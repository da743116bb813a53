"""Each organization has a folder in Grafana that its team alone may see, with a board that asks for nobody else's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery.exceptions import Retry
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from orbit.diagnosis import _grafana
from orbit.grafana import folders, receivers, tasks
from orbit.grafana.api import GrafanaError, connected, problems
from orbit.grafana.folders import Wanted
from orbit.lib import access
from quotas.receivers import publish_organization
from tenants import services
from tenants.models import Organization
from tenants.signals import organization_changed
from tests.conftest import Tenant
from tests.grafana.server import TOKEN, Grafana, running_grafana


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[Grafana]:
    with running_grafana() as running:
        monkeypatch.setattr(settings, "ORBIT_GRAFANA_URL", running.url)
        monkeypatch.setattr(settings, "ORBIT_GRAFANA_TOKEN", TOKEN)
        yield running


def wanted(tenant: Tenant) -> Wanted:
    [one] = folders.wanted([tenant.id])
    return one


def put(one: Wanted) -> list[str]:
    with connected() as asked:
        return folders.put(asked, one)


def queries(grafana: Grafana, one: Wanted) -> list[str]:
    panels = grafana.boards[one.board]["dashboard"]["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_new_organization_has_folder_team_and_board_and_the_second_time_changes_nothing(
    tenant: Tenant, grafana: Grafana
) -> None:
    one = wanted(tenant)
    assert put(one) == ["folder created", "team created", "permissions set", "board written"]
    assert grafana.folders[one.folder]["title"] == tenant.slug
    assert grafana.boards[one.board]["meta"]["folderUid"] == one.folder
    before = grafana.changes()
    assert put(one) == []
    assert grafana.changes() == before


def test_team_alone_may_see_the_folder_and_what_was_given_by_hand_stays(
    tenant: Tenant, grafana: Grafana
) -> None:
    one = wanted(tenant)
    put(one)
    [team] = grafana.teams
    assert tenant.slug in grafana.teams[team]
    assert grafana.permissions[one.folder] == [{"teamId": team, "permission": 1}]
    by_hand: list[dict[str, Any]] = [{"userId": 11, "permission": 4}, {"role": "Viewer", "permission": 1}]
    grafana.permissions[one.folder] += by_hand
    assert put(one) == ["permissions set"]
    assert grafana.permissions[one.folder] == [by_hand[0], {"teamId": team, "permission": 1}]


def test_folder_is_closed_before_there_is_anything_in_it(tenant: Tenant, grafana: Grafana) -> None:
    put(wanted(tenant))
    changes = [re.sub(r"(orbit|tenant)-\w+", "UID", one) for one in grafana.changes()]
    assert changes[-2:] == ["POST /api/folders/UID/permissions", "POST /api/dashboards/db"]


def test_board_names_the_organization_in_each_query_and_has_no_variable(
    tenant: Tenant, grafana: Grafana
) -> None:
    one = wanted(tenant)
    put(one)
    assert len(queries(grafana, one)) > 15
    for query in queries(grafana, one):
        selectors = re.findall(r"[a-z]+:orbit_[\w:]+|(?<![:\w])orbit_\w+", query)
        assert query.count(f'organization="{tenant.slug}"') == len(selectors)
    assert "$" not in json.dumps(grafana.boards[one.board]["dashboard"]["panels"])
    assert grafana.boards[one.board]["dashboard"]["templating"] == {"list": []}


@pytest.mark.parametrize("what", ["query", "variable", "moved", "renamed", "deleted"])
def test_board_that_was_changed_by_hand_is_written_again(tenant: Tenant, grafana: Grafana, what: str) -> None:
    one = wanted(tenant)
    put(one)
    board = grafana.boards[one.board]
    match what:
        case "query":
            board["dashboard"]["panels"][0]["targets"][0]["expr"] = "sum(orbit_calls_total)"
        case "variable":
            board["dashboard"]["templating"]["list"].append({"name": "organization"})
        case "moved":
            board["meta"]["folderUid"] = "elsewhere"
        case "renamed":
            board["dashboard"]["title"] = "mine"
        case "deleted":
            del grafana.boards[one.board]
    assert put(one) == ["board written"]
    assert all(tenant.slug in query for query in queries(grafana, one))
    assert grafana.boards[one.board]["meta"]["folderUid"] == one.folder
    assert put(one) == []


def test_renamed_organization_has_its_folder_renamed(tenant: Tenant, grafana: Grafana) -> None:
    put(wanted(tenant))
    services.update_organization(organization_id=tenant.id, actor="test", name="Ärzte & Co.")
    one = wanted(tenant)
    assert put(one) == ["folder renamed", "board written"]
    assert grafana.folders[one.folder]["title"] == f"Ärzte & Co. ({tenant.slug})"
    assert list(grafana.folders) == [one.folder]


def test_deleted_organization_keeps_its_folder_until_it_is_purged(tenant: Tenant, grafana: Grafana) -> None:
    put(wanted(tenant))
    services.delete_organization(organization_id=tenant.id, actor="test")
    assert put(wanted(tenant)) == []
    with access.scope(organization_id=tenant.id):
        past = timezone.now() - timedelta(seconds=1)
        Organization.objects.update(deleted_at=past, purge_at=past)
    services.purge_organization(organization_id=tenant.id, actor="test")
    assert put(wanted(tenant)) == ["folder deleted", "team deleted"]
    assert (grafana.folders, grafana.teams, grafana.boards) == ({}, {}, {})
    assert put(wanted(tenant)) == []
    assert tenant.id in {one.id for one in folders.wanted()}  # so that a round makes up for what was missed


def test_data_source_can_be_each_organizations_own(
    tenant: Tenant, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ORBIT_GRAFANA_SOURCE", "prometheus-of-{slug}")
    one = wanted(tenant)
    put(one)
    panels = grafana.boards[one.board]["dashboard"]["panels"]
    sources = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert sources == {panel["datasource"]["uid"] for panel in panels} == {f"prometheus-of-{tenant.slug}"}


def test_changes_are_followed_and_those_of_something_else_ask_grafana_nothing(
    tenant: Tenant, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.follow, "apply_async", lambda arguments, **_: sent.extend(arguments))
    services.update_organization(organization_id=tenant.id, actor="test", name="Renamed")
    assert sent == [str(tenant.id)]
    tasks.follow(sent[0])
    one = wanted(tenant)
    assert grafana.folders[one.folder]["title"] == one.title
    asked = len(grafana.asked)
    services.update_organization(organization_id=tenant.id, actor="test", week_starts="sunday")
    tasks.follow(sent[1])
    assert len(grafana.asked) == asked


def test_installation_without_grafana_sends_no_tasks(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.follow, "apply_async", lambda *_, **__: pytest.fail("sent"))
    services.update_organization(organization_id=tenant.id, actor="test", name="Renamed")
    assert tasks.follow_all() == 0


def test_workers_hear_of_a_change_before_anything_is_sent_for_grafana() -> None:
    heard = organization_changed._live_receivers(None)[0]
    assert heard.index(publish_organization) < heard.index(receivers._changed)


def test_grafana_that_is_away_is_tried_again_and_not_asked_meanwhile(
    tenant: Tenant, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    grafana.broken = 503
    with pytest.raises(Retry):
        tasks.follow(str(tenant.id))
    asked = len(grafana.asked)
    with pytest.raises(Retry):
        tasks.follow(str(tenant.id))
    assert len(grafana.asked) == asked > 0
    grafana.broken = 0
    monkeypatch.setattr(folders, "is_away", lambda: False)  # a minute later
    tasks.follow(str(tenant.id))
    assert wanted(tenant).folder in grafana.folders


def of(monkeypatch: pytest.MonkeyPatch, *tenants: Tenant) -> None:
    """As though the installation had these organizations alone: other tests' are none of ours."""
    found: Callable[[Any], list[Wanted]] = folders.wanted
    ids: list[UUID] = [one.id for one in tenants]
    monkeypatch.setattr(folders, "wanted", lambda named=None: found(ids if named is None else named))


def test_one_that_grafana_refuses_keeps_no_other_waiting(
    make_tenant: Callable[[], Tenant], grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((make_tenant(), make_tenant()), key=lambda one: one.slug)
    of(monkeypatch, first, second)
    grafana.folders["somebody-elses"] = {"title": first.slug, "uid": "somebody-elses", "version": 1}
    assert tasks.follow_all() == 1
    assert f"orbit-{second.id.hex}" in grafana.folders


def test_round_that_ended_early_is_gone_on_with(
    make_tenant: Callable[[], Tenant], grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = sorted((make_tenant(), make_tenant(), make_tenant()), key=lambda one: one.slug)
    of(monkeypatch, *some)
    monkeypatch.setattr(tasks, "ROUND_S", -1.0)
    done = []
    for _ in range(4):
        del grafana.asked[:]
        tasks.follow_all()
        done.append([one.slug for one in some if f"GET /api/folders/orbit-{one.id.hex}" in grafana.asked])
    assert done == [[some[0].slug], [some[1].slug], [some[2].slug], [some[0].slug]]
    monkeypatch.setattr(tasks, "ROUND_S", 600.0)
    services.update_organization(organization_id=some[2].id, actor="test", name="Renamed")
    assert tasks.follow_all() == 1


def test_what_one_of_them_breaks_grafana_with_is_passed_over_by_the_next_round(
    make_tenant: Callable[[], Tenant], grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((make_tenant(), make_tenant()), key=lambda one: one.slug)
    of(monkeypatch, first, second)
    grafana.broken = 500
    assert tasks.follow_all() == 0
    grafana.broken = 0
    monkeypatch.setattr(tasks, "ROUND_S", -1.0)
    tasks.follow_all()
    assert list(grafana.folders) == [f"orbit-{second.id.hex}"]


@pytest.mark.parametrize(("endpoint", "answer"), [("_permissions", {}), ("_create_team", {"id": 3})])
def test_answer_of_another_shape_is_told_in_words(
    tenant: Tenant, grafana: Grafana, monkeypatch: pytest.MonkeyPatch, endpoint: str, answer: Any
) -> None:
    monkeypatch.setattr(grafana, endpoint, lambda *_: (200, answer))
    with pytest.raises(GrafanaError, match="answered no"):
        put(wanted(tenant))


def test_command_says_what_it_did_and_what_is_in_the_way(
    tenant: Tenant, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(monkeypatch, tenant)
    out, err = io.StringIO(), io.StringIO()
    call_command("grafana", "sync", stdout=out, stderr=err)
    call_command("grafana", "sync", tenant.slug, stdout=out, stderr=err)
    assert out.getvalue().splitlines() == [
        f"{tenant.slug}: folder created, team created, permissions set, board written",
        f"{tenant.slug}: as it should be",
    ]
    with pytest.raises(CommandError, match="there is no organization 'nobody'"):
        call_command("grafana", "sync", "nobody", stdout=out, stderr=err)
    grafana.role = "Editor"
    with pytest.raises(CommandError, match="1 of 1 could not be done"):
        call_command("grafana", "sync", stdout=out, stderr=err)
    assert "needs the role Admin" in err.getvalue()
    monkeypatch.setattr(settings, "ORBIT_GRAFANA_TOKEN", "glsa_another")
    with pytest.raises(CommandError):
        call_command("grafana", "sync", stdout=out, stderr=err)
    assert "does not take the token of ORBIT_GRAFANA_TOKEN" in err.getvalue()
    assert "glsa_" not in out.getvalue() + err.getvalue()


def test_doctor_says_whether_grafana_lets_us_in(grafana: Grafana, monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = _grafana()
    assert (found.state, found.what) == ("ok", "grafana")
    monkeypatch.setattr(settings, "ORBIT_GRAFANA_TOKEN", "glsa_another")
    [found] = _grafana()
    assert (found.state, "ORBIT_GRAFANA_TOKEN" in found.remedy) == ("warn", True)
    assert "glsa_" not in found.detail


def test_settings_that_cannot_work_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems() == []
    monkeypatch.setattr(settings, "ORBIT_GRAFANA_URL", "http://grafana.internal:3000")
    [without_token] = problems()
    assert "ORBIT_GRAFANA_TOKEN" in without_token
    monkeypatch.setattr(settings, "ORBIT_GRAFANA_TOKEN", TOKEN)
    assert problems() == []
    for wrong in ("ftp://grafana", "https://admin:secret@grafana.example", "https://grafana.example?token=x"):
        monkeypatch.setattr(settings, "ORBIT_GRAFANA_URL", wrong)
        assert problems()
        assert "secret" not in " ".join(problems())
