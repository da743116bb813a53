"""Signed tokens of an issuer that the operator trusts: which are good, what they open, and what is asked for them."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import secrets
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import jwt
import pytest
from django.core.checks import run_checks

from orbit import env
from orbit.lib.exchange import NotAllowed
from tenants import issuer as trusted
from tenants import services
from tenants.issuer.claims import read_claims
from tenants.issuer.config import Config, configured, vetted
from tenants.issuer.keys import AGAIN_S, FRESH_S, KEPT_S, Keys
from tenants.models import Organization
from tenants.rights import PRESETS
from tenants.secrets.http import Http
from tests.issuer import AUDIENCE, KEYS, Issuer, public_pem, running_issuer, trust
from tests.tenants.api.conftest import caller


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def trusting(settings: Any, issuer: Issuer) -> Issuer:
    trust(settings, issuer, ORBIT_JWT_SCOPES_CLAIM=["scope", "realm_access.roles"])
    return issuer


def me(token: str) -> Any:
    return caller(token)("GET", "me")


def test_a_token_opens_what_its_claims_say(trusting: Issuer, organization: Organization) -> None:
    token = trusting.sign(scope="usage.read organization.read openid profile")
    said = me(token).json()
    assert said == {
        "name": f"127.0.0.1:{trusting.port} robot",
        "organization": None,
        "scopes": ["organization.read", "usage.read"],
    }
    assert caller(token)("GET", f"organizations/{organization.slug}").status_code == 200
    assert caller(token)("GET", f"organizations/{organization.slug}/keys").status_code == 403
    assert me(trusting.sign("two", scope="usage.read")).status_code == 200  # ES256
    assert me(trusting.sign(header={"typ": "at+jwt"}, scope="usage.read")).status_code == 200
    assert me(trusting.sign(aud=["other", AUDIENCE])).json()["scopes"] == []


def test_roles_stand_for_scopes_and_presets(settings: Any, trusting: Issuer) -> None:
    settings.ORBIT_JWT_ROLES = {"oncall": ("support",), "/ci": ("keys.read", "keys.issue")}
    api = me(trusting.sign(realm_access={"roles": ["oncall", "nobody's", 7]}))
    assert api.json()["scopes"] == sorted(one.value for one in PRESETS["support"])
    assert me(trusting.sign(scope="/ci")).json()["scopes"] == ["keys.issue", "keys.read"]
    settings.ORBIT_JWT_SCOPES_CLAIM = ["https://example.com/roles"]
    named: dict[str, Any] = {"https://example.com/roles": ["/ci"], "scope": "usage.read"}
    token = trusting.sign(**named)
    assert me(token).json()["scopes"] == ["keys.issue", "keys.read"]


def test_a_token_that_names_an_organization_counts_only_there(
    settings: Any, trusting: Issuer, organization: Organization, other: Organization
) -> None:
    settings.ORBIT_JWT_ORGANIZATION_CLAIM = "orbit.tenant"
    scope = "organization.read organizations.create organizations.suspend"
    api = caller(trusting.sign(scope=scope, orbit={"tenant": organization.slug}))
    assert api("GET", "me").json()["scopes"] == ["organization.read"]
    assert api("GET", "me").json()["organization"] == organization.slug
    assert [row["slug"] for row in api("GET", "organizations").json()["data"]] == [organization.slug]
    assert api("GET", f"organizations/{other.slug}").status_code == 404
    assert api("POST", "organizations", {"slug": f"n-{secrets.token_hex(4)}"}).status_code == 403
    assert api("POST", f"organizations/{organization.slug}/suspend").status_code == 403
    assert me(trusting.sign(scope=scope)).json()["organization"] is None
    for odd in (None, "", 7, ["a"], [organization.slug], "no-such"):
        token = jwt.encode(
            trusting.claims(scope=scope) | {"orbit": {"tenant": odd}},
            KEYS["one"],
            "RS256",
            headers={"kid": "one"},
        )
        assert me(token).status_code == 401, odd
    services.suspend_organization(organization_id=organization.pk, reason="unpaid", actor="test")
    assert api("GET", "me").status_code == 401


def _b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hs256(issuer: Issuer, secret: bytes, **header: Any) -> str:
    """By hand: PyJWT refuses to sign with a public key."""
    signed = f"{_b64({'alg': 'HS256', 'kid': 'one', **header})}.{_b64(issuer.claims(scope='usage.read'))}"
    return f"{signed}.{_b64(hmac.new(secret, signed.encode(), sha256).digest())}"


def bad_tokens(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    good = issuer.sign(scope="usage.read")
    head, body, signature = good.split(".")
    return {
        "expired": issuer.sign(iat=now - 900, exp=now - 60),
        "not yet": issuer.sign(nbf=now + 60),
        "of the future": issuer.sign(iat=now + 60),
        "without end": issuer.sign(exp=None),
        "without beginning": issuer.sign(iat=None),
        "without subject": issuer.sign(sub=None),
        "empty subject": issuer.sign(sub=""),
        "without audience": issuer.sign(aud=None),
        "other audience": issuer.sign(aud="https://orbit.example.com/api/"),
        "audiences": issuer.sign(aud=["a", "b"]),
        "without issuer": issuer.sign(iss=None),
        "other issuer": issuer.sign(iss=issuer.url + "/"),
        "forged": issuer.forge(),
        "key of a stranger": issuer.forge("stranger"),
        "weak key": issuer.sign("weak"),
        "no algorithm": f"{_b64({'alg': 'none', 'kid': 'one'})}.{body}.",
        "no algorithm, signed": f"{_b64({'alg': 'none', 'kid': 'one'})}.{body}.{signature}",
        "shared secret": _hs256(issuer, public_pem()),
        "shared secret, kty": _hs256(issuer, b"", jwk={"kty": "oct", "k": ""}),
        "other algorithm": f"{_b64({'alg': 'RS512', 'kid': 'one'})}.{body}.{signature}",
        "other family": f"{_b64({'alg': 'ES256', 'kid': 'one'})}.{body}.{signature}",
        "without signature": f"{head}.{body}.",
        "other body": f"{head}.{_b64(issuer.claims(scope='organizations.create'))}.{signature}",
        "id token": issuer.sign(typ="ID"),
        "refresh token": issuer.sign(typ="Refresh"),
        "cognito's id token": issuer.sign(token_use="id"),
        "logout token": issuer.sign(header={"typ": "logout+jwt"}),
        "critical header": issuer.sign(header={"crit": ["x"], "x": 1}),
        "own key": issuer.forge() + "x",
        "kid that is no text": f"{_b64({'alg': 'RS256', 'kid': ['one']})}.{body}.{signature}",
        "long kid": f"{_b64({'alg': 'RS256', 'kid': 'k' * 300})}.{body}.{signature}",
        "nested": f"{_b64(b'[' * 3000)}.{body}.{signature}",
        "number": f"{_b64(b'1' * 5000)}.{body}.{signature}",
        "no JSON": f"{_b64(b'{')}.{body}.{signature}",
        "dots": "..",
        "too long": good + "A" * 8192,
        "gateway's key": "orb_" + "A" * 49,
    }


def test_what_is_not_good_gets_the_one_answer(trusting: Issuer) -> None:
    assert me(trusting.sign()).status_code == 200
    answers = {}
    for name, token in bad_tokens(trusting).items():
        answer = me(token)
        answers[name] = (answer.status_code, {**answer.json(), "request_id": ""})
    first = answers["expired"]
    assert first[0] == 401
    assert {name: one for name, one in answers.items() if one != first} == {}
    print(f"{len(answers)} bad tokens, one answer")


def test_a_small_difference_of_clocks_does_not_matter(trusting: Issuer) -> None:
    now = int(time.time())
    assert me(trusting.sign(exp=now - 5, iat=now - 300)).status_code == 200
    assert me(trusting.sign(iat=now + 15, nbf=now + 15)).status_code == 200


def test_keys_are_fetched_once_and_made_up_ones_do_not_bring_more(trusting: Issuer) -> None:
    for number in range(5):
        assert me(trusting.sign()).status_code == 200
        assert me(trusting.forge(f"made-up-{number}")).status_code == 401
    assert trusting.asked.count("/keys") == 1


def test_without_an_issuer_no_token_is_looked_at(settings: Any, issuer: Issuer) -> None:
    assert not settings.ORBIT_JWT_ISSUER
    assert me(issuer.sign()).status_code == 401
    assert issuer.asked == []


def test_an_issuer_that_is_away_is_nobody_elses_trouble(
    trusting: Issuer, organization: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    trusting.status = 503
    token = trusting.sign()
    refused = me(token)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused["Retry-After"]
    assert me("garbage").status_code == 401
    _, key = services.issue_management_key(
        organization_id=organization.pk, name="ci", scopes=["usage.read"], actor="test"
    )
    assert me(key).status_code == 200
    asked = len(trusting.asked)
    assert me(token).status_code == 503
    assert len(trusting.asked) == asked  # not knocked at by every request
    assert token not in caplog.text


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def config(trusting: Issuer) -> Config:
    found = configured()
    assert found is not None
    return found


def test_keys_come_and_go_with_the_issuers(trusting: Issuer, config: Config) -> None:
    clock = Clock()
    keys = Keys(config, Http("the issuer", 3.0), clock)
    trusting.published = ["one"]
    assert keys.find("one", "RS256")
    assert keys.find(None, "RS256")  # the only one of its kind
    assert keys.find("two", "ES256") is None
    trusting.published = ["two"]
    clock.now += AGAIN_S
    assert keys.find("two", "ES256")
    assert keys.find("one", "RS256") is None
    trusting.published = ["one", "weak"]
    clock.now += FRESH_S
    assert keys.find("two", "ES256") is None
    assert keys.find(None, "RS256") is None  # which of the two?


def test_known_keys_serve_a_while_without_the_issuer(trusting: Issuer, config: Config) -> None:
    clock = Clock()
    keys = Keys(config, Http("the issuer", 3.0), clock)
    keys.find("one", "RS256")
    trusting.status = 500
    clock.now += FRESH_S + 1
    assert keys.find("one", "RS256")
    with pytest.raises(trusted.IssuerDown):  # perhaps it has it by now
        keys.find("new", "RS256")
    clock.now += KEPT_S
    with pytest.raises(trusted.IssuerDown):
        keys.find("one", "RS256")
    trusting.status = 0
    clock.now += AGAIN_S
    assert keys.find("one", "RS256")


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://elsewhere.example.com"},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
def test_a_description_that_leads_astray_is_not_followed(
    trusting: Issuer, config: Config, description: dict[str, Any]
) -> None:
    trusting.description = description
    with pytest.raises(trusted.IssuerDown):
        Keys(config, Http("the issuer", 3.0)).find("one", "RS256")
    assert trusting.asked == ["/.well-known/openid-configuration"]


def test_no_two_subjects_share_a_name(trusting: Issuer, config: Config) -> None:
    """E3: subjects that begin alike, look alike, or are shaped like a shortened one."""
    stem = "s" * 200
    subjects = [f"{stem}{number}" for number in range(300)] + [
        "a",
        "a ",
        "a\n",
        "ä",
        "a\u0308",
        "a~",
        "client_id:a",
    ]
    names = [read_claims(trusting.claims(sub=one), config).name for one in subjects]
    posing = {name.partition(" ")[2] for name in names} - set(
        subjects
    )  # as somebody whose name was shortened
    names += [read_claims({"sub": one}, config).name for one in sorted(posing)]
    names.append(read_claims({"client_id": "a"}, config).name)
    assert len(set(names)) == len(names)
    assert max(len(one) for one in names) <= 240
    assert all(one.isprintable() and one.isascii() for one in names)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ORBIT_JWT_AUDIENCE": ""}, "ORBIT_JWT_AUDIENCE is not set"),
        ({"ORBIT_JWT_ALGORITHMS": ["RS256", "HS256"]}, "ORBIT_JWT_ALGORITHMS may hold"),
        ({"ORBIT_JWT_ALGORITHMS": ["none"]}, "ORBIT_JWT_ALGORITHMS may hold"),
        ({"ORBIT_JWT_ISSUER": "http://login.example.com"}, "ORBIT_JWT_ISSUER must be https"),
        ({"ORBIT_JWT_JWKS_URL": "https://10.0.0.1/keys"}, "ORBIT_JWT_JWKS_URL"),
        ({"ORBIT_JWT_ROLES": {"admins": ("operator", "usage.reed")}}, "'usage.reed'"),
        ({"ORBIT_INTROSPECTION_URL": "https://login.example.com/i"}, "ORBIT_INTROSPECTION_CLIENT_ID"),
        ({"ORBIT_INTROSPECTION_JWTS": True}, "ORBIT_INTROSPECTION_URL is not"),
        ({"ORBIT_JWT_ISSUER": ""}, "ORBIT_JWT_AUDIENCE is set"),
    ],
)
def test_a_setting_that_would_not_do_stops_the_start(
    settings: Any, given: dict[str, Any], words: str
) -> None:
    settings.ORBIT_JWT_ISSUER = "https://login.example.com/realms/acme"
    settings.ORBIT_JWT_AUDIENCE = AUDIENCE
    settings.ORBIT_JWT_ROLES = {"admins": ("operator", "usage.read")}
    assert [one for one in run_checks() if one.id == "tenants.E020"] == []
    for name, value in given.items():
        setattr(settings, name, value)
    assert any(words in one.msg for one in run_checks() if one.id == "tenants.E020")


def test_a_shared_secret_is_not_taken_although_it_is_set(settings: Any, trusting: Issuer) -> None:
    settings.ORBIT_JWT_ALGORITHMS = ["HS256", "none", "RS256"]
    assert me(_hs256(trusting, public_pem())).status_code == 401
    assert me(trusting.sign()).status_code == 200


def test_roles_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "admins=operator, /ci=keys.read keys.issue,cn=x=usage.read")
    assert env.table("X") == {
        "admins": ("operator",),
        "/ci": ("keys.read", "keys.issue"),
        "cn=x": ("usage.read",),
    }
    for bad in ("admins", "=operator", "admins=", "a=b,a=c"):
        monkeypatch.setenv("X", bad)
        with pytest.raises(env.BadSetting, match="X must read"):
            env.table("X")


def test_addresses_are_vetted() -> None:
    for bad in ("http://login.example.com/", "https://127.0.0.1/", "https://user@login.example.com/"):
        with pytest.raises(NotAllowed):
            vetted(bad)


def test_no_token_and_no_secret_is_logged(
    settings: Any, trusting: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        tokens = [trusting.sign(), *bad_tokens(trusting).values()]
        for token in tokens:
            me(token)
    for token in tokens:
        if len(token) > 40:
            assert token not in caplog.text
