"""`manage.py operator_keys`: how operators get in first."""

from __future__ import annotations

import json
import logging
import secrets

import pytest

from tenants.rights import PRESETS, SCOPES
from tests.tenants.api.conftest import caller
from tests.tenants.conftest import run


@pytest.fixture
def name() -> str:
    return f"k-{secrets.token_hex(6)}"


def test_a_key_is_issued_listed_and_revoked(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tenants.services.management_keys"):
        made = run("operator_keys", "issue", name, "--scopes", "organization.read,usage.read", "--json").json
        assert made["scopes"] == ["organization.read", "usage.read"]
        assert caller(made["secret"])("GET", "organizations").status_code == 200
        listed = run("operator_keys", "list", "--json")
        assert [one["works"] for one in listed.json["keys"] if one["name"] == name] == [True]
        assert made["secret"] not in listed.out
        assert run("operator_keys", "revoke", name).out.strip() == f"{name} is revoked."
    assert caller(made["secret"])("GET", "organizations").status_code == 401
    assert f"{name}  {made['hint']}  has ended" in run("operator_keys", "list").out
    told = [one.getMessage() for one in caplog.records if name in one.getMessage()]
    assert [f"manage.py operator_keys {verb}" in line for verb, line in zip(("issued", "revoked"), told, strict=True)] == [True, True]  # fmt: skip
    assert made["secret"] not in caplog.text


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_stands_for_its_scopes(name: str, preset: str) -> None:
    answer = run("operator_keys", "issue", name, "--preset", preset, "--days", "7")
    text = answer.out.splitlines()[1].strip()
    said = caller(text)("GET", "me").json()
    assert said == {
        "name": f"operator key {name}",
        "organization": None,
        "scopes": sorted(one.value for one in PRESETS[preset]),
    }
    assert (preset == "operator") == (len(said["scopes"]) == len(SCOPES))
    assert json.loads(run("operator_keys", "revoke", name, "--json").out)["works"] is False


def test_bad_input_is_named(name: str) -> None:
    for options, words in (
        (("issue", name, "--scopes", "usage.reed"), "did you mean 'usage.read'"),
        (("issue", name, "--scopes", ","), "are none"),
        (("issue", "Two words", "--scopes", "usage.read"), "name"),
        (("revoke", name), "there is no operator key"),
    ):
        answer = run("operator_keys", *options)
        assert (answer.code, words in answer.err) == (2, True), options
    run("operator_keys", "issue", name, "--scopes", "usage.read")
    assert "there is or was" in run("operator_keys", "issue", name, "--scopes", "usage.read").err
