"""The page of requests for more, by role: asked, counted, answered by somebody else, told by mail, over by itself."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.mail import EmailMessage
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console import request_mail
from console.tasks import tell_of_request
from orbit.lib import access, line
from tenants import services
from tenants.models import Membership, Person, Policy, PolicyRequest, PolicyRevision
from tests.console.conftest import Tenant, make_person, signed_in, unused_id

UNTIL = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
ASK = {"what": "limit:default:budget", "amount": "80.00", "until": UNTIL, "reason": "the fair in Hannover"}
Mails = list[EmailMessage]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests play the worker that sends mail."""

    def send(name: str, given: list[str], queue: str) -> None:
        assert name == tell_of_request.name
        tell_of_request(*given)
        line.ended(name, given)

    monkeypatch.setattr(current_app, "send_task", send)


def joined(tenant: Tenant, role: str) -> Person:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, person=person, role=role, actor="test")
    return person


def path(tenant: Tenant, rest: str = "") -> str:
    return f"{tenant.path}requests/{rest}"


def asked(tenant: Tenant, client: Client, **given: str) -> PolicyRequest:
    answer = client.post(path(tenant, "ask/"), {**ASK, **given})
    assert answer["Location"] == path(tenant)
    return latest(tenant)


def latest(tenant: Tenant) -> PolicyRequest:
    with access.scope(organization_id=tenant.organization.pk):
        found = PolicyRequest.objects.order_by("created_at").last()
    assert found is not None
    return found


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def in_force(tenant: Tenant) -> dict[str, Any]:
    with access.scope(organization_id=tenant.organization.pk):
        policy = Policy.objects.get(name="default")
        document: dict[str, Any] = PolicyRevision.objects.get(policy=policy, number=policy.revision).document
        return document


def test_from_asking_to_an_answer_with_less(tenant: Tenant, mailoutbox: Mails, settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"
    developer, owner = joined(tenant, "developer"), tenant.client()
    mine = signed_in(developer)
    one = asked(tenant, mine)
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [
        ([tenant.owner.email], f"{developer.email} asks for more of budget ({tenant.organization.name})")
    ]
    assert "the fair in Hannover" in str(mailoutbox[0].body)
    assert f"https://gateway.example{path(tenant)}#request-{one.pk}" in str(mailoutbox[0].body)
    assert "to answer" in page(owner, tenant.path)
    assert "to answer" not in page(mine, tenant.path)
    shown = page(owner, path(tenant))
    for words in (developer.email, "budget: 80.00", "now 50.00 USD per month", "the fair in Hannover"):
        assert words in shown

    owner.post(path(tenant, f"{one.pk}/approve/"), {"amount": "60.00", "reason": "that is enough"})
    assert in_force(tenant)["limits"][1]["temporary"]["limit"] == "60.00"
    assert (latest(tenant).state, latest(tenant).granted) == ("approved", "60.00")
    assert mailoutbox[1].to == [developer.email]
    for words in ("approved by", "for 60.00", "that is enough"):
        assert words in str(mailoutbox[1].body)
    assert "to answer" not in page(owner, tenant.path)
    told = page(mine, path(tenant))
    assert "budget: 60.00" in told
    assert "80.00 was asked for" in told

    services.end_requests(organization_id=tenant.organization.pk, now=datetime.now(UTC) + timedelta(days=4))
    assert mailoutbox[2].subject.startswith("Ended: more of budget")
    assert ">ended<" in page(mine, path(tenant))


def test_a_refusal_needs_a_reason_and_is_told(tenant: Tenant, mailoutbox: Mails) -> None:
    developer = joined(tenant, "developer")
    one = asked(tenant, signed_in(developer))
    owner = tenant.client()
    owner.post(path(tenant, f"{one.pk}/refuse/"), {"reason": ""})
    assert latest(tenant).state == "open"
    owner.post(path(tenant, f"{one.pk}/refuse/"), {"reason": "no money"})
    assert latest(tenant).state == "refused"
    assert "no money" in str(mailoutbox[-1].body)
    assert "no money" in page(signed_in(developer), path(tenant))


def test_nobody_answers_their_own(tenant: Tenant, mailoutbox: Mails) -> None:
    admin = joined(tenant, "admin")
    mine = signed_in(admin)
    one = asked(tenant, mine)
    assert [mail.to for mail in mailoutbox] == [[tenant.owner.email]]
    shown = page(mine, path(tenant))
    assert "somebody else answers" in shown
    assert "Approve…" not in shown
    assert "to answer" not in page(mine, tenant.path)
    answer = mine.post(path(tenant, f"{one.pk}/approve/"), follow=True)
    assert "Nothing was decided" in answer.content.decode()
    assert latest(tenant).state == "open"
    mine.post(path(tenant, f"{one.pk}/refuse/"), {"reason": "taken back"})
    assert latest(tenant).state == "refused"


@pytest.mark.parametrize("role", ["developer", "finance", "auditor"])
def test_every_member_may_ask_and_few_may_answer(tenant: Tenant, role: str) -> None:
    client = signed_in(joined(tenant, role))
    one = asked(tenant, client)
    for act in ("approve", "refuse"):
        assert client.post(path(tenant, f"{one.pk}/{act}/"), {"reason": "x"}).status_code == 403
    assert "Approve…" not in page(client, path(tenant))


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"what": ""}, "What", "choose a limit or a model"),
        ({"what": "limit:default:none"}, "What", "there is no limit"),
        ({"what": "limit:none:budget"}, "What", "there is no policy"),
        ({"what": "model:default:none"}, "What", "there is no model"),
        ({"amount": ""}, "Amount", "is missing"),
        ({"amount": "much"}, "Amount", "must be an amount"),
        ({"amount": "10.00"}, "Amount", "more than the limit itself"),
        ({"until": "soon"}, "Until", "must be a day and a time"),
        ({"until": "2020-01-01T00:00"}, "Until", "must be in the future"),
        ({"reason": ""}, "Reason", ""),
    ],
)
def test_what_cannot_be_granted_is_told_at_its_field(
    tenant: Tenant, given: dict[str, str], field: str, says: str
) -> None:
    answer = tenant.client().post(path(tenant, "ask/"), {**ASK, **given})
    assert answer.status_code == 400
    shown = answer.content.decode()
    assert f'role="alert">{field}: ' in shown
    assert says in shown
    if "reason" not in given:
        assert "the fair in Hannover" in shown  # what was typed is kept
    with access.scope(organization_id=tenant.organization.pk):
        assert not PolicyRequest.objects.exists()


