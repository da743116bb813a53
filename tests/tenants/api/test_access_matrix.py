"""Every path and method of the management API, found by the resolver, with every kind of credential.

Nothing is changed on the way: who may is told so by an answer that comes after the look at scope and organization
(a precondition that fails, an idempotency key that is none, a field that is not known).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache

from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.inventory import OPEN, Route, routes
from tenants.models import Organization
from tenants.rights import BUILT_IN, Right, Scope
from tests.issuer import Issuer, running_issuer, trust_by_asking
from tests.tenants.api.conftest import Caller, caller
from tests.tenants.api.credentials import (
    CLAIM,
    EVERYTHING,
    OF_OPERATORS,
    OF_ORGANIZATIONS,
    RIGHTS,
    own_key,
    useless,
)
from tests.tenants.api.places import NOWHERE, Place, furnished

ROUTES = [route for route in routes() if route.path not in OPEN]
METHODS = [(route, method, scope) for route in ROUTES for method, scope in route.view.scopes.items()]
# What some take besides the scope that they declare, as their descriptions say.
BESIDES: dict[str, frozenset[Scope]] = {
    "organizations/<slug:organization>/events": frozenset({Right.CALLS_READ}),
    "organizations/<slug:organization>/events/export": frozenset({Right.CALLS_READ}),
    "organizations/<slug:organization>/export": frozenset({Right.KEYS_READ, Right.MEMBERS_READ}),
}
# The others differ from these only in how the credential is read.
USUAL = {"management key", "operator key", "external token of an organization", "developer", "finance"}


def kinds(*names: str) -> list[Any]:
    return [name if name in USUAL else pytest.param(name, marks=pytest.mark.full) for name in names]


TAKEN = sorted({scope for *_, scope in METHODS if scope is not None})


@dataclass(frozen=True)
class World:
    own: Place
    other: Place
    issuer: Issuer


@pytest.fixture(scope="module")
def built() -> Iterator[World]:
    with running_issuer() as issuer:
        yield World(furnished(), furnished(), issuer)


@pytest.fixture
def world(built: World, settings: Any) -> World:
    cache.clear()
    settings.ORBIT_API_RATE = 10**9
    settings.ORBIT_TOKEN_RATE = 10**6
    settings.IDP_OIDC_RATE_LIMITS = {}
    trust_by_asking(settings, built.issuer, ORBIT_JWT_ORGANIZATION_CLAIM=CLAIM)
    return built


def inside(route: Route) -> bool:
    return issubclass(route.view, OrganizationEndpoint)


def ask(who: Caller, route: Route, method: str, path: str) -> Any:
    """A request that is refused at the latest once it would change something."""
    headers = {}
    if inside(route) and method == "POST":
        headers = {"Idempotency_Key": ""}
    elif inside(route) and method != "GET":
        headers = {"If_Match": '"never"'}
    return who(method, path, None if method == "GET" else {"there is no such field": 1}, **headers)


def said(answer: Any) -> dict[str, Any]:
    if answer.streaming or "attachment" in answer.get(
        "Content-Disposition", ""
    ):  # a file of what is shown elsewhere
        return {"status": answer.status_code}
    if answer["Content-Type"].startswith("text/plain"):  # metrics, of what others do in between, too
        return {"status": answer.status_code}
    made: dict[str, Any] = answer.json()
    return {**made, "request_id": ""}


class Found:
    """Counts what was tried, and keeps what should not have been."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.leaks: list[tuple[Any, ...]] = []

    def expect(self, kind: str, answer: Any, right: bool, *what: object) -> None:
        self.tried[kind] += 1
        if not right:
            self.leaks.append((kind, *what, answer.status_code, answer.content[:200]))

    def report(self) -> None:
        print(", ".join(f"{kind}: {count}" for kind, count in self.tried.items()), end="; ")
        print(f"{sum(self.tried.values())} requests, {len(self.leaks)} leaks")
        assert self.leaks == []


def may(answer: Any) -> bool:
    """It came past the look at scope and organization, to something that is there."""
    return answer.status_code < 500 and answer.status_code not in (401, 403, 404, 405)


def compare(
    world: World, who: Caller, held: frozenset[Scope], own: Place | None, kind: str, found: Found
) -> None:
    """Each method in one's own organization and in another's; `own` None: an operator, of all of them."""
    unknown = said(caller_to_nowhere(who))
    for route, method, scope in METHODS:
        holds = scope is None or scope in held
        answer = ask(who, route, method, world.own.path(route))
        all_of_it = holds and BESIDES.get(route.path, frozenset()) <= held
        expected = may(answer) if all_of_it else answer.status_code == 403
        found.expect(f"{kind}, own", answer, expected, method, route.path)
        if not inside(route):
            continue
        answer = ask(who, route, method, world.other.path(route))
        if not holds:
            expected = answer.status_code == 403
        elif own is None:
            expected = may(answer)
        else:
            expected = answer.status_code == 404 and said(answer) == unknown
        found.expect(f"{kind}, foreign", answer, expected, method, route.path)


