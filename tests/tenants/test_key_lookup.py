"""Whose a leaked key is, and its end; the secret itself stays unsaid."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import keys, services
from tenants.models import ApiKey, KeyUse, Organization
from tests.tenants.conftest import Answer, run

Issued = tuple[ApiKey, str]


@pytest.fixture
def issued(organization: Organization) -> Issued:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    return services.issue_key(organization_id=organization.id, project="bot", name="k", actor="ada")


def paste(monkeypatch: pytest.MonkeyPatch, text: str, *options: str) -> Answer:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return run("keys", "lookup", *options)


def acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.id):
        return [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]


def is_revoked(key: ApiKey) -> bool:
    with access.operator():
        return ApiKey.objects.get(pk=key.pk).revoked_at is not None


def rotated(key: ApiKey, overlap: timedelta) -> str:
    return services.rotate_key(
        organization_id=key.organization_id, key_id=key.pk, overlap=overlap, actor="test"
    ).secret


def test_owner_is_found_from_the_text_alone(organization: Organization, issued: Issued) -> None:
    key, secret = issued
    with access.ledger():
        KeyUse.objects.create(
            organization_id=organization.id, key=key, used_at=key.created_at, address="192.0.2.7"
        )
    for text in (secret, f"  {secret}\n", f"Bearer {secret}"):
        owner = services.look_up_key(text, actor="ops")
        assert owner is not None
        assert owner.path == f"{organization.slug}/bot/k"
        assert (owner.works, owner.replaced, owner.ended) == (True, False, False)
        assert (owner.key["created_by"], owner.key["last_address"]) == ("ada", "192.0.2.7")
    assert not is_revoked(key)
    act = acts(organization)[-1]
    assert (act["actor"], act["action"], act["target"]) == ("ops", "key.look_up", "bot/k")
    assert act["after"] == {"hint": key.hint, "works": True}


def test_suspended_key_does_not_work_and_can_be_ended(organization: Organization, issued: Issued) -> None:
    key, secret = issued
    services.suspend_key(organization_id=organization.id, key_id=key.pk, reason="a leak", actor="test")
    owner = services.look_up_key(secret, actor="ops", end=True)
    assert owner is not None
    assert (owner.works, owner.ended) == (False, True)
    assert is_revoked(key)


def test_it_is_ended_in_one_step(organization: Organization, issued: Issued) -> None:
    key, secret = issued
    owner = services.look_up_key(secret, actor="ops", end=True, reason="seen on a forum")
    assert owner is not None
    assert owner.ended
    assert is_revoked(key)
    act = acts(organization)[-1]
    assert (act["action"], act["before"]) == ("key.revoke", {"revoked_at": None})
    assert act["after"]["reason"] == "seen on a forum"
    again = services.look_up_key(secret, actor="ops", end=True)
    assert again is not None
    assert (again.works, again.ended, again.key["state"]) == (False, False, "revoked")


def test_secret_that_was_replaced_is_ended_alone(organization: Organization, issued: Issued) -> None:
    key, secret = issued
    new = rotated(key, timedelta(days=1))
    owner = services.look_up_key(secret, actor="ops", end=True)
    assert owner is not None
    assert (owner.works, owner.replaced, owner.ended) == (True, True, True)
    assert not is_revoked(key)
    assert [one["action"] for one in acts(organization)][-2:] == ["key.look_up", "key.end_secret"]
    with access.operator():
        assert ApiKey.objects.get(pk=key.pk).generation == 3
    dead, alive = (services.look_up_key(text, actor="ops") for text in (secret, new))
    assert dead is not None
    assert alive is not None
    assert (dead.works, alive.works) == (False, True)


def test_what_is_no_key_is_refused_and_not_repeated(issued: Issued) -> None:
    _, secret = issued
    assert services.look_up_key(keys.new_key(), actor="ops") is None
    for text in ("", "sk-canary", secret[:-1], secret.swapcase(), f"{secret} {secret}"):
        with pytest.raises(InputError) as raised:
            services.look_up_key(text, actor="ops")
        assert not text or text not in str(raised.value)


def test_command_reads_the_key_from_standard_input(
    organization: Organization,
    issued: Issued,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key, secret = issued
    caplog.set_level(logging.DEBUG)
    words = paste(monkeypatch, secret + "\n")
    assert f"{key.hint} works. It is the secret of {organization.slug}/bot/k." in words.out
    answer = paste(monkeypatch, secret, "--revoke", "--json", "--reason", "pasted in a chat")
    assert answer.json["secret"] == {"hint": key.hint, "works": True, "replaced": False, "ended": True}
    assert answer.json["key"]["state"] == "revoked"
    assert is_revoked(key)
    texts = [words.out, words.err, answer.out, answer.err, caplog.text, json.dumps(acts(organization))]
    assert not any(secret in text for text in texts)
    for text in (keys.new_key(), "nonsense", secret[5:]):
        wrong = paste(monkeypatch, text)
        assert wrong.code == 2
        assert text not in wrong.err + wrong.out


def test_key_that_is_given_as_an_argument_is_not_repeated(issued: Issued) -> None:
    _, secret = issued
    for action in ("rotate", "revoke"):
        answer = run("keys", action, secret)
        assert answer.code == 2
        assert secret not in answer.out + answer.err
