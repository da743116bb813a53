"""What no single value can tell: names given twice, and names that stand for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching

from tenants.schema.document import Document, Organization
from tenants.schema.policy import Allow, NamedPolicy
from tenants.schema.problems import Problem
from tenants.schema.routes import ModelRoute
from tenants.schema.values import nearest


@dataclass(frozen=True, slots=True)
class Known:
    """Names that an organization has already and that the file may refer to."""

    accounts: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()


def check(document: Document, known: Mapping[str, Known]) -> list[Problem]:
    problems = list(
        _twice("organizations", "slug", [organization.slug for organization in document.organizations])
    )
    for number, organization in enumerate(document.organizations):
        path = f"organizations[{number}]"
        problems += _duplicates(path, organization)
        problems += _dangling(path, organization, known.get(organization.slug, Known()))
    return problems


def _duplicates(path: str, organization: Organization) -> Iterator[Problem]:
    yield from _twice(
        f"{path}.provider_accounts", "name", [one.name for one in organization.provider_accounts]
    )
    yield from _twice(f"{path}.models", "alias", [one.alias for one in organization.models])
    yield from _twice(f"{path}.prices", "model", [one.path() for one in organization.prices])
    yield from _twice(f"{path}.alerts", "name", [one.name for one in organization.alerts])
    yield from _twice(f"{path}.inspectors", "name", [one.name for one in organization.inspectors])
    yield from _twice(f"{path}.policies", "name", [one.name for one in organization.policies])
    yield from _twice(f"{path}.roles", "name", [one.name for one in organization.roles])
    yield from _twice(f"{path}.projects", "slug", [one.slug for one in organization.projects])
    for number, project in enumerate(organization.projects):
        at = f"{path}.projects[{number}]"
        yield from _twice(f"{at}.keys", "name", [one.name for one in project.keys])
        yield from _twice(f"{at}.service_accounts", "", project.service_accounts)


def _twice(path: str, field: str, names: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if first.setdefault(name, number) != number:
            yield Problem(
                f"{path}[{number}].{field}".rstrip("."),
                f"{name!r} is at {path}[{first[name]}] already",
                "merge the two",
            )


def _dangling(path: str, organization: Organization, known: Known) -> Iterator[Problem]:
    accounts = known.accounts | {one.name for one in organization.provider_accounts}
    models = known.models | {one.alias for one in organization.models}
    policies = known.policies | {one.name for one in organization.policies}
    for number, route in enumerate(organization.models):
        yield from _targets(f"{path}.models[{number}]", route, accounts)
        yield from _fallbacks(f"{path}.models[{number}]", route, models)
    for number, price in enumerate(organization.prices):
        yield from _absent(f"{path}.prices[{number}].account", "provider account", price.account, accounts)
    for number, policy in enumerate(organization.policies):
        yield from _models_of(f"{path}.policies[{number}]", policy, models)
    yield from _absent(f"{path}.policy", "policy", organization.policy, policies)
    for number, project in enumerate(organization.projects):
        at = f"{path}.projects[{number}]"
        yield from _absent(f"{at}.policy", "policy", project.policy, policies)
        for which, key in enumerate(project.keys):
            yield from _absent(f"{at}.keys[{which}].policy", "policy", key.policy, policies)
            yield from _models_allowed(f"{at}.keys[{which}].allow", key.allow, models)


def _targets(path: str, route: ModelRoute, accounts: Iterable[str]) -> Iterator[Problem]:
    for number, target in enumerate(route.targets):
        yield from _absent(f"{path}.targets[{number}].account", "provider account", target.account, accounts)


def _fallbacks(path: str, route: ModelRoute, models: Iterable[str]) -> Iterator[Problem]:
    for number, alias in enumerate(route.fallbacks):
        yield from _absent(f"{path}.fallbacks[{number}]", "model", alias, models)


def _models_of(path: str, policy: NamedPolicy, models: Iterable[str]) -> Iterator[Problem]:
    yield from _models_allowed(f"{path}.allow", policy.allow, models)
    for number, limit in enumerate(policy.limits):
        for which, alias in enumerate(limit.models or []):
            yield from _absent(f"{path}.limits[{number}].models[{which}]", "model", alias, models)


def _models_allowed(path: str, allow: Allow, models: Iterable[str]) -> Iterator[Problem]:
    for number, alias in enumerate(allow.models):
        if "*" not in alias:
            yield from _absent(f"{path}.models[{number}]", "model", alias, models)
        elif alias != "*" and not matching(models, alias):
            yield Problem(f"{path}.models[{number}]", f"no model of the organization matches {alias!r}")


def _absent(path: str, what: str, name: str | None, known: Iterable[str]) -> Iterator[Problem]:
    names = sorted(known)
    if name is not None and name not in names:
        fallback = f"there are: {', '.join(names[:10])}" if names else f"the organization has no {what}"
        yield Problem(path, f"there is no {what} {name!r}", nearest(name, names) or fallback)
