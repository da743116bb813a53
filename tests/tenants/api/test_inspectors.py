"""Inspectors over the API: kept with their credentials, which nobody is told, changed, tried and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib import access
from tenants.models import Inspector, Organization
from tenants.secrets import resolve
from tests.inspectors import KEY, NAME, WHSEC, Services
from tests.tenants.api.conftest import Caller

OPENAI = {"kind": "openai_moderation", "credential": {"value": KEY}}
HOOK = {"kind": "webhook", "base_url": "https://inspect.example.com/orbit", "credential": {"value": WHSEC}}


@pytest.fixture
def path(slug: str) -> str:
    return f"organizations/{slug}/inspectors"


def stored(organization: Organization, name: str = "watch") -> Inspector:
    with access.scope(organization_id=organization.pk):
        return Inspector.objects.get(name=name)


def fault(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["field"]


def test_one_is_put_and_shown_without_its_credential(
    admin: Caller, organization: Organization, path: str
) -> None:
    made = admin("PUT", f"{path}/watch", OPENAI | {"price": "1.50"})
    assert made.status_code == 201
    shown = made.json()
    assert shown["credential"] == {"ref": None, "hint": f"…{KEY[-4:]}"}
    assert shown["base_url"] == "https://api.openai.com/v1"
    assert (shown["options"], shown["price"]) == ({"model": "omni-moderation-latest"}, "1.50")
    listed = admin("GET", path)
    assert listed.json()["data"] == [shown] == [admin("GET", f"{path}/watch").json()]
    for answer in (made, listed):
        assert KEY not in answer.content.decode()
    assert resolve(stored(organization)).reveal() == KEY


def test_a_new_address_voids_the_credential_and_nothing_else_does(
    admin: Caller, organization: Organization, path: str
) -> None:
    assert admin("PUT", f"{path}/watch", HOOK).status_code == 201
    body = {name: value for name, value in HOOK.items() if name != "credential"}
    kept = admin("PUT", f"{path}/watch", body | {"price": "2.00"})
    assert kept.json()["credential"]["hint"]
    moved = admin("PUT", f"{path}/watch", body | {"base_url": "https://attacker.example.com/"})
    assert moved.json()["credential"] is None
    assert stored(organization).credential_sealed is None
    assert admin("PUT", f"{path}/watch", HOOK).status_code == 200
    assert admin("PUT", f"{path}/watch", body | {"credential": None}).json()["credential"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "bloodhound"}, "kind"),
        ({"kind": "webhook"}, "base_url"),
        ({"kind": "presidio", "base_url": "http://10.0.0.1:3000"}, "base_url"),
        (
            {"kind": "presidio", "base_url": "https://p.example.com", "options": {"language": "English"}},
            "options.language",
        ),
        (
            {"kind": "presidio", "base_url": "https://p.example.com", "options": {"colour": "red"}},
            "options.colour",
        ),
        ({"kind": "google"}, "options.project"),
        (
            {"kind": "google", "options": {"project": "my-project-123"}, "credential": {"value": "{}"}},
            "credential.value",
        ),
        (HOOK | {"credential": {"value": "secret"}}, "credential.value"),
        (OPENAI | {"price": "-1"}, "price"),
        (OPENAI | {"credential": {"ref": "env://KEY"}}, "credential.ref"),
    ],
)
def test_bad_input_names_its_field(admin: Caller, path: str, body: dict[str, Any], field: str) -> None:
    assert fault(admin("PUT", f"{path}/watch", body)) == (400, field)


def test_one_that_a_policy_names_is_not_deleted(admin: Caller, slug: str, path: str) -> None:
    assert admin("PUT", f"{path}/watch", OPENAI).status_code == 201
    dlp = {"inspectors": [{"name": "watch"}], "rules": [{"types": ["HATE"], "action": "block"}]}
    policy = f"organizations/{slug}/policies/careful"
    assert admin("PUT", policy, {"document": {"dlp": dlp}}).status_code == 201
    assert fault(admin("DELETE", f"{path}/watch"))[0] == 400
    assert admin("PUT", policy, {"document": {}}).status_code == 200
    assert admin("DELETE", f"{path}/watch").status_code == 204
    assert admin("GET", f"{path}/watch").status_code == 404


def test_a_policy_names_only_those_that_there_are(admin: Caller, slug: str) -> None:
    dlp = {"inspectors": [{"name": "nobody"}], "rules": [{"types": ["HATE"], "action": "block"}]}
    answer = admin("PUT", f"organizations/{slug}/policies/careful", {"document": {"dlp": dlp}})
    assert answer.status_code == 400
    assert "there is no inspector 'nobody'" in answer.content.decode()


def test_a_text_is_tried(admin: Caller, path: str, services: Services) -> None:
    body = {"kind": "presidio", "base_url": services.url()}
    assert admin("PUT", f"{path}/watch", body).status_code == 201
    told = admin("POST", f"{path}/watch/test", {"text": f"I am {NAME}"}).json()
    assert told["works"] is True
    assert [(one["type"], one["start"], one["end"], one["whole"]) for one in told["findings"]] == [
        ("PERSON", 5, 11, False)
    ]
    assert admin("PUT", f"{path}/watch", body | {"base_url": services.url("error")}).status_code == 200
    told = admin("POST", f"{path}/watch/test", {"text": f"I am {NAME}"}).json()
    assert (told["works"], told["findings"]) == (False, [])
    assert told["detail"] == "it could not be reached, or failed (answered 503)"
