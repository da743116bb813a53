"""Tokens that say nothing by themselves: the issuer is asked about them, and now and then about signed ones too."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tenants.issuer import configured
from tenants.issuer.introspection import Introspection
from tenants.models import Organization
from tenants.secrets.http import Http
from tests.issuer import CLIENT_SECRET, Issuer, running_issuer, trust_by_asking
from tests.tenants.api.conftest import caller


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    with running_issuer() as running:
        trust_by_asking(settings, running)
        yield running


def me(token: str) -> Any:
    return caller(token)("GET", "me")


def test_the_issuer_is_asked_and_its_answer_counts(issuer: Issuer, organization: Organization) -> None:
    token = issuer.give(scope="organization.read openid")
    assert me(token).json()["scopes"] == ["organization.read"]
    assert me(token).json()["name"] == f"127.0.0.1:{issuer.port} robot"
    assert caller(token)("GET", f"organizations/{organization.slug}").status_code == 200
    assert issuer.asked == ["/introspect"]
    machine = me(issuer.give(sub=None, client_id="ci"))
    assert machine.json()["name"] == f"127.0.0.1:{issuer.port} client_id:ci"


def test_what_the_issuer_does_not_vouch_for_for_us_is_refused(issuer: Issuer) -> None:
    now = int(time.time())
    refused: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 60},
        "not yet": {"nbf": now + 60},
        "other audience": {"aud": "elsewhere"},
        "no audience": {"aud": None},
        "other issuer": {"iss": "https://elsewhere.example.com"},
        "nobody": {"sub": None},
        "refresh token": {"typ": "Refresh"},
        "end that is none": {"exp": "never"},
    }
    for name, claims in refused.items():
        assert me(issuer.give(**claims)).status_code == 401, name
    assert me("unknown").status_code == 401


def test_our_own_keys_and_odd_text_are_told_to_nobody(issuer: Issuer) -> None:
    for token in ("orb_" + "A" * 49, "orbm_" + "A" * 49, "orbo_x", "orbs_x", "a b", "a\tb", "ä", '"', "a,b"):
        assert me(token).status_code == 401, token
    assert issuer.asked == []


def test_an_issuer_that_is_away_or_odd_is_said_to_be(issuer: Issuer, settings: Any) -> None:
    token = issuer.give()
    for status in (500, 404, 302, 204):
        issuer.status = status
        assert me(token).status_code == 503, status
    issuer.status = 0
    assert me(token).status_code == 200
    settings.ORBIT_INTROSPECTION_CLIENT_SECRET = "wrong"
    assert me(token).status_code == 503
    odd = issuer.give()
    issuer.opaque[odd]["active"] = "true"
    settings.ORBIT_INTROSPECTION_CLIENT_SECRET = CLIENT_SECRET
    assert me(odd).status_code == 503


def asking(issuer: Issuer, now: list[float]) -> Introspection:
    config = configured()
    assert config is not None
    return Introspection(config, Http("the issuer", 3.0), lambda: now[0])


def test_an_answer_is_remembered_for_a_moment_and_never_past_the_tokens_end(issuer: Issuer) -> None:
    now = [time.time()]
    introspection = asking(issuer, now)
    long, short = issuer.give(), issuer.give(exp=int(now[0]) + 10)
    for _ in range(3):
        assert introspection.claims_of(long)
        assert introspection.claims_of(short)
    assert len(issuer.asked) == 2
    issuer.opaque.clear()
    now[0] += 11
    assert introspection.claims_of(long)  # still from memory
    assert introspection.claims_of(short) is None  # asked again
    assert len(issuer.asked) == 3
    now[0] += 20
    assert introspection.claims_of(long) is None


def test_no_cache_asks_each_time(issuer: Issuer, settings: Any) -> None:
    settings.ORBIT_INTROSPECTION_CACHE_S = 0
    token = issuer.give()
    assert me(token).status_code == 200
    issuer.opaque.clear()
    assert me(token).status_code == 401


def test_tokens_that_begin_alike_share_nothing(issuer: Issuer) -> None:
    """E3."""
    stem = secrets.token_urlsafe(200)
    for number in range(50):
        issuer.opaque[f"{stem}{number}"] = {"active": True, **issuer.claims(sub=f"robot-{number}")}
    for _ in range(2):
        names = [me(f"{stem}{number}").json()["name"].rpartition(" ")[2] for number in range(50)]
        assert names == [f"robot-{number}" for number in range(50)]
    assert me(stem).status_code == 401


def test_signed_tokens_can_be_asked_about_too(issuer: Issuer, settings: Any) -> None:
    token = issuer.sign(scope="usage.read")
    assert me(token).status_code == 200
    assert "/introspect" not in issuer.asked
    settings.ORBIT_INTROSPECTION_JWTS = True
    assert me(token).status_code == 401  # the issuer has revoked it
    fresh = issuer.sign(scope="usage.read", sub="other")
    issuer.opaque[fresh] = {"active": True, **issuer.claims(sub="other")}
    assert me(fresh).json()["scopes"] == ["usage.read"]
    forged = issuer.forge(sub="forged")
    issuer.opaque[forged] = {"active": True, **issuer.claims(sub="forged")}
    assert me(forged).status_code == 401