def caller_to_nowhere(who: Caller) -> Any:
    """What an organization that does not exist answers, to whom it does not say 403 at once."""
    return who("GET", "organizations/there-is-none")


@pytest.mark.full
def test_what_does_not_count_gets_one_answer_everywhere(world: World) -> None:
    found = Found()
    first = said(caller()("GET", "me"))
    for kind, who in useless(world.own.organization, world.issuer).items():
        for route, method, _ in METHODS:
            answer = ask(who, route, method, world.own.path(route))
            right = answer.status_code == 401 and said(answer) == first
            found.expect(kind, answer, right, method, route.path)
    found.report()


@pytest.mark.parametrize("kind", kinds(*OF_ORGANIZATIONS, *OF_OPERATORS))
def test_a_credential_opens_what_it_holds_where_it_counts(world: World, kind: str) -> None:
    """All that there is; all but what a method takes; and that alone."""
    found, of_operators = Found(), kind in OF_OPERATORS
    make = {**OF_ORGANIZATIONS, **OF_OPERATORS}[kind]
    reach = EVERYTHING if of_operators else RIGHTS

    def credential(*scopes: Scope) -> Caller:
        return caller(make(world.own.organization, world.issuer, scopes))

    compare(world, credential(*reach), reach, None if of_operators else world.own, kind, found)
    for scope in TAKEN:
        without = credential(*(reach - {scope}))
        for route, method in ((route, method) for route, method, taken in METHODS if taken == scope):
            path = world.own.path(route)
            answer = ask(without, route, method, path)
            found.expect(f"{kind}, all but", answer, answer.status_code == 403, method, route.path)
            if scope in reach:
                alone = credential(scope, *BESIDES.get(route.path, ()))
                answer = ask(alone, route, method, path)
                found.expect(f"{kind}, alone", answer, may(answer), method, route.path)
    found.report()


@pytest.mark.parametrize("role", kinds(*BUILT_IN))
def test_a_members_own_key_opens_what_the_role_may(world: World, role: str) -> None:
    found = Found()
    who = caller(own_key(world.own.organization, role))
    compare(world, who, BUILT_IN[role], world.own, role, found)
    found.report()


def test_anothers_things_are_not_found_in_ones_own_organization(world: World) -> None:
    """An id of another organization is as one that nobody has."""
    found = Found()
    who = caller(OF_ORGANIZATIONS["management key"](world.own.organization, world.issuer, RIGHTS))
    mine, body = world.own.organization.slug, {"no such field": 1}
    for route, method, scope in METHODS:
        if not inside(route) or len(route.parameters) < 2 or method == "PUT" or scope not in RIGHTS:
            continue
        answer = who(method, world.other.path(route, mine), body)
        nobodys = who(method, NOWHERE.path(route, mine), body)
        # a body may be looked at before anybody looks for the thing
        right = answer.status_code in (404, 400) and said(answer) == said(nobodys)
        found.expect("mixed", answer, right, method, route.path)
    found.report()


@pytest.mark.parametrize("kind", ["client", "external token of an organization"])
def test_tokens_do_not_count_while_their_organization_is_closed(
    world: World, organization: Organization, kind: str
) -> None:
    who = caller(OF_ORGANIZATIONS[kind](organization, world.issuer, RIGHTS))
    assert who("GET", "me").status_code == 200
    services.suspend_organization(organization_id=organization.pk, reason="unpaid", actor="test")
    found = Found()
    for route, method, _ in METHODS:
        answer = ask(who, route, method, world.own.path(route, organization.slug))
        found.expect(kind, answer, answer.status_code == 401, method, route.path)
    found.report()


def test_nothing_was_changed_on_the_way(world: World) -> None:
    """The matrix asks, and does not act: else what it says of the next method would be of another world."""
    who = caller(OF_OPERATORS["operator key"](world.own.organization, world.issuer, EVERYTHING))

    def state() -> list[Any]:
        shown = [
            who("GET", world.own.path(route))
            for route, method, _ in METHODS
            if method == "GET" and inside(route)
        ]
        return [said(answer) for answer in shown]

    before = state()
    for route, method, _ in METHODS:
        if inside(route):
            ask(who, route, method, world.own.path(route))
    assert state() == before
