"""Provider accounts and models over the API. No answer holds a credential."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib import access
from tenants.models import Organization, ProviderAccount
from tests.tenants.api.conftest import CallAs, Caller
from tests.tenants.conftest import SECRET

OPENAI = {"kind": "openai", "credential": {"value": SECRET}}
OWN = {"kind": "openai_compatible", "base_url": "https://llm.example.com/v1", "prices_as": "openai"}


@pytest.fixture
def path(slug: str) -> str:
    return f"organizations/{slug}/provider-accounts"


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [one["field"] for one in answer.json()["errors"]]


def stored(organization: Organization, name: str = "main") -> ProviderAccount:
    with access.scope(organization_id=organization.pk):
        return ProviderAccount.objects.get(name=name)


def test_an_account_is_put_and_shown_without_its_credential(
    admin: Caller, organization: Organization, path: str
) -> None:
    made = admin("PUT", f"{path}/main", OPENAI)
    assert made.status_code == 201
    shown = made.json()
    assert shown["credential"] == {"ref": None, "hint": f"…{SECRET[-4:]}"}
    assert (shown["base_url"], shown["prices_as"]) == ("https://api.openai.com/v1", "openai")
    listed = admin("GET", path)
    assert listed.json()["data"] == [shown] == [admin("GET", f"{path}/main").json()]
    for answer in (made, listed):
        assert SECRET not in answer.content.decode()
    assert stored(organization).credential_sealed is not None


def test_a_put_without_a_credential_keeps_it_and_a_new_address_voids_it(
    admin: Caller, organization: Organization, path: str
) -> None:
    body = OWN | {"credential": {"value": SECRET}}
    assert admin("PUT", f"{path}/own", body).status_code == 201
    kept = admin("PUT", f"{path}/own", OWN | {"prices_as": "groq"})
    assert (kept.status_code, kept.json()["credential"]["hint"]) == (200, f"…{SECRET[-4:]}")
    moved = admin("PUT", f"{path}/own", OWN | {"base_url": "https://attacker.example.com/v1"})
    assert (moved.status_code, moved.json()["credential"]) == (200, None)
    account = stored(organization, "own")
    assert (account.credential_sealed, account.credential_ref) == (None, "")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"kind": "openal"}, "kind"),
        ({"kind": None}, "kind"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"prices_as": "no way"}, "prices_as"),
        ({"credential": {}}, "credential"),
        ({"credential": SECRET}, "credential"),
        ({"credential": {"value": SECRET, "ref": "env://KEY"}}, "credential"),
        ({"credential": {"value": f" {SECRET}"}}, "credential.value"),
        ({"credential": {"ref": "env://ACME_KEY"}}, "credential.ref"),
        ({"credential": {"ref": "nowhere://x"}}, "credential.ref"),
        ({"credential": {"text": SECRET}}, "credential.text"),
        ({"credential_sealed": SECRET}, "credential_sealed"),
        ({"credential_hint": "x"}, "credential_hint"),
    ],
)
def test_what_is_wrong_names_its_field_and_repeats_no_secret(
    admin: Caller, path: str, changed: dict[str, Any], field: str
) -> None:
    answer = admin("PUT", f"{path}/own", OWN | changed)
    assert fields(answer) == [field]
    assert SECRET not in answer.content.decode()
    assert admin("GET", f"{path}/own").status_code == 404


def test_only_operators_name_the_environment(
    admin: Caller, operator: Caller, organization: Organization, path: str
) -> None:
    body = OWN | {"credential": {"ref": "env://ACME_KEY"}}
    made = operator("PUT", f"{path}/own", body)
    assert (made.status_code, made.json()["credential"]) == (201, {"ref": "env://ACME_KEY", "hint": ""})
    # what is there may be said again, and is voided like any other when the address changes
    assert admin("PUT", f"{path}/own", body).status_code == 200
    moved = {**body, "base_url": "https://attacker.example.com/v1"}
    assert fields(admin("PUT", f"{path}/own", moved)) == ["credential.ref"]
    assert stored(organization, "own").base_url == OWN["base_url"]
    del moved["credential"]
    assert admin("PUT", f"{path}/own", moved).json()["credential"] is None


def test_a_try_says_whether_the_credential_can_be_had(
    admin: Caller, operator: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin("PUT", f"{path}/main", OPENAI)
    assert admin("POST", f"{path}/main/test").json() == {"works": True, "detail": "sealed here"}
    admin("PUT", f"{path}/own", OWN)
    assert admin("POST", f"{path}/own/test").json() == {"works": False, "detail": "none is stored"}
    operator("PUT", f"{path}/own", OWN | {"credential": {"ref": "env://ACME_KEY"}})
    monkeypatch.delenv("ACME_KEY", raising=False)
    gone = admin("POST", f"{path}/own/test").json()
    assert (gone["works"], "not set" in gone["detail"]) == (False, True)
    monkeypatch.setenv("ACME_KEY", SECRET)
    answer = admin("POST", f"{path}/own/test")
    assert answer.json()["works"] is True
    assert SECRET not in answer.content.decode()
    assert admin("POST", f"{path}/none/test").status_code == 404


def test_accounts_take_their_scopes_and_organization(
    admin: Caller, call_as: CallAs, other: Organization, path: str, slug: str
) -> None:
    admin("PUT", f"{path}/main", OPENAI)
    reader, stranger = call_as("organization.read"), call_as(of=other)
    assert reader("GET", f"{path}/main").status_code == 200
    for method, place, body in (
        ("PUT", f"{path}/main", OPENAI),
        ("DELETE", f"{path}/main", None),
        ("POST", f"{path}/main/test", None),
    ):
        assert reader(method, place, body).status_code == 403
        assert stranger(method, place, body).status_code == 404
    own = f"organizations/{other.slug}/provider-accounts"
    assert stranger("GET", own).json()["data"] == []
    assert stranger("POST", f"{own}/main/test").status_code == 404


# Models


@pytest.fixture
def models(admin: Caller, path: str, slug: str) -> str:
    admin("PUT", f"{path}/main", OPENAI)
    admin("PUT", f"{path}/own", OWN)
    return f"organizations/{slug}/models"


TO_MAIN = {"targets": [{"account": "main", "model": "gpt-4o"}]}


def test_a_model_is_put_whole(admin: Caller, models: str) -> None:
    alias = "meta-llama/Llama-3:70b@eu"
    body = {
        "targets": [
            {"account": "main", "model": "gpt-4o", "weight": 3},
            {"account": "own", "model": "llama"},
        ],
        "retries": 2,
        "affinity": "key",
        "timeouts": {"gap_s": 30},
        "context_window": 128_000,
        "deprecated": "Use another.",
    }
    made = admin("PUT", f"{models}/{alias}", body)
    assert made.status_code == 201
    shown = made.json()
    assert shown["alias"] == alias
    assert [(one["account"], one["weight"]) for one in shown["targets"]] == [("main", 3), ("own", 1)]
    assert shown["timeouts"] == {"connect_s": None, "first_byte_s": None, "gap_s": 30, "total_s": None}
    assert admin("GET", f"{models}/{alias.replace('/', '%2F')}").json() == shown
    plain = admin("PUT", f"{models}/{alias}", TO_MAIN).json()
    assert (plain["retries"], plain["affinity"], plain["context_window"]) == (1, "none", None)
    assert plain["deprecated"] is None
    assert admin("DELETE", f"{models}/{alias}").status_code == 204
    assert admin("GET", f"{models}/{alias}").status_code == 404


def test_models_are_listed_by_alias_and_account(admin: Caller, models: str) -> None:
    admin("PUT", f"{models}/fast", TO_MAIN)
    admin("PUT", f"{models}/best", {"targets": [{"account": "own", "model": "x"}], "fallbacks": ["fast"]})
    listed = admin("GET", models).json()["data"]
    assert [(one["alias"], one["fallbacks"]) for one in listed] == [("best", ["fast"]), ("fast", [])]
    found = admin("GET", f"{models}?account=own").json()["data"]
    assert [one["alias"] for one in found] == ["best"]
    assert fields(admin("DELETE", f"{models}/fast")) == ["model"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"targets": []}, "targets"),
        ({"targets": [{"account": "nine", "model": "x"}]}, "targets[0].account"),
        ({"targets": [{"account": "main"}]}, "targets[0].model"),
        ({"targets": [{"account": "main", "model": "x", "weight": "1"}]}, "targets[0].weight"),
        ({"targets": [{"account": "main", "model": "x", "weight": 0}]}, "targets"),
        ({"targets": [{"account": "main", "model": str(n)} for n in range(9)]}, "targets[8]"),
        ({"fallbacks": ["none"]}, "fallbacks[0]"),
        ({"fallbacks": ["fast"]}, "fallbacks[0]"),
        ({"retries": 99}, "retries"),
        ({"affinity": "moon"}, "affinity"),
        ({"timeouts": {"gap_s": 0}}, "timeouts.gap_s"),
        ({"timeouts": {"gap": 1}}, "timeouts.gap"),
        ({"context_window": 10, "max_output_tokens": 20}, "max_output_tokens"),
        ({"alias": "other"}, "alias"),
    ],
)
def test_a_bad_route_names_its_field(admin: Caller, models: str, changed: dict[str, Any], field: str) -> None:
    assert fields(admin("PUT", f"{models}/fast", TO_MAIN | changed)) == [field]


@pytest.mark.parametrize("alias", ["%00", "a%0Ab", "a" * 121, "..", "a%2F%2Fb"])
def test_a_name_that_no_model_has_is_not_found(admin: Caller, models: str, alias: str) -> None:
    for method in ("GET", "DELETE"):
        assert admin(method, f"{models}/{alias}").status_code == 404


def test_models_take_their_scopes_and_organization(
    admin: Caller, call_as: CallAs, other: Organization, models: str
) -> None:
    assert fields(admin("PUT", f"{models}/no way", TO_MAIN)) == ["alias"]
    admin("PUT", f"{models}/fast", TO_MAIN)
    reader, stranger = call_as("organization.read"), call_as(of=other)
    assert reader("GET", f"{models}/fast").status_code == 200
    for method in ("PUT", "DELETE"):
        assert reader(method, f"{models}/fast", TO_MAIN).status_code == 403
        assert stranger(method, f"{models}/fast", TO_MAIN).status_code == 404
    own = f"organizations/{other.slug}/models"
    assert stranger("GET", f"{own}/fast").status_code == 404
    assert fields(stranger("PUT", f"{own}/fast", TO_MAIN)) == ["targets[0].account"]
