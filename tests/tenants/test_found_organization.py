from __future__ import annotations

import secrets
import threading
from typing import Any

import pytest
from django.db import connections

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Membership, Organization, Person
from tests.tenants.guarded import make_person


def found(person: Person) -> Organization:
    return services.found_organization(slug=f"t-{secrets.token_hex(6)}", name="Acme", person=person)


def test_founder_owns_it() -> None:
    person = make_person()
    organization = found(person)
    with access.scope(person_id=person.pk):
        member = Membership.objects.select_related("organization").get()
    assert (member.role, member.organization) == ("owner", organization)


def test_one_person_founds_only_so_many(settings: Any) -> None:
    settings.ORBIT_ORGANIZATIONS_PER_PERSON = 2
    person = make_person()
    first = found(person)
    found(person)
    heir = services.add_member(organization_id=first.pk, person=make_person(), role="owner", actor="test").row
    with access.scope(organization_id=first.pk):
        own = Membership.objects.get(person=person)
    services.remove_member(organization_id=first.pk, member_id=own.pk, actor=heir)
    with pytest.raises(InputError, match="2 is the most"):  # handing one on makes no room
        found(person)
    found(heir.person)


def test_ten_at_once_found_no_more(settings: Any) -> None:
    settings.ORBIT_ORGANIZATIONS_PER_PERSON = 3
    person = make_person()
    made: list[bool] = []

    def one() -> None:
        try:
            found(person)
            made.append(True)
        except InputError:
            made.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True] * 3


def test_none_is_founded_where_operators_alone_make_them(settings: Any) -> None:
    settings.ORBIT_ORGANIZATIONS_PER_PERSON = 0
    with pytest.raises(InputError, match="most"):
        found(make_person())
