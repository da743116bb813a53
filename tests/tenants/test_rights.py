"""Who may do what: each service asks for its right, and nobody grants what they lack."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Membership, Organization
from tenants.rights import ALL, BUILT_IN, Right
from tests.tenants.guarded import SERVICES, Join, furnished, join, make_person

__all__ = ["furnished", "join"]


@pytest.mark.parametrize(
    "role", [one if one == "developer" else pytest.param(one, marks=pytest.mark.full) for one in BUILT_IN]
)
@pytest.mark.parametrize("name", SERVICES)
def test_service_is_open_to_the_roles_of_the_table(
    furnished: Organization, join: Join, role: str, name: str
) -> None:
    needed, make = SERVICES[name]
    do = make(furnished, join)
    allowed = needed <= BUILT_IN[role]
    with nullcontext() if allowed else pytest.raises(PermissionDenied):
        try:
            do(join(role))
        except InputError:  # it came past the check
            assert allowed


@pytest.mark.parametrize("name", SERVICES)
def test_each_right_of_a_service_is_needed(furnished: Organization, join: Join, name: str) -> None:
    """A custom role with all rights but one."""
    needed, make = SERVICES[name]
    for number, lacking in enumerate(sorted(needed)):
        role = f"all-but-{number}"
        where: dict[str, Any] = {"organization_id": furnished.id, "actor": "test"}
        services.save_role(**where, name=role, rights=sorted(ALL - {lacking}))
        with pytest.raises(PermissionDenied, match=lacking):
            make(furnished, join)(join(role))


def test_every_right_to_change_something_is_asked_for_by_a_service() -> None:
    asked = {right for needed, _ in SERVICES.values() for right in needed}
    changing = {right for right in Right if not right.endswith(".read")}
    assert changing - asked == {Right.ORGANIZATION_DELETE}  # which has a test of its own


@pytest.mark.parametrize("role", BUILT_IN)
def test_only_owners_delete_an_organization(furnished: Organization, join: Join, role: str) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id, "actor": join(role)}
    for service in (services.delete_organization, services.restore_organization):
        with nullcontext() if role == "owner" else pytest.raises(PermissionDenied):
            service(**where)


@pytest.mark.parametrize("service", [services.suspend_organization, services.resume_organization])
def test_only_operators_suspend_an_organization(
    furnished: Organization, join: Join, service: Callable[..., object]
) -> None:
    given = {} if service is services.resume_organization else {"reason": "a leak"}
    with pytest.raises(PermissionDenied, match="operator"):
        service(organization_id=furnished.id, actor=join("owner"), **given)


def test_members_of_another_organization_have_no_right(
    furnished: Organization, other: Organization, join: Join
) -> None:
    stranger = services.add_member(
        organization_id=other.id, person=make_person(), role="owner", actor="test"
    ).row
    for _, make in SERVICES.values():
        with pytest.raises(PermissionDenied):
            make(furnished, join)(stranger)


def test_a_removed_or_demoted_member_has_no_right_left(furnished: Organization, join: Join) -> None:
    """Although the page was opened before."""
    where: dict[str, Any] = {"organization_id": furnished.id}
    removed, demoted, deactivated = join("admin"), join("admin"), join("admin")
    deactivated.person.is_active = False
    deactivated.person.save()
    services.remove_member(**where, member_id=removed.pk, actor="test")
    services.change_role(**where, member_id=demoted.pk, role="auditor", actor="test")
    for actor in (removed, demoted, deactivated):
        with pytest.raises(PermissionDenied):
            services.issue_key(**where, project="bot", name="late", actor=actor)


def test_nobody_grants_what_they_lack(furnished: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id, "actor": join("admin")}
    owner, plain = join("owner"), join("developer")
    for refused in (
        lambda: services.change_role(**where, member_id=plain.pk, role="owner"),
        lambda: services.change_role(**where, member_id=owner.pk, role="auditor"),
        lambda: services.remove_member(**where, member_id=owner.pk),
        lambda: services.save_role(**where, name="more", rights=sorted(ALL)),
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            refused()
    services.save_role(organization_id=furnished.id, name="all", rights=sorted(ALL), actor="test")
    for refused in (
        lambda: services.save_role(**where, name="all", rights=[]),
        lambda: services.delete_role(**where, name="all"),
        lambda: services.change_role(**where, member_id=plain.pk, role="all"),
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            refused()


def test_a_key_under_no_policy_is_not_opened_by_who_only_issues_keys(
    furnished: Organization, join: Join
) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id}
    services.update_organization(**where, policy=None, actor="test")
    with pytest.raises(PermissionDenied, match=r"policies\.attach"):
        services.issue_key(**where, project="bot", name="new", policy="default", actor=join("developer"))
    services.issue_key(**where, project="bot", name="new", actor=join("developer"))


def test_the_last_owner_stays(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    owner = join("owner")

    def refused() -> None:
        with pytest.raises(InputError, match="last owner"):
            services.remove_member(**where, member_id=owner.pk)
        with pytest.raises(InputError, match="last owner"):
            services.change_role(**where, member_id=owner.pk, role="admin")
        with pytest.raises(InputError, match="last owner"):
            services.add_member(**where, person=owner.person, role="admin")

    refused()
    second = join("owner")
    second.person.is_active = False
    second.person.save()
    refused()
    second.person.is_active = True
    second.person.save()
    services.change_role(**where, member_id=owner.pk, role="admin")


def test_owners_who_remove_each_other_at_once_leave_one(organization: Organization, join: Join) -> None:
    owners = [join("owner") for _ in range(6)]

    def remove(number: int) -> None:
        try:
            services.remove_member(
                organization_id=organization.id,
                member_id=owners[(number + 1) % len(owners)].pk,
                actor=owners[number],
            )
        except (InputError, PermissionDenied):
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=(number,)) for number in range(len(owners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with access.scope(organization_id=organization.id):
        assert 1 <= Membership.objects.filter(role="owner").count() < len(owners)
