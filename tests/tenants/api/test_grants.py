"""Nobody grants what they lack: every role's own key, at every endpoint by which rights, keys or policies are given.

What each attempt takes is worked out here from the table of rights; more than that must be refused, and no less.
Afterwards the rows are asked what they give. There is no endpoint that clones a key; rotation is the nearest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orbit.lib import access
from tenants import services
from tenants.models import CustomRole, Invitation, ManagementKey, Membership, Organization, Person
from tenants.rights import ALL, BUILT_IN, SCOPES, Right
from tests.tenants.api.conftest import Caller, caller

R = Right
CUSTOM: dict[str, frozenset[Right]] = {"everything": ALL, "nothing": frozenset()}
ROLES = BUILT_IN | CUSTOM


@dataclass(frozen=True)
class Attempt:
    """`needs` None: nobody of an organization may do it. `prepare` puts things back before it."""

    method: str
    path: str
    body: Any
    needs: frozenset[Right] | None
    prepare: Callable[[], object] = field(default=lambda: None, repr=False)

    def allowed(self, rights: frozenset[Right]) -> bool:
        return self.needs is not None and self.needs <= rights


@dataclass
class Place:
    """An organization with something of everything that can be given away."""

    organization: Organization

    def __post_init__(self) -> None:
        where = self.where
        services.save_account(**where, name="main", kind="openai")
        services.save_model(**where, alias="fast", targets=[services.NewTarget("main", "gpt-4o")])
        services.save_policy(**where, name="default", document={"allow": {"models": []}})
        services.save_project(**where, slug="bot", name="Bot")
        for name, rights in CUSTOM.items():
            services.save_role(**where, name=name, rights=sorted(rights))
        self.join("owner")
        self.target = self.join("auditor")

    @property
    def where(self) -> dict[str, Any]:
        return {"organization_id": self.organization.pk, "actor": "test"}

    @property
    def path(self) -> str:
        return f"organizations/{self.organization.slug}"

    def join(self, role: str) -> Membership:
        person = Person.objects.create(email=f"p-{secrets.token_hex(6)}@example.com")
        return services.add_member(**self.where, person=person, role=role).row

    def own_key(self, member: Membership, scopes: frozenset[Right]) -> Caller:
        where = self.where | {"actor": member}
        _, text = services.issue_management_key(**where, name=_new(), scopes=sorted(scopes), own=True)
        return caller(text)

    def key(self) -> str:
        key, _ = services.issue_key(**self.where, project="bot", name=_new())
        return f"{self.path}/keys/{key.pk}"

    def attempts(self) -> Iterator[Attempt]:
        yield from self.of_management_keys()
        yield from self.of_roles()
        yield from self.of_members()
        yield from self.of_invitations()
        yield from self.of_keys()
        yield from self.of_policies()
        yield from self.of_files()

    def of_management_keys(self) -> Iterator[Attempt]:
        there = f"{self.path}/management-keys"
        for word, scope in SCOPES.items():
            for own in (False, True):
                door = {R.ORGANIZATION_READ} if own else {R.ORGANIZATION_READ, R.MANAGEMENT_KEYS_WRITE}
                needs = frozenset(door | {scope}) if isinstance(scope, Right) else None
                yield Attempt("POST", there, {"name": _new(), "scopes": [word], "own": own}, needs)
        yield Attempt("POST", there, {"name": _new(), "scopes": sorted(ALL), "own": True}, ALL)

    def of_roles(self) -> Iterator[Attempt]:
        for right in R:
            there = f"{self.path}/roles/{_new()}"
            yield Attempt("PUT", there, {"rights": [right]}, frozenset({R.ROLES_WRITE, right}))
        there = f"{self.path}/roles/spare"
        yield Attempt("PUT", there, {"rights": []}, ALL, self._spare)
        yield Attempt("DELETE", there, None, ALL, self._spare)

    def _spare(self) -> None:
        services.save_role(**self.where, name="spare", rights=sorted(ALL))

    def of_members(self) -> Iterator[Attempt]:
        there = f"{self.path}/members/{self.target.pk}"
        door = frozenset({R.MEMBERS_WRITE})
        for before, taken in ROLES.items():
            for after, given in ROLES.items():
                needs = door | taken | given
                yield Attempt("PATCH", there, {"role": after}, needs, lambda role=before: self._back(role))  # type: ignore[misc]
        for role, taken in ROLES.items():
            gone = self.join(role)
            needs = door | taken
            yield Attempt("DELETE", f"{self.path}/members/{gone.pk}", None, needs)

    def _back(self, role: str) -> None:
        services.change_role(**self.where, member_id=self.target.pk, role=role)

    def of_invitations(self) -> Iterator[Attempt]:
        for role, given in ROLES.items():
            body = {"email": f"{_new()}@example.com", "role": role}
            yield Attempt("POST", f"{self.path}/invitations", body, given | {R.MEMBERS_INVITE})

    def of_keys(self) -> Iterator[Attempt]:
        there, issue = f"{self.path}/keys", frozenset({R.KEYS_ISSUE})
        plain = {"project": "bot", "name": _new()}
        yield Attempt("POST", there, plain, issue)
        # neither project nor organization is under a policy, so this opens and does not narrow
        opening = plain | {"name": _new(), "policy": "default"}
        yield Attempt("POST", there, opening, issue | {R.POLICIES_ATTACH})
        account = {"project": "bot", "name": _new()}
        yield Attempt("POST", f"{self.path}/service-accounts", account, frozenset({R.PROJECTS_WRITE}))
        write = frozenset({R.KEYS_WRITE})
        yield Attempt("PATCH", self.key(), {"policy": "default"}, write | {R.POLICIES_ATTACH})
        yield Attempt("PATCH", self.key(), {"allow": {"models": ["fast"]}}, write)
        yield Attempt("PATCH", self.key(), {"expires_at": None, "rotate_after_days": 9}, write)
        yield Attempt("POST", f"{self.key()}/rotate", {}, write | issue)
        yield Attempt("POST", f"{self.key()}/resume", {}, write)
        yield Attempt("POST", f"{self.key()}/revoke", {}, frozenset({R.KEYS_REVOKE}))
        yield Attempt("POST", f"{there}/revoke", {"name": "no-such-*"}, frozenset({R.KEYS_REVOKE}))

    def of_policies(self) -> Iterator[Attempt]:
        write, attach = frozenset({R.POLICIES_WRITE}), R.POLICIES_ATTACH
        yield Attempt("PUT", f"{self.path}/policies/{_new()}", {"document": {}}, write)
        yield Attempt("POST", f"{self.path}/policies/default/rollback", {"revision": 1}, write)
        yield Attempt("POST", f"{self.path}/policy-check", {"document": {}}, write)
        until = datetime.now(UTC) + timedelta(days=1)
        asked = services.request_model(**self.where, policy="default", model="fast", until=until, reason="x")
        yield Attempt("POST", f"{self.path}/requests/{asked.pk}/approve", {}, write)
        project = {"name": "New", "policy": "default"}
        yield Attempt("PUT", f"{self.path}/projects/{_new()}", project, frozenset({R.PROJECTS_WRITE, attach}))
        yield Attempt("PATCH", self.path, {"policy": None, "name": "X"}, frozenset({R.ORGANIZATION_WRITE}))

    def of_files(self) -> Iterator[Attempt]:
        door = frozenset({R.ORGANIZATION_READ, R.ORGANIZATION_WRITE})
        for right in R:
            roles = [{"name": _new(), "rights": [right]}]
            yield self._file(door | {R.ROLES_WRITE, right}, roles=roles)
        yield self._file(door | ALL, roles=[{"name": "nothing", "rights": sorted(ALL)}])
        key = {"name": _new()}
        projects = door | {R.PROJECTS_WRITE}
        yield self._file(projects | {R.KEYS_ISSUE}, projects=[{"slug": "bot", "name": "Bot", "keys": [key]}])
        opening = {"name": _new(), "policy": "default"}
        yield self._file(
            projects | {R.KEYS_ISSUE, R.POLICIES_ATTACH},
            projects=[{"slug": "bot", "name": "Bot", "keys": [opening]}],
        )
        yield self._file(door | {R.POLICIES_WRITE}, policies=[{"name": _new()}])
        yield self._file(door | {R.ACCOUNTS_WRITE}, provider_accounts=[{"name": _new(), "kind": "openai"}])

    def _file(self, needs: frozenset[Right], **sections: Any) -> Attempt:
        entry = {"slug": self.organization.slug, **sections}
        body = {"document": {"version": 1, "organizations": [entry]}}
        return Attempt("POST", f"{self.path}/apply", body, needs, self._nothing)

    def _nothing(self) -> None:
        services.save_role(**self.where, name="nothing", rights=[])

    def given_by(self, member: Membership) -> dict[str, frozenset[Right]]:
        """What rows that the member made, by address or name, give to whoever has them."""
        email = member.person.email
        with access.scope(organization_id=self.organization.pk):
            own = {role.name: role.rights for role in CustomRole.objects.all()}
            roles = {f"role {name}": rights for name, rights in own.items() if name not in {*CUSTOM, "spare"}}
            keys = {
                f"key {one.name}": one.scopes
                for one in ManagementKey.objects.all()
                if one.created_by.startswith(email)
            }
            invited = {
                f"invitation as {one.role}": (BUILT_IN | own)[one.role]
                for one in Invitation.objects.filter(inviter=member.person)
            }
        return roles | keys | invited


def _new() -> str:
    return f"n-{secrets.token_hex(6)}"


def tried(who: Caller, rights: frozenset[Right], attempts: Iterator[Attempt]) -> int:
    """How many attempts were refused; each of them, and none else, for what these rights lack."""
    refused = 0
    for attempt in attempts:
        attempt.prepare()
        answer = who(attempt.method, attempt.path, attempt.body)
        if attempt.allowed(rights):
            assert answer.status_code in (200, 201, 204), (attempt, answer.content)
            continue
        # a scope of operators is refused as bad input, whoever asks
        expected = (403,) if attempt.needs is not None else (400, 403)
        assert answer.status_code in expected, (attempt, answer.content)
        refused += 1
    return refused


LATER = pytest.mark.full  # a few seconds each


@LATER
@pytest.mark.parametrize("role", sorted(BUILT_IN))
def test_no_role_gives_more_than_it_has(organization: Organization, role: str) -> None:
    place = Place(organization)
    member, rights = place.join(role), BUILT_IN[role]
    attempts = list(place.attempts())
    refused = tried(place.own_key(member, rights), rights, iter(attempts))
    assert 0 < refused < len(attempts)
    given = place.given_by(member)
    assert [name for name, some in given.items() if not some <= rights] == []
    print(f"{len(attempts)} attempts as {role}: {refused} refused, {len(given)} grants, 0 escalations")


@pytest.mark.parametrize(
    "right",
    [
        R.MANAGEMENT_KEYS_WRITE,
        pytest.param(R.ROLES_WRITE, marks=LATER),
        pytest.param(R.MEMBERS_INVITE, marks=LATER),
    ],
)
def test_an_owners_key_that_is_narrowed_gives_no_more_than_it_opens(
    organization: Organization, right: Right
) -> None:
    """Though the owner could."""
    place = Place(organization)
    owner, scopes = place.join("owner"), frozenset({R.ORGANIZATION_READ, R.MEMBERS_READ, right})
    attempts = [*place.of_management_keys(), *place.of_roles(), *place.of_invitations()]
    refused = tried(place.own_key(owner, scopes), scopes, iter(attempts))
    assert 0 < refused < len(attempts)
    assert [name for name, some in place.given_by(owner).items() if not some <= scopes] == []
    print(f"{len(attempts)} attempts by an owner's key for {right}: {refused} refused")
