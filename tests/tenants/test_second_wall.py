"""Row-level security alone: every route and every model, with managers and filters that forget whose rows they are for.

B signs in with all rights in an organization of their own, and sends the ids of A's rows everywhere.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connections, models
from django.test import Client
from pytest_django import Settings

from orbit import env
from orbit.lib import access
from tenants.models import Membership, Organization, Person
from tenants.rights import Right
from tenants.services import issue_management_key
from tests.console.conftest import signed_in
from tests.tenants import canaries
from tests.tenants.every_table import MODELS, full
from tests.tenants.routes import PARAMETERS, Known, NotFilled, addresses, every_route

__all__ = ["full"]
BROKEN = 500
# Tells whoever knows an organization's slug its name, on the way to its provider.
OPEN = {"accounts/sso/<slug:organization>/"}
API = "api/v1/"


@dataclass(frozen=True)
class Twins:
    a: UUID
    known: Known
    mark: str
    planted: int
    b: Organization
    intruder: Person
    key: str  # of the management API, with every scope

    def digest(self) -> dict[str, str]:
        with canaries.owner() as connection:
            return canaries.digest(connection, MODELS, self.a) | {
                "people": str(
                    connection.execute(
                        "SELECT p::text FROM tenants_person p JOIN tenants_membership m ON m.person_id = p.id "
                        "WHERE m.organization_id = %s ORDER BY 1",
                        [self.a],
                    ).fetchall()
                )
            }


@pytest.fixture
def twins(
    full: Callable[[str], UUID], slug: str, caplog: pytest.LogCaptureFixture, settings: Settings
) -> Twins:
    settings.ORBIT_API_RATE = 1_000_000
    caplog.set_level(logging.CRITICAL, "django.request")  # hundreds of refusals are no news
    a, b = full(slug), full(f"{slug}-b")
    mark = canaries.mark(a)
    with access.operator():
        theirs = Membership.objects.select_related("person").get(organization_id=a).person
        intruder = Membership.objects.select_related("person").get(organization_id=b).person
        organization = Organization.objects.get(pk=b)
    EmailAddress.objects.create(user=intruder, email=intruder.email, verified=True, primary=True)
    Person.objects.filter(pk=theirs.pk).update(
        email=f"{mark}{secrets.token_hex(4)}@example.org", name=f"{mark}{secrets.token_hex(4)}"
    )
    with canaries.owner() as connection:
        connection.execute("UPDATE audit_event SET kind = 'call' WHERE organization_id = %s", [a])
        planted = [canaries.plant(connection, model, a) for model in MODELS]
        connection.commit()
        ids = {model._meta.label_lower: _ids(connection, model, a) for model in MODELS}
    ids["tenants.person"] = [str(theirs.pk)]
    bare = {column for _, columns in planted for column in columns}
    assert bare == {"ContractPrice.rates", "Organization.ceiling", "PolicyRequest.model"}  # empty ones
    _, key = issue_management_key(
        organization_id=b, name="intruder", scopes=[right.value for right in Right], actor="test"
    )
    known = Known(slug, ids, own=f"{slug}-b")
    return Twins(a, known, mark, sum(len(taken) for taken, _ in planted), organization, intruder, key)


def _ids(connection: Any, model: type[models.Model], organization_id: UUID) -> list[str]:
    statement = (
        f'SELECT "{model._meta.pk.column}" FROM "{model._meta.db_table}" '
        f"WHERE {canaries.column_of_organization(model)} = %s"
    )
    return [str(one) for (one,) in connection.execute(statement, [organization_id])]


@contextmanager
def first_wall_removed(*, filters: bool = True) -> Iterator[None]:
    """Managers return everything, and a filter by organization is forgotten, wherever it stands.

    A page asks for the membership by the slug of its address: with that forgotten it takes B's own, with all rights.
    """
    scoped, find = set(MODELS), models.QuerySet.filter

    def everything(self: Any) -> Any:
        return models.Manager.get_queryset(self)

    def forgetful(self: Any, *args: Any, **named: Any) -> Any:
        if self.model in scoped:
            named = {name: value for name, value in named.items() if not name.startswith("organization")}
        return find(self, *args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access.ScopedManager, "get_queryset", everything)
        if filters:
            patch.setattr(models.QuerySet, "filter", forgetful)
        yield


@contextmanager
def second_wall_removed() -> Iterator[None]:
    """Pages connect as the owner, whom no policy binds."""
    connection = connections["default"]
    usual = dict(connection.settings_dict)
    try:
        connection.close()
        owners = env.database("DATABASE_OWNER_URL", settings.DATABASE_OWNER_URL)
        connection.settings_dict.update(owners)
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(usual)


def _requests(route: str, address: str, known: Known) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each method that may do something there, with A's ids in query and body."""
    fields = {name: fill(known)[0] for name, fill in PARAMETERS.items() if name not in {"name", "key"}}
    fields |= {label.partition(".")[2]: ids[0] for label, ids in known.ids.items()}
    fields |= {"role": "owner", "email": f"{secrets.token_hex(4)}@example.org", "reason": "changed"}
    yield "get", {"data": {"q": known.slug, **fields}}
    yield "post", {"data": fields}
    if route.startswith("admin/"):  # for staff, whom no other method leads further
        return
    bodies = [fields, {}] if route.startswith(API) else [fields]  # a field that is not known is refused there
    for method in ("post", "put", "patch", "delete"):
        for body in bodies:
            yield method, {"data": json.dumps(body), "content_type": "application/json"}


