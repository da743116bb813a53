"""Pages of policies, by role: listed, in words, edited with a diff and a trial, saved with a reason, rolled back, attached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import OutboxEntry
from console.policies import draft
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey, Organization, Policy, PolicyRevision, Project
from tests.console.conftest import Tenant, make_person, signed_in

DOCUMENT = {"limits": [{"name": "rpm", "meter": "requests", "per": "minute", "limit": 60}]}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return tenant.client()


def joined(tenant: Tenant, role: str) -> Client:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    return signed_in(person)


def saved(tenant: Tenant, *limits: dict[str, Any], reason: str = "", **fields: Any) -> None:
    services.save_policy(
        organization_id=tenant.organization.pk,
        name="default",
        document={"limits": list(limits), **fields},
        actor=tenant.owner.email,
        reason=reason,
    )


def current(tenant: Tenant) -> tuple[int, dict[str, Any]]:
    with access.scope(organization_id=tenant.organization.pk):
        policy = Policy.objects.get(name="default")
        row = PolicyRevision.objects.get(policy=policy, number=policy.revision)
        return row.number, row.document


def acts(tenant: Tenant) -> list[tuple[str, str]]:
    with access.scope(organization_id=tenant.organization.pk):
        details = [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]
        return [(one["action"], one["target"]) for one in details]


def edited(
    revision: int = 1, text: str | None = None, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    text = draft.written(DOCUMENT) if text is None else text
    return {
        "revision": str(revision),
        "document": text,
        "base": text,
        "reason": "ticket 4711",
        **(more or {}),
    }


def page(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_list_says_where_each_holds_since_when_and_by_whom(tenant: Tenant, client: Client) -> None:
    saved(tenant, DOCUMENT["limits"][0], reason="calmer")
    services.save_policy(
        organization_id=tenant.organization.pk, name="spare", document=DOCUMENT, actor="somebody"
    )
    listed = page(client, f"{tenant.path}policies/")
    for words in ("default", "Revision 2", tenant.owner.email, "calmer", "the organization"):
        assert words in listed
    assert "At most 60 calls a minute" in listed
    assert "attached nowhere" in listed


@pytest.mark.parametrize("many", [1, 12])
def test_list_takes_the_same_few_queries_however_many_there_are(
    tenant: Tenant, client: Client, many: int
) -> None:
    for number in range(many):
        services.save_policy(
            organization_id=tenant.organization.pk, name=f"more-{number}", document=DOCUMENT, actor="t"
        )
    page(client, f"{tenant.path}policies/")
    with CaptureQueriesContext(connections["default"]) as asked:
        page(client, f"{tenant.path}policies/")
    assert len(asked) <= 20, [one["sql"][:90] for one in asked]
    assert len([one for one in asked if "tenants_policy" in one["sql"]]) <= 3


@pytest.mark.parametrize("many", [1, 30])
def test_a_policys_page_takes_the_same_few_queries(tenant: Tenant, client: Client, many: int) -> None:
    for number in range(many):
        saved(tenant, {**DOCUMENT["limits"][0], "limit": 100 + number})
    page(client, f"{tenant.path}policies/default/")
    with CaptureQueriesContext(connections["default"]) as asked:
        page(client, f"{tenant.path}policies/default/")
    assert len(asked) <= 26, [one["sql"][:90] for one in asked]


@pytest.mark.parametrize("role", ["developer", "finance", "auditor"])
def test_who_may_not_write_reads_and_is_offered_nothing_more(tenant: Tenant, role: str) -> None:
    member = joined(tenant, role)
    shown = page(member, f"{tenant.path}policies/default/")
    assert "What it means" in shown
    for word in (">Edit<", "Go back to it", "Attach to", "Detach", "Remove this policy"):
        assert word not in shown
    assert "New policy" not in page(member, f"{tenant.path}policies/")
    assert member.get(f"{tenant.path}policies/default/edit/").status_code == 403


@pytest.mark.parametrize("path", ["", "default/", "default/edit/", "default/compare/"])
def test_pages_are_for_members_alone(tenant: Tenant, outsider: Client, path: str) -> None:
    assert outsider.get(f"{tenant.path}policies/{path}").status_code == 404
    assert Client().get(f"{tenant.path}policies/{path}").status_code == 302


@pytest.mark.parametrize("path", ["no-such/", "no-such/edit/", "no-such/compare/"])
def test_a_policy_that_is_not_there_is_not_found(tenant: Tenant, client: Client, path: str) -> None:
    assert client.get(f"{tenant.path}policies/{path}").status_code == 404


def test_typing_in_the_form_checks_and_leaves_the_form_alone(tenant: Tenant, client: Client) -> None:
    given = edited(more={"form-shown": "yes", "limit-0-limit": "70", "name": "default"})
    answer = client.post(
        f"{tenant.path}policies-check/", given, headers=HTMX | {"HX-Trigger": "form-view"}
    ).content.decode()
    assert "At most 70 calls a minute" in answer
    assert "limits.rpm.limit: 60 → 70" in answer
    assert "limit: 70" in answer  # in the text
    assert 'id="form"' not in answer
    assert current(tenant)[0] == 1


def test_typing_text_checks_shows_the_form_anew_and_leaves_the_text_alone(
    tenant: Tenant, client: Client
) -> None:
    text = draft.written(DOCUMENT)
    given = edited(
        text=text.replace("60", "80"), more={"base": text, "form-shown": "yes", "limit-0-limit": "60"}
    )
    answer = client.post(
        f"{tenant.path}policies-check/", given, headers=HTMX | {"HX-Trigger": "text-view"}
    ).content.decode()
    assert 'value="80"' in answer
    assert 'id="document"' not in answer


def test_mistakes_stand_at_their_field_with_line_and_remedy(tenant: Tenant, client: Client) -> None:
    given = edited(text="limits:\n- name: rpm\n  meter: requsts\n  per: minute\n  limit: 60\n")
    answer = client.post(f"{tenant.path}policies-check/", given, headers=HTMX).content.decode()
    for words in ('data-ok="no"', 'data-line="3"', 'data-fault="limits[0].meter"', "did you mean"):
        assert words in answer
    again = client.post(f"{tenant.path}policies/default/edit/", given)
    assert again.status_code == 400
    assert "Nothing was saved" in again.content.decode()
    assert current(tenant)[0] == 1


def test_saving_makes_a_revision_with_its_reason(tenant: Tenant, client: Client) -> None:
    answer = client.post(f"{tenant.path}policies/default/edit/", edited())
    assert answer["Location"] == f"{tenant.path}policies/default/"
    number, document = current(tenant)
    assert (number, [one["name"] for one in document["limits"]]) == (2, ["rpm"])
    assert ("policy.update", "default") in acts(tenant)
    assert "ticket 4711" in page(client, f"{tenant.path}policies/default/")


def test_saving_from_the_form_needs_no_script(tenant: Tenant, client: Client) -> None:
    given = edited(more={"form-shown": "yes", "limit-0-limit": "61"})
    client.post(f"{tenant.path}policies/default/edit/", given)
    assert current(tenant)[1]["limits"][0]["limit"] == 61


def test_of_two_editors_the_second_is_told_keeps_the_draft_and_may_insist(
    tenant: Tenant, client: Client
) -> None:
    saved(tenant, {**DOCUMENT["limits"][0], "limit": 99}, reason="by the first")
    answer = client.post(f"{tenant.path}policies/default/edit/", edited(1))
    assert answer.status_code == 409
    shown = answer.content.decode()
    for words in (
        "Nothing was saved",
        "by the first",
        "revision 2",
        "limit: 60",
        'name="revision" value="2"',
    ):
        assert words in shown
    assert current(tenant)[1]["limits"][0]["limit"] == 99
    client.post(f"{tenant.path}policies/default/edit/", edited(2))
    assert current(tenant)[0] == 3


def test_a_new_policy_begins_like_a_template_and_is_saved_under_its_name(
    tenant: Tenant, client: Client
) -> None:
    assert "Spends at most $10.00" in page(client, f"{tenant.path}policies-new/", like="trial")
    answer = client.post(f"{tenant.path}policies-new/", edited(0, more={"name": "calm"}))
    assert answer["Location"] == f"{tenant.path}policies/calm/"
    taken = client.post(f"{tenant.path}policies-new/", edited(0, more={"name": "calm"}))
    assert taken.status_code == 409
    wrong = client.post(f"{tenant.path}policies-new/", edited(0, more={"name": "Not a name"}))
    assert wrong.status_code == 400
    assert "name" in wrong.content.decode()


def test_rollback_says_what_an_old_one_said_in_one_step(tenant: Tenant, client: Client) -> None:
    saved(tenant, DOCUMENT["limits"][0])
    before = current(tenant)
    shown = page(client, f"{tenant.path}policies/default/")
    assert "Go back to revision 1" in shown
    stale = {"revision": "1", "based_on": "1", "reason": "too tight"}
    client.post(f"{tenant.path}policies/default/rollback/", stale)
    assert current(tenant) == before
    client.post(f"{tenant.path}policies/default/rollback/", stale | {"based_on": "2"})
    number, document = current(tenant)
    assert (number, [one["name"] for one in document["limits"]]) == (3, ["rpm", "budget", "inflight"])
    assert ("policy.rollback", "default") in acts(tenant)
    for wrong in ("9", "x", ""):
        client.post(f"{tenant.path}policies/default/rollback/", stale | {"revision": wrong, "based_on": "3"})
    assert current(tenant)[0] == 3


def test_any_two_revisions_are_compared(tenant: Tenant, client: Client) -> None:
    saved(tenant, DOCUMENT["limits"][0])
    saved(tenant, {**DOCUMENT["limits"][0], "limit": 90})
    shown = page(client, f"{tenant.path}policies/default/compare/", **{"from": "1", "to": "3"})
    assert "limits.rpm.limit: 60 → 90" in shown
    assert "- limits.budget" in shown
    for wrong in ("7", "x", "", "99999999999999999999"):
        assert "Choose two" in page(
            client, f"{tenant.path}policies/default/compare/", **{"from": "1", "to": wrong}
        )


def where(tenant: Tenant) -> tuple[Any, Any, Any]:
    with access.scope(organization_id=tenant.organization.pk):
        rows = Organization, Project, ApiKey
        return tuple(one.objects.select_related("policy").get().policy for one in rows)  # type: ignore[return-value]


def test_it_is_attached_and_detached_everywhere(tenant: Tenant, client: Client) -> None:
    services.issue_key(organization_id=tenant.organization.pk, project="chatbot", name="main", actor="test")
    here = f"{tenant.path}policies/default/"
    for given in ({"to": "project:chatbot"}, {"to": "key", "key": "chatbot/main"}):
        client.post(f"{here}attach/", given)
    assert [one.name for one in where(tenant)] == ["default"] * 3
    shown = page(client, here)
    assert "Project chatbot" in shown
    assert "Key chatbot/main" in shown
    for to in ("organization", "project:chatbot", "key:chatbot/main"):
        client.post(f"{here}detach/", {"to": to})
    assert where(tenant) == (None, None, None)
    client.post(f"{here}attach/", {"to": "organization"})
    assert where(tenant)[0].name == "default"


@pytest.mark.parametrize("to", ["", "project:none", "key:none/at", "key", "moon"])
def test_what_is_not_there_cannot_be_attached_to(tenant: Tenant, client: Client, to: str) -> None:
    answer = client.post(f"{tenant.path}policies/default/attach/", {"to": to}, follow=True)
    assert "That did not work" in answer.content.decode()
    services.save_policy(organization_id=tenant.organization.pk, name="spare", document={}, actor="t")
    client.post(f"{tenant.path}policies/spare/detach/", {"to": "organization"})
    with access.scope(organization_id=tenant.organization.pk):
        policy = Organization.objects.select_related("policy").get().policy
    assert policy is not None
    assert policy.name == "default"


def test_only_a_policy_that_holds_nowhere_is_removed(tenant: Tenant, client: Client) -> None:
    here = f"{tenant.path}policies/default/"
    client.post(f"{here}remove/")
    assert current(tenant)[0] == 1
    client.post(f"{here}detach/", {"to": "organization"})
    assert client.post(f"{here}remove/")["Location"] == f"{tenant.path}policies/"
    assert client.get(here).status_code == 404
