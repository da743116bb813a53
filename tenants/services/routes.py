"""Models as applications name them, and where their calls go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, Unpack
from uuid import UUID

from orbit.lib.errors import InputError
from tenants.models import (
    ApiKey,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    Policy,
    PolicyRevision,
    ProviderAccount,
)
from tenants.rights import Right
from tenants.schema import models_named, values
from tenants.schema.routes import ModelRoute, checked
from tenants.services.saved import Actor, Saved, changing

# Of the row itself; targets and fallbacks have rows of their own.
_COLUMNS = (
    "retries",
    "affinity",
    "connect_s",
    "first_byte_s",
    "gap_s",
    "total_s",
    "context_window",
    "max_output_tokens",
    "deprecated",
)


@dataclass(frozen=True, slots=True)
class NewTarget:
    account: str
    model: str
    weight: int = 1


class RouteSettings(TypedDict, total=False):
    """What is left out is as in `ModelRoute`."""

    retries: int
    affinity: str
    timeouts: dict[str, int | None]
    context_window: int | None
    max_output_tokens: int | None
    deprecated: str | None


def save_model(
    *,
    organization_id: UUID,
    alias: str,
    targets: Sequence[NewTarget],
    actor: Actor,
    fallbacks: Sequence[str] = (),
    **settings: Unpack[RouteSettings],
) -> Saved[ModelAlias]:
    """The whole route of `alias`: what is not given is no longer so."""
    route = checked(
        {"alias": alias, "targets": [asdict(one) for one in targets], "fallbacks": list(fallbacks)} | settings
    )
    wanted = _wanted(route)
    with changing(organization_id, actor, Right.MODELS_WRITE) as change:
        row = ModelAlias.objects.filter(alias=alias).first()
        said = _said(row) if row else {}
        new = {name: value for name, value in wanted.items() if name not in said or said[name] != value}
        if row and not new:
            return Saved(row, created=False)
        row = row or ModelAlias(organization_id=organization_id, alias=alias)
        before = {name: said[name] for name in new} if said else None
        for name in _COLUMNS:
            setattr(row, name, wanted[name])
        row.save()
        if said:
            row.targets.all().delete()
            row.fallbacks.all().delete()
        _save_targets(row, route)
        _save_fallbacks(row, route.fallbacks)
        change.act("model.update" if said else "model.create", alias, before, new)
        change.raise_version()
    return Saved(row, created=before is None, fields=tuple(new))


def delete_model(*, organization_id: UUID, alias: str, actor: Actor) -> None:
    delete_models(organization_id=organization_id, aliases=[alias], actor=actor)


def delete_models(*, organization_id: UUID, aliases: Collection[str], actor: Actor) -> None:
    """All or none. They may be each other's fallbacks, but not those of a model that stays."""
    with changing(organization_id, actor, Right.MODELS_WRITE) as change:
        rows = {row.alias: row for row in ModelAlias.objects.filter(alias__in=aliases)}
        for alias in aliases:
            if alias not in rows:
                raise InputError("model", f"there is no model {alias!r}")
            _check_unnamed(rows[alias], aliases)
        ModelFallback.objects.filter(alias__in=rows.values()).delete()
        for alias in aliases:
            rows[alias].delete()
            change.act("model.delete", alias, {"alias": alias})
        change.raise_version()


def _wanted(route: ModelRoute) -> dict[str, Any]:
    """The route as acts tell it, by the names of columns and of what has rows of its own."""
    made = route.model_dump(exclude={"alias", "timeouts", "deprecated"})
    return made | route.timeouts.model_dump() | {"deprecated": route.deprecated or ""}


def _said(row: ModelAlias) -> dict[str, Any]:
    targets = row.targets.select_related("account").order_by("position")
    return {
        "targets": [
            {"account": one.account.name, "model": one.model, "weight": one.weight} for one in targets
        ],
        "fallbacks": list(row.fallbacks.order_by("position").values_list("fallback__alias", flat=True)),
    } | {name: getattr(row, name) for name in _COLUMNS}


def _save_targets(row: ModelAlias, route: ModelRoute) -> None:
    accounts = {account.name: account for account in ProviderAccount.objects.all()}
    for number, target in enumerate(route.targets):
        _known(f"targets[{number}].account", "provider account", target.account, accounts)
    ModelTarget.objects.bulk_create(
        ModelTarget(
            organization_id=row.organization_id,
            alias=row,
            account=accounts[target.account],
            model=target.model,
            weight=target.weight,
            position=number,
        )
        for number, target in enumerate(route.targets)
    )


def _save_fallbacks(row: ModelAlias, aliases: Sequence[str]) -> None:
    if not aliases:
        return
    rows = {one.alias: one for one in ModelAlias.objects.all()}
    for number, alias in enumerate(aliases):
        _known(f"fallbacks[{number}]", "model", alias, rows)
    ModelFallback.objects.bulk_create(
        ModelFallback(organization_id=row.organization_id, alias=row, fallback=rows[alias], position=number)
        for number, alias in enumerate(aliases)
    )


def _known(path: str, what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise InputError(path, f"there is no {what} {name!r}", values.nearest(name, known))


def _check_unnamed(row: ModelAlias, going: Collection[str]) -> None:
    user = _policy_naming(row.alias)
    if user is not None:
        raise InputError("model", f"policy {user!r} names {row.alias!r}", "change the policy first")
    key = ApiKey.objects.filter(revoked_at=None, allow__models__contains=[row.alias]).first()
    if key is not None:
        raise InputError("model", f"key {key.name!r} is narrowed to {row.alias!r}", "change the key first")
    staying = row.fallback_of.exclude(alias__alias__in=going).select_related("alias").first()
    if staying is not None:
        other = staying.alias.alias
        raise InputError(
            "model", f"{row.alias!r} is a fallback of model {other!r}", "change that model first"
        )


def _policy_naming(alias: str) -> str | None:
    in_force = dict(Policy.objects.values_list("id", "revision"))
    for revision in PolicyRevision.objects.select_related("policy"):
        if in_force.get(revision.policy_id) == revision.number and alias in models_named(revision.document):
            return revision.policy.name
    return None
