"""Makes the database say what a declarative file says: all of it, or nothing.

The plan is what was done. A dry run does it all the same and rolls it back, so that it cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import kinds, schema, services
from tenants.callers import Caller
from tenants.models import (
    ApiKey,
    CustomRole,
    ModelAlias,
    Organization,
    Policy,
    Project,
    ProviderAccount,
    ServiceAccount,
)
from tenants.rights import OperatorRight
from tenants.schema import Invalid, Known, Problem
from tenants.schema.document import Account, Key, Role
from tenants.schema.document import Organization as OrganizationEntry
from tenants.schema.document import Project as ProjectEntry
from tenants.schema.policy import NamedPolicy
from tenants.schema.routes import ModelRoute
from tenants.sections import Section, registry
from tenants.services import NewCredential, NewTarget
from tenants.services.organizations import Settings


@dataclass(slots=True)
class Step:
    op: str  # create, update or delete
    kind: str
    path: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class NewKey:
    organization: str
    project: str
    name: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class Outcome:
    plan: list[Step] = field(default_factory=list)
    keys: list[NewKey] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.plan)


def apply(
    content: Any, *, actor: str | Caller, reason: str = "apply", prune: bool = False, dry_run: bool = False
) -> Outcome:
    """`content` is plain values as `schema.load` returns them. Invalid, and nothing done, when anything is wrong.

    A caller of the management API needs each right that its steps would take one by one, and PermissionDenied
    undoes all of it. Only an operator makes organizations, and names references outside of their own part of a store.

    `reason` stands in the revisions of policies that it makes. With `dry_run` nothing is kept, and no key is told since none was issued.
    """
    document = schema.parse(content)
    ids = _existing({organization.slug for organization in document.organizations})
    problems = schema.check(document, {} if prune else {slug: _known(found) for slug, found in ids.items()})
    if problems:
        raise Invalid(problems)
    outcome = Outcome()
    with transaction.atomic(using="default"):
        # By slug, so that two runs at once wait for each other's organizations in one order.
        for number, entry in sorted(enumerate(document.organizations), key=lambda item: item[1].slug):
            _Applied(outcome, entry, f"organizations[{number}]", actor, reason).run(
                ids.get(entry.slug), prune=prune
            )
        if dry_run:
            transaction.set_rollback(True, using="default")
            outcome.keys.clear()
    return outcome


def _existing(slugs: set[str]) -> dict[str, UUID]:
    with access.operator():
        return dict(Organization.objects.filter(slug__in=slugs).values_list("slug", "id"))


def _known(organization_id: UUID) -> Known:
    with access.scope(organization_id=organization_id):
        return Known(
            accounts=frozenset(ProviderAccount.objects.values_list("name", flat=True)),
            models=frozenset(ModelAlias.objects.values_list("alias", flat=True)),
            policies=frozenset(Policy.objects.values_list("name", flat=True)),
        )


@contextmanager
def _at(path: str) -> Iterator[None]:
    """What a service refuses is told by its place in the file."""
    try:
        yield
    except InputError as error:
        raise Invalid([Problem(f"{path}.{error.path}".strip("."), error.message, error.suggestion)]) from None


class _Applied:
    """One organization of the file."""

    def __init__(
        self, outcome: Outcome, entry: OrganizationEntry, path: str, actor: str | Caller, reason: str
    ) -> None:
        self._outcome = outcome
        self._entry = entry
        self._path = path
        self._actor = actor
        self._reason = reason
        self._id: UUID

    def run(self, known_id: UUID | None, *, prune: bool) -> None:
        entry = self._entry
        with _at(self._path):
            self._id = known_id or self._create()
        with access.scope(organization_id=self._id):
            if Organization.objects.get().deleted_at is not None:
                raise Invalid(
                    [Problem(f"{self._path}.slug", f"{entry.slug!r} is deleted", "restore it first")]
                )
            for number, account in enumerate(entry.provider_accounts):
                with _at(f"{self._path}.provider_accounts[{number}]"):
                    self._account(account, f"{self._path}.provider_accounts[{number}]")
            self._models(entry.models)
            for section in registry.sections.values():
                self._section(section)
            for number, policy in enumerate(entry.policies):
                with _at(f"{self._path}.policies[{number}]"):
                    self._policy(policy)
            with _at(self._path):
                self._organization()
            for number, role in enumerate(entry.roles):
                with _at(f"{self._path}.roles[{number}]"):
                    self._role(role)
            for number, project in enumerate(entry.projects):
                self._project(project, f"{self._path}.projects[{number}]")
            if prune:
                with _at(self._path):
                    self._prune()

    def _note(self, op: str, kind: str, name: str, fields: tuple[str, ...] = ()) -> None:
        path = f"{self._entry.slug}/{name}" if name else self._entry.slug
        for step in self._outcome.plan:
            if (step.kind, step.path) == (kind, path):
                step.fields += [field for field in fields if field not in step.fields]
                return
        self._outcome.plan.append(Step(op, kind, path, list(fields)))

    def _saved(self, kind: str, name: str, saved: services.Saved[Any]) -> None:
        if saved.changed:
            self._note("create" if saved.created else "update", kind, name, saved.fields)

    def _create(self) -> UUID:
        slug, fields, actor = self._entry.slug, self._settings(), self._actor
        if isinstance(actor, Caller):
            if OperatorRight.ORGANIZATIONS_CREATE not in actor.scopes:
                raise PermissionDenied(f"this takes the scope {OperatorRight.ORGANIZATIONS_CREATE}")
            actor = actor.name
        self._note("create", "organization", "", ("slug", *fields))
        return services.create_organization(slug=slug, actor=actor, **fields).id

    def _settings(self) -> Settings:
        entry = self._entry
        settings: Settings = {
            "name": entry.name or entry.slug,
            "time_zone": entry.time_zone,
            "currency": entry.currency,
            "week_starts": entry.calendar.week_starts,
            "month_starts_on": entry.calendar.month_starts_on,
            "year_starts_in": entry.calendar.year_starts_in,
        }
        if entry.requires_mfa is not None:  # a file that forgets it must not lower the walls
            settings["requires_mfa"] = entry.requires_mfa
        return settings

    def _organization(self) -> None:
        saved = services.update_organization(
            organization_id=self._id, actor=self._actor, policy=self._entry.policy, **self._settings()
        )
        self._saved("organization", "", saved)

    def _account(self, account: Account, path: str) -> None:
        given = {
            field: one
            for field in ("credential", "usage_credential")
            if (one := getattr(account, field)) is not None
        }
        assert account.base_url is not None
        assert account.prices_as is not None
        self._outcome.warnings += [
            f"{path}.{field}.value: a secret stands in the file. It is sealed now; take it out of the file."
            for field, one in given.items()
            if one.value
        ]
        had = ProviderAccount.objects.filter(name=account.name).first()
        saved = services.save_account(
            organization_id=self._id,
            name=account.name,
            kind=account.kind,
            base_url=account.base_url,
            prices_as=account.prices_as,
            **{
                field: NewCredential(value=one.value or "", ref=one.ref or "") for field, one in given.items()
            },
            without_usage=account.usage_credential is None and "usage_credential" in account.model_fields_set,
            actor=self._actor,
            by_operator=isinstance(self._actor, str) or self._actor.is_operator,
        )
        self._warn_without_credential(saved, path, dropped=had is not None and "credential" in saved.fields)
        self._saved("provider_account", account.name, saved)

    def _warn_without_credential(
        self, saved: services.Saved[ProviderAccount], path: str, *, dropped: bool
    ) -> None:
        account = saved.row
        if account.credential_sealed is not None or account.credential_ref:
            return
        if dropped or kinds.BY_NAME[account.kind].needs_credential:
            why = "it was dropped with the old address" if dropped else "none is given"
            self._outcome.warnings.append(f"{path}: the account has no credential: {why}.")

    def _models(self, routes: list[ModelRoute]) -> None:
        """New ones first without their fallbacks, which may be new too, or each other."""
        known = set(ModelAlias.objects.values_list("alias", flat=True))
        for fallbacks in (False, True):
            for number, route in enumerate(routes):
                new = route.alias not in known
                with _at(f"{self._path}.models[{number}]"):
                    if (new and not fallbacks) or (fallbacks and (route.fallbacks or not new)):
                        self._model(route, route.fallbacks if fallbacks else [])

    def _model(self, route: ModelRoute, fallbacks: list[str]) -> None:
        saved = services.save_model(
            organization_id=self._id,
            alias=route.alias,
            targets=[NewTarget(one.account, one.model, one.weight) for one in route.targets],
            fallbacks=fallbacks,
            actor=self._actor,
            retries=route.retries,
            affinity=route.affinity,
            timeouts=route.timeouts.model_dump(),
            context_window=route.context_window,
            max_output_tokens=route.max_output_tokens,
            deprecated=route.deprecated,
        )
        self._saved("model", route.alias, saved)

    def _section(self, section: Section) -> None:
        for number, entry in enumerate(getattr(self._entry, section.field)):
            with _at(f"{self._path}.{section.field}[{number}]"):
                self._saved(section.kind, section.path(entry), section.save(self._id, entry, self._actor))

    def _policy(self, policy: NamedPolicy) -> None:
        saved = services.save_policy(
            organization_id=self._id,
            name=policy.name,
            document=policy.document(),
            actor=self._actor,
            reason=self._reason,
        )
        self._saved("policy", policy.name, saved)

    def _role(self, role: Role) -> None:
        saved = services.save_role(
            organization_id=self._id, name=role.name, rights=role.rights, actor=self._actor
        )
        self._saved("role", role.name, saved)

    def _project(self, project: ProjectEntry, path: str) -> None:
        with _at(path):
            saved = services.save_project(
                organization_id=self._id,
                slug=project.slug,
                name=project.name or project.slug,
                policy=project.policy,
                cost_centre=project.cost_centre or "",
                actor=self._actor,
            )
            self._saved("project", project.slug, saved)
            self._service_accounts(project)
        usable = ApiKey.objects.filter(project=saved.row, revoked_at=None).select_related(
            "person", "service_account"
        )
        known = {key.name: key for key in usable}
        for number, key in enumerate(project.keys):
            with _at(f"{path}.keys[{number}]"):
                self._key(project.slug, key, known.get(key.name))

    def _service_accounts(self, project: ProjectEntry) -> None:
        for name in project.service_accounts:
            made = services.create_service_account(
                organization_id=self._id, project=project.slug, name=name, actor=self._actor
            )
            self._saved("service_account", f"{project.slug}/{name}", made)

    def _prune_service_accounts(self) -> None:
        """Those of projects that stay; others go with their project."""
        for project in self._entry.projects:
            accounts = ServiceAccount.objects.filter(project__slug=project.slug, removed_at=None)
            for name in sorted(set(accounts.values_list("name", flat=True)) - set(project.service_accounts)):
                services.remove_service_account(
                    organization_id=self._id, project=project.slug, name=name, actor=self._actor
                )
                self._note("delete", "service_account", f"{project.slug}/{name}")

    def _key(self, project: str, key: Key, known: ApiKey | None) -> None:
        name = f"{project}/{key.name}"
        if known is not None:
            if key.owner != known.owner:
                raise InputError("owner", f"is {known.owner or 'nobody'} for good", "issue another key")
            saved = services.change_key(
                organization_id=self._id,
                key_id=known.id,
                policy=key.policy,
                allow=key.allow.model_dump(),
                expires_at=key.expires_at,
                rotate_after_days=key.rotate_after_days,
                actor=self._actor,
            )
            self._saved("key", name, saved)
            return
        _, secret = services.issue_key(
            organization_id=self._id,
            project=project,
            name=key.name,
            policy=key.policy,
            allow=key.allow.model_dump(),
            expires_at=key.expires_at,
            rotate_after_days=key.rotate_after_days,
            owner=key.owner,
            actor=self._actor,
        )
        fields = ("policy", "allow", "expires_at", "rotate_after_days", *(["owner"] if key.owner else []))
        self._note("create", "key", name, fields)
        self._outcome.keys.append(NewKey(self._entry.slug, project, key.name, secret))

    def _prune(self) -> None:
        """In an order in which nothing that goes is still named by something that stays."""
        entry = self._entry
        named = {(project.slug, key.name) for project in entry.projects for key in project.keys}
        for key in ApiKey.objects.filter(revoked_at=None).select_related("project").order_by("id"):
            if (key.project.slug, key.name) not in named:
                services.revoke_key(organization_id=self._id, key_id=key.id, actor=self._actor)
                self._note("delete", "key", f"{key.project.slug}/{key.name}")
        self._prune_service_accounts()
        projects = Project.objects.filter(archived_at=None).values_list("slug", flat=True)
        self._prune_each("project", projects, {one.slug for one in entry.projects}, self._archive)
        roles = CustomRole.objects.values_list("name", flat=True)
        self._prune_each("role", roles, {one.name for one in entry.roles}, self._delete_role)
        policies = Policy.objects.values_list("name", flat=True)
        self._prune_each("policy", policies, {one.name for one in entry.policies}, self._delete_policy)
        aliases = ModelAlias.objects.values_list("alias", flat=True)
        self._prune_models(sorted(set(aliases) - {one.alias for one in entry.models}))
        for section in registry.sections.values():
            kept = {section.path(one) for one in getattr(entry, section.field)}
            for path in sorted(set(section.paths()) - kept):
                section.remove(self._id, path, self._actor)
                self._note("delete", section.kind, path)
        accounts = ProviderAccount.objects.values_list("name", flat=True)
        self._prune_each(
            "provider_account", accounts, {one.name for one in entry.provider_accounts}, self._delete_account
        )

    def _prune_each(
        self, kind: str, names: Iterable[str], kept: set[str], remove: Callable[[str], None]
    ) -> None:
        for name in sorted(set(names) - kept):
            remove(name)
            self._note("delete", kind, name)

    def _prune_models(self, aliases: list[str]) -> None:
        """Together, since they may be each other's fallbacks."""
        if aliases:
            services.delete_models(organization_id=self._id, aliases=aliases, actor=self._actor)
        for alias in aliases:
            self._note("delete", "model", alias)

    def _archive(self, slug: str) -> None:
        services.archive_project(organization_id=self._id, slug=slug, actor=self._actor)

    def _delete_role(self, name: str) -> None:
        services.delete_role(organization_id=self._id, name=name, actor=self._actor)

    def _delete_policy(self, name: str) -> None:
        services.delete_policy(organization_id=self._id, name=name, actor=self._actor)

    def _delete_account(self, name: str) -> None:
        services.delete_account(organization_id=self._id, name=name, actor=self._actor)