def test_a_model_is_asked_for_and_allowed(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.save_account(
        **where,
        name="own",
        kind="vllm",
        base_url="https://llm.example.com/v1",
        prices_as="vllm",
        credential=None,
    )
    for alias in ("fast", "dear"):
        services.save_model(**where, alias=alias, targets=[services.NewTarget("own", alias)])
    services.save_policy(**where, name="default", document={"allow": {"models": ["fast"]}})
    developer = signed_in(joined(tenant, "developer"))
    assert "model:default:fast" not in page(developer, path(tenant))
    shown = page(developer, path(tenant) + "?model=dear")
    assert '<option value="model:default:dear" selected>' in shown
    one = asked(tenant, developer, what="model:default:dear", amount="")
    tenant.client().post(path(tenant, f"{one.pk}/approve/"))
    assert in_force(tenant)["allow"]["models"] == ["fast", "dear"]


def test_a_refusal_is_explained_with_the_way_to_ask(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.issue_key(**where, project="chatbot", name="main")
    services.save_policy(**where, name="default", document={"allow": {"models": ["fast"]}})
    client = tenant.client()
    shown = page(client, path(tenant) + "?key=chatbot/main&of=dear")
    assert "?model=dear#ask" in shown
    assert "there is no key" in page(client, path(tenant) + "?key=none/at&of=dear")


def test_a_limits_name_in_the_address_chooses_it(tenant: Tenant) -> None:
    shown = page(tenant.client(), path(tenant) + "?limit=budget")
    assert '<option value="limit:default:budget" selected>' in shown
    assert "<details" in shown


def test_what_was_decided_is_not_decided_again(tenant: Tenant) -> None:
    one = asked(tenant, signed_in(joined(tenant, "developer")))
    owner = tenant.client()
    owner.post(path(tenant, f"{one.pk}/approve/"))
    answer = owner.post(path(tenant, f"{one.pk}/refuse/"), {"reason": "late"}, follow=True)
    assert "it is approved already" in answer.content.decode()
    nothing = owner.post(path(tenant, f"{unused_id()}/approve/"), follow=True)
    assert "there is no request" in nothing.content.decode()


def test_requests_are_for_members_alone(tenant: Tenant, other: Tenant, outsider: Client) -> None:
    one = asked(tenant, tenant.client())
    for client, address in ((outsider, path(tenant)), (other.client(), path(tenant))):
        assert client.get(address).status_code == 404
        assert client.post(f"{address}{one.pk}/approve/").status_code == 404
    assert (
        "there is no request"
        in other.client().post(path(other, f"{one.pk}/approve/"), follow=True).content.decode()
    )
    assert Client().get(path(tenant)).status_code == 302
    assert latest(tenant).state == "open"


def test_mail_that_is_late_asks_nobody_for_what_is_decided(tenant: Tenant, mailoutbox: Mails) -> None:
    one = asked(tenant, tenant.client())
    services.refuse_request(
        organization_id=tenant.organization.pk, request_id=one.pk, actor="boss", reason="no"
    )
    count = len(mailoutbox)
    assert request_mail.tell(tenant.organization.pk, one.pk, "open") == 0
    assert len(mailoutbox) == count


def test_who_left_gets_no_mail(tenant: Tenant, mailoutbox: Mails) -> None:
    developer = joined(tenant, "developer")
    one = asked(tenant, signed_in(developer))
    with access.scope(organization_id=tenant.organization.pk):
        member = Membership.objects.get(person=developer)
    services.remove_member(organization_id=tenant.organization.pk, member_id=member.pk, actor="test")
    count = len(mailoutbox)
    services.refuse_request(
        organization_id=tenant.organization.pk, request_id=one.pk, actor="boss", reason="no"
    )
    assert len(mailoutbox) == count


@pytest.mark.parametrize("many", [1, 25])
def test_the_page_takes_the_same_few_queries(tenant: Tenant, many: int) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    for number in range(many):
        services.request_more(
            organization_id=tenant.organization.pk,
            policy="default",
            limit="budget",
            amount=f"{60 + number}.00",
            until=until,
            reason=secrets.token_hex(4),
            actor="test",
        )
    client = tenant.client()
    page(client, path(tenant))
    with CaptureQueriesContext(connections["default"]) as asked_for:
        page(client, path(tenant))
    assert len(asked_for) <= 22, [one["sql"][:90] for one in asked_for]
