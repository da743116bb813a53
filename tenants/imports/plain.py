"""A plain list of tenants, as one writes it down before there is a gateway. See docs/importing.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from tenants import kinds
from tenants.imports.draft import Accounts, Draft, name_of, slug_of
from tenants.schema import Invalid, Problem, values
from tenants.schema.document import Key, Slug, Title
from tenants.schema.policy import Count, Name, Strict
from tenants.schema.problems import problems_of

Money = Annotated[str | None, BeforeValidator(lambda value: None if value is None else values.cost(value))]
_LIMITS = (
    ("requests_per_minute", "requests", "minute"),
    ("tokens_per_minute", "tokens", "minute"),
    ("tokens_per_day", "tokens", "day"),
    ("budget_per_day", "cost", "day"),
    ("budget_per_month", "cost", "month"),
    ("concurrency", "concurrency", None),
)


def _listed(field: str) -> BeforeValidator:
    """A plain text for a mapping with one field."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, str) else value)


class Provider(Strict):
    kind: str | None = None
    base_url: str | None = None
    key: str | None = Field(default=None, repr=False)


class Limited(Strict):
    models: list[Annotated[str, AfterValidator(values.aliases)]] | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    budget_per_day: Money = None
    budget_per_month: Money = None
    concurrency: Count | None = None


class Team(Limited):
    name: Title
    slug: Slug | None = None
    keys: list[Annotated[Key, _listed("name")]] = []


class Tenant(Limited):
    models: dict[str, str | list[str]] = {}  # type: ignore[assignment]  # a tenant's are defined, a team's chosen
    name: Title
    slug: Slug | None = None
    time_zone: Annotated[str, AfterValidator(values.time_zone)] = "UTC"
    providers: dict[Name, Annotated[Provider, _listed("key")]] = {}
    teams: list[Team] = []


class Tenants(Strict):
    tenants: list[Tenant]


def draft(content: Any) -> Draft:
    """Invalid when it is no such list."""
    try:
        given = Tenants.model_validate(content)
    except ValidationError as error:
        raise Invalid(problems_of(error, Tenants)) from None
    made = Draft()
    for number, tenant in enumerate(given.tenants):
        made.organizations.append(_organization(tenant, f"tenants[{number}]", made))
    return made


def _organization(tenant: Tenant, path: str, made: Draft) -> dict[str, Any]:
    accounts, names = Accounts(made), {}
    for name, provider in tenant.providers.items():
        at = f"{path}.providers.{name}"
        kind = provider.kind or name
        if kind not in kinds.BY_NAME:
            raise Invalid(
                [Problem(f"{at}.kind", f"{kind!r} is not known", values.nearest(kind, kinds.BY_NAME))]
            )
        if provider.base_url is None and kinds.BY_NAME[kind].base_url is None:
            raise Invalid([Problem(f"{at}.base_url", "is missing", "where the provider answers")])
        account = accounts.account(kind, provider.base_url, provider.key, at, name=name)
        if account is not None:
            names[name] = account["name"]
    return {
        "slug": tenant.slug or slug_of(tenant.name),
        "name": tenant.name,
        "time_zone": tenant.time_zone,
        "provider_accounts": accounts.rows,
        "models": list(_models(tenant, path, names)),
        "policies": [
            {"name": "organization", "limits": _limits(tenant)},
            *(
                {"name": _policy_of(team), "limits": _limits(team)}
                | ({"allow": {"models": team.models}} if team.models is not None else {})
                for team in tenant.teams
                if _has_policy(team)
            ),
        ],
        "policy": "organization",
        "projects": [_project(team) for team in tenant.teams],
    }


def _models(tenant: Tenant, path: str, accounts: dict[str, str]) -> Iterator[dict[str, Any]]:
    for alias, said in tenant.models.items():
        targets = []
        for one in [said] if isinstance(said, str) else said:
            provider, _, model = one.partition("/")
            if not model or provider not in accounts:
                known = ", ".join(accounts) or "none"
                raise Invalid(
                    [Problem(f"{path}.models.{alias}", "must be PROVIDER/MODEL", f"providers: {known}")]
                )
            targets.append({"account": accounts[provider], "model": model})
        yield {"alias": alias, "targets": targets}


def _project(team: Team) -> dict[str, Any]:
    keys = [key.model_dump(exclude_defaults=True, mode="json") for key in team.keys]
    policy = {"policy": _policy_of(team)} if _has_policy(team) else {}
    return {"slug": team.slug or slug_of(team.name), "name": team.name, **policy, "keys": keys}


def _policy_of(team: Team) -> str:
    return name_of(f"team-{team.slug or slug_of(team.name)}")


def _has_policy(team: Team) -> bool:
    return bool(_limits(team)) or team.models is not None


def _limits(of: Limited) -> list[dict[str, Any]]:
    found = []
    for name, meter, window in _LIMITS:
        value = getattr(of, name)
        if value is not None:
            per = {"per": window} if window else {}
            found.append({"name": name, "meter": meter, **per, "limit": value})
    return found
