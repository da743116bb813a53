"""A text is tried against a policy's rules on a page, which keeps nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import OutboxEntry
from dlp.findings import Finding
from orbit.lib import access
from proxy.personal.asking import Asker, Said
from tenants import services
from tenants.models import Policy, PolicyRevision
from tenants.schema import policy_document
from tests.console.conftest import Tenant, make_person, signed_in

MAIL = "anna.smith@example.org"
TEXT = f"I am {MAIL}, EMP-123456."


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return tenant.client()


def looking(tenant: Tenant, *rules: dict[str, Any], name: str = "looking", **more: Any) -> str:
    dlp = {"patterns": [{"name": "EMPLOYEE", "pattern": r"EMP-\d{6}"}], "rules": list(rules), **more}
    document = policy_document({"dlp": dlp})
    services.save_policy(organization_id=tenant.organization.pk, name=name, document=document, actor="test")
    return f"{tenant.path}policies/{name}/try/"


def rule(action: str, **more: Any) -> dict[str, Any]:
    return {"types": ["*"], "action": action, **more}


def tried(client: Client, path: str, text: str = TEXT, direction: str = "request") -> str:
    answer = client.post(path, {"text": text, "direction": direction})
    assert answer.status_code == 200
    assert "no-store" in answer["cache-control"]
    return answer.content.decode()


@pytest.mark.parametrize(
    ("action", "words"),
    [("mask", "<mark>[EMAIL_ADDRESS]</mark>, <mark>[EMPLOYEE]</mark>"), ("log", f"<mark>{MAIL}</mark>"), ("hash", "<mark>[EMAIL_ADDRESS#…]</mark>"), ("tokenize", "<mark>[EMAIL_ADDRESS_")],
)  # fmt: skip
def test_it_shows_what_goes_on_in_the_values_place(
    tenant: Tenant, client: Client, action: str, words: str
) -> None:
    assert words in tried(client, looking(tenant, rule(action)))


def test_it_says_that_the_request_is_refused(tenant: Tenant, client: Client) -> None:
    path = looking(tenant, rule("block", direction="request"))
    assert "The request is refused." in tried(client, path)
    assert "Nothing found" in tried(client, path, direction="answer")


def test_rules_in_shadow_are_told_of(tenant: Tenant, client: Client) -> None:
    shown = tried(client, looking(tenant, rule("block", shadow=True)))
    assert "only reported" in shown
    assert "The request is refused." not in shown


def test_a_text_that_is_too_long_is_not_tried(tenant: Tenant, client: Client) -> None:
    shown = tried(client, looking(tenant, rule("mask")), "word " * 5_000)
    assert "this page takes 20,000" in shown


def test_markup_in_a_text_stays_text(tenant: Tenant, client: Client) -> None:
    assert "<script>alert" not in tried(
        client, looking(tenant, rule("mask")), f"<script>alert(1)</script> {MAIL}"
    )


def test_policy_without_rules_says_so_and_its_page_offers_nothing(tenant: Tenant, client: Client) -> None:
    assert (
        "has no rule about personal data"
        in client.get(f"{tenant.path}policies/default/try/").content.decode()
    )
    assert "Try a text" not in client.get(f"{tenant.path}policies/default/").content.decode()
    path = looking(tenant, rule("mask"))
    assert "Try a text" in client.get(path.removesuffix("try/")).content.decode()


def pressed(client: Client, path: str, button: str, **more: str) -> Any:
    place = f"5-{5 + len(MAIL)}-EMAIL_ADDRESS"
    given = {"text": TEXT, "direction": "request", button: place, **more}
    return client.post(path, given, follow=True)


def allowed(tenant: Tenant, name: str = "looking") -> Any:
    with access.scope(organization_id=tenant.organization.pk):
        policy = Policy.objects.get(name=name)
        revision = PolicyRevision.objects.get(policy=policy, number=policy.revision)
        return revision.document["dlp"]["allow"], revision


def test_a_finding_that_is_none_is_spared_from_a_new_revision_on(tenant: Tenant, client: Client) -> None:
    path = looking(tenant, rule("mask"))
    shown = pressed(client, path, "false").content.decode()
    assert "+ dlp.allow: digest" in shown
    assert allowed(tenant)[0] == []
    pressed(client, path, "save", revision="1")
    (entry,), revision = allowed(tenant)
    assert (entry["type"], len(entry["digest"])) == ("EMAIL_ADDRESS", 32)
    assert (revision.number, revision.reason) == (2, "false positive: EMAIL_ADDRESS")
    assert revision.author == tenant.owner.email
    shown = tried(client, path, f"I am Anna.Smith@Example.org, not EMP-123456 or b{MAIL}")
    assert "I am Anna.Smith@Example.org" in shown
    assert "<mark>[EMAIL_ADDRESS]</mark>" in shown


def test_what_was_said_to_be_false_is_in_no_act_but_its_type_is(tenant: Tenant, client: Client) -> None:
    pressed(client, looking(tenant, rule("mask")), "save", revision="1")
    with access.scope(organization_id=tenant.organization.pk):
        acts = [one.event for one in OutboxEntry.objects.order_by("pk")]
    assert MAIL not in str(acts)
    (said,) = [one for one in acts if one["detail"]["action"] == "policy.false_positive"]
    assert said["detail"]["after"] == {"type": "EMAIL_ADDRESS", "revision": 2}


def test_nothing_is_saved_over_a_revision_that_was_not_seen(tenant: Tenant, client: Client) -> None:
    path = looking(tenant, rule("mask"))
    looking(tenant, rule("block"))
    assert "is at revision 2 by now" in pressed(client, path, "save", revision="1").content.decode()
    assert allowed(tenant)[0] == []


def test_a_finding_that_is_not_there_changes_nothing(tenant: Tenant, client: Client) -> None:
    path = looking(tenant, rule("mask"))
    client.post(path, {"text": "nothing", "save": "0-7-SECRET", "revision": "1"})
    assert allowed(tenant)[0] == []


def test_it_takes_the_right_to_change_policies(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role="auditor", actor="test")
    client, path = signed_in(person), looking(tenant, rule("mask"))
    assert "It is none" not in tried(client, path)
    assert pressed(client, path, "save", revision="1").status_code == 403
    assert allowed(tenant)[0] == []


def test_it_is_for_members_alone(tenant: Tenant, outsider: Client) -> None:
    path = looking(tenant, rule("mask"))
    assert outsider.get(path).status_code == 404
    assert outsider.post(path, {"text": TEXT}).status_code == 404
    assert Client().get(path).status_code == 302


def test_names_are_asked_of_the_model_and_it_is_told_where_nobody_answers(
    tenant: Tenant, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "My colleague Alex Rivera was there."
    path = looking(tenant, rule("mask"), names={"by": "model"})
    assert "did not look (away)" in tried(client, path, text)

    async def find(self: Asker, organization_id: str, texts: list[str], deadline_s: float) -> Said:
        assert organization_id == str(tenant.organization.pk)
        return Said({text: (Finding(13, 24, "PERSON", 0.9, "model.person"),)})

    monkeypatch.setattr(Asker, "find", find)
    shown = tried(client, path, text)
    assert "My colleague <mark>[PERSON]</mark> was there." in shown
    assert "did not look" not in shown