def _answers(twins: Twins) -> Iterator[tuple[str, str, int, str]]:
    """Route, method, status, and all that was said."""
    for route, _ in every_route():
        client = _intruding(twins, route)
        for address in addresses(route, twins.known):
            for method, given in _requests(route, address, twins.known):
                answer = getattr(client, method)(address, **given)
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                yield route, method, answer.status_code, f"{answer.headers}\n{body.decode(errors='replace')}"
                if "sessionid" in answer.cookies:  # a route that signed out
                    client = _intruding(twins, route)


def _intruding(twins: Twins, route: str) -> Client:
    """With all rights in B's organization, by session or by key."""
    if route.startswith(API):
        client = Client(headers={"Authorization": f"Bearer {twins.key}"})
    else:
        client = signed_in(twins.intruder)
    client.raise_request_exception = False
    return client


def test_every_parameter_of_a_route_is_known() -> None:
    nothing = Known("x", {label: ["1"] for label in _labels()})
    for route, _ in every_route():
        assert addresses(route, nothing), route
    with pytest.raises(NotFilled, match="'thing'"):
        addresses("api/v1/<uuid:thing>/", nothing)


def _labels() -> list[str]:
    return [model._meta.label_lower for model in MODELS] + ["tenants.person"]


@pytest.mark.full
def test_no_route_shows_or_changes_another_organization(twins: Twins) -> None:
    before = twins.digest()
    assert twins.planted >= 60
    routes, asked, statuses = set(), 0, set()
    with first_wall_removed():
        for route, method, status, said in _answers(twins):
            assert route in OPEN or twins.mark not in said, (route, method)
            assert twins.mark.encode().hex() not in said, (route, method)
            assert status != BROKEN, (route, method)
            routes.add(route)
            statuses.add(status)
            asked += 1
    assert twins.digest() == before
    assert routes == {route for route, _ in every_route()}
    print(
        f"{len(routes)} routes, {asked} requests (statuses {sorted(statuses)}), {twins.planted} columns with canaries: 0 leaks"
    )


@pytest.mark.full
def test_walk_finds_what_neither_wall_keeps(twins: Twins) -> None:
    """The control: without the second wall too, the same walk sees A's rows."""
    with first_wall_removed(filters=False), second_wall_removed():
        leaks = {route for route, _, _, said in _answers(twins) if twins.mark in said}
    assert {"o/<slug:slug>/", "o/<slug:slug>/calls/<uuid:event_id>/", "o/<slug:slug>/members/"} <= leaks
    assert f"{API}organizations/<slug:organization>/members/<uuid:member>" in leaks


def test_no_model_shows_or_changes_another_organization(twins: Twins) -> None:
    before, seen = twins.digest(), 0
    with access.scope(organization_id=twins.b.pk), first_wall_removed():
        for model in MODELS:
            scoped: Any = model
            mine = twins.known.ids[model._meta.label_lower]
            for manager in (scoped.objects, scoped._default_manager, scoped._base_manager):
                rows = list(manager.values())
                assert rows, f"B has no {model.__name__} of its own, so seeing none of A's says nothing"
                assert twins.mark not in repr(rows), model.__name__
                assert not manager.filter(pk__in=mine).exists(), model.__name__
                seen += 1
            related = scoped.objects.select_related()
            assert twins.mark not in repr([vars(row) for row in related]), model.__name__
    assert twins.digest() == before
    print(f"{len(MODELS)} models by {seen} managers: 0 leaks")
