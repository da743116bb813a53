"""What operators do across organizations: people, leaked keys, ceilings."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from orbit.lib import access
from tenants import keys, services
from tenants.models import ApiKey, Organization, Person
from tenants.rights import SCOPES, OperatorRight
from tests.tenants.api.conftest import CallAs, Caller, caller


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


@pytest.fixture
def waiting() -> Person:
    person = Person.objects.create_user(
        f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test", approved_at=None
    )
    EmailAddress.objects.create(user=person, email=person.email, primary=True, verified=True)
    return person


@pytest.fixture
def issued(organization: Organization) -> tuple[ApiKey, str]:
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_project(**where, slug="bot", name="Bot")
    return services.issue_key(**where, project="bot", name="production")


# People


def test_who_waits_is_listed_and_let_in(operator: Caller, waiting: Person, slug: str) -> None:
    listed = operator("GET", f"people?waiting=true&email={waiting.email}").json()["data"]
    assert [(one["id"], one["approved_at"]) for one in listed] == [(waiting.pk, None)]
    done = operator("POST", f"people/{waiting.pk}/approve").json()
    assert (done["email"], done["approved_by"]) == (waiting.email, f"operator key op-{slug}")
    assert done["approved_at"] is not None
    assert operator("POST", f"people/{waiting.pk}/approve").json() == done
    assert operator("GET", f"people?waiting=true&email={waiting.email}").json()["data"] == []
    assert [one["id"] for one in operator("GET", f"people?email={waiting.email}").json()["data"]] == [
        waiting.pk
    ]


def test_somebody_who_has_not_confirmed_an_address_does_not_wait_yet(
    operator: Caller, waiting: Person
) -> None:
    EmailAddress.objects.filter(user=waiting).update(verified=False)
    assert operator("GET", f"people?waiting=true&email={waiting.email}").json()["data"] == []


def test_nothing_of_a_password_is_shown(operator: Caller, waiting: Person) -> None:
    [shown] = operator("GET", f"people?email={waiting.email}").json()["data"]
    assert waiting.password not in str(shown)
    assert set(shown) == {
        "id",
        "email",
        "name",
        "is_active",
        "is_operator",
        "date_joined",
        "approved_at",
        "approved_by",
    }


@pytest.mark.parametrize("number", ["0", str(2**31), str(10**40)])
def test_nobody_is_let_in_who_is_not_there(operator: Caller, number: str) -> None:
    assert operator("POST", f"people/{number}/approve").status_code == 404


# Leaked keys


def test_a_leaked_key_is_found_and_ended(
    operator: Caller, issued: tuple[ApiKey, str], organization: Organization, slug: str
) -> None:
    _, text = issued
    found = operator("POST", "key-lookup", {"key": f"Bearer {text} "}).json()
    assert found["path"] == f"{slug}/bot/production"
    assert (found["secret"]["works"], found["secret"]["ended"]) == (True, False)
    assert found["key"]["name"] == "production"
    ended = operator("POST", "key-lookup", {"key": text, "revoke": True, "reason": "on a forum"}).json()
    assert ended["secret"]["ended"] is True
    with access.scope(organization_id=organization.pk):
        assert ApiKey.objects.get().revoked_at is not None


def test_what_is_nobodys_is_not_found_and_what_is_no_key_is_refused(operator: Caller) -> None:
    assert operator("POST", "key-lookup", {"key": keys.new_key()}).status_code == 404
    garbage = operator("POST", "key-lookup", {"key": "sk-canary-no-key-of-ours"})
    assert fields(garbage) == ["key"]
    assert "canary" not in garbage.content.decode()
    assert fields(operator("POST", "key-lookup", {})) == ["key"]


@pytest.mark.parametrize("body", [{"revoke": "yes"}, {"reason": 7}, {"more": 1}, {}, {"revoke": True}])
def test_the_text_of_a_key_is_in_no_answer_and_no_log(
    operator: Caller, issued: tuple[ApiKey, str], body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    text = issued[1]
    with caplog.at_level(logging.DEBUG):
        answer = operator("POST", "key-lookup", {"key": text} | body)
        broken = operator("POST", "key-lookup", f'{{"key": "{text}", '.encode())
    assert text not in answer.content.decode()
    assert text not in broken.content.decode()
    assert text not in caplog.text


def test_the_text_of_a_key_is_in_no_traceback(
    operator: Caller,
    issued: tuple[ApiKey, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tenants.services.key_lookup.find_key", fails)
    answer = operator("POST", "key-lookup", {"key": issued[1]})
    assert answer.status_code == 500
    assert "a bug" in caplog.text
    assert issued[1] not in caplog.text + answer.content.decode()


# Ceilings


def test_a_ceiling_is_put_shown_and_taken_away(operator: Caller, admin: Caller, slug: str) -> None:
    path = f"organizations/{slug}/ceiling"
    assert operator("GET", path).status_code == 404
    made = operator("PUT", path, {"document": {"caps": {"max_output_tokens": 10}}})
    assert (made.status_code, made.json()["revision"]) == (201, 1)
    assert made.json()["document"]["caps"]["max_output_tokens"] == 10
    assert operator("GET", path).json() == made.json()
    assert admin("GET", f"organizations/{slug}").json()["has_ceiling"] is True
    assert operator("PUT", path, {"document": {}}).json()["revision"] == 2
    assert operator("DELETE", path).status_code == 204
    assert operator("GET", path).status_code == 404
    assert operator("DELETE", path).status_code == 404


def test_a_ceiling_may_be_a_copy_of_a_policy(
    operator: Caller, organization: Organization, other: Organization, slug: str
) -> None:
    document = {"caps": {"max_input_tokens": 7}}
    services.save_policy(organization_id=other.pk, name="low", document=document, actor="test")
    path = f"organizations/{slug}/ceiling"
    made = operator("PUT", path, {"policy": f"{other.slug}/low"})
    assert made.json()["document"]["caps"]["max_input_tokens"] == 7
    assert fields(operator("PUT", path, {"policy": f"{other.slug}/none"})) == ["policy"]
    assert fields(operator("PUT", path, {})) == ["document"]
    assert fields(operator("PUT", path, {"document": {}, "policy": "a/b"})) == ["document"]
    assert fields(operator("PUT", path, {"document": {"caps": 7}})) == ["document.caps"]


DOORS: dict[OperatorRight, list[tuple[str, str, Any]]] = {
    OperatorRight.PEOPLE_READ: [("GET", "people", None)],
    OperatorRight.PEOPLE_APPROVE: [("POST", "people/1/approve", None)],
    OperatorRight.KEYS_LOOK_UP: [("POST", "key-lookup", {"key": "x"})],
    OperatorRight.ORGANIZATIONS_READ: [("GET", "organizations/{slug}/ceiling", None)],
    OperatorRight.CEILINGS_WRITE: [
        ("PUT", "organizations/{slug}/ceiling", {"document": {}}),
        ("DELETE", "organizations/{slug}/ceiling", None),
    ],
    OperatorRight.INSTALLATION_APPLY: [("POST", "apply", {"document": {}})],
}


@pytest.mark.parametrize("right", DOORS)
def test_each_door_takes_its_scope(
    call_as: CallAs, other: Organization, slug: str, right: OperatorRight
) -> None:
    """All the others, or all that a member of the organization may, do not open it."""
    _, text = services.issue_operator_key(
        name=f"but-{slug}", scopes=sorted(set(SCOPES) - {right.value}), actor="test"
    )
    for method, path, body in DOORS[right]:
        here = path.format(slug=slug)
        for refused in (caller(text), call_as(), call_as(of=other)):
            assert refused(method, here, body).status_code == 403
        assert caller()(method, here, body).status_code == 401
