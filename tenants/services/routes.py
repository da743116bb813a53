"""Models as applications name them, and where their calls go."""

from __future__ import annotations

from uuid import UUID

from orbit.lib.errors import InputError
from tenants.models import ModelAlias, ModelTarget, Policy, PolicyRevision, ProviderAccount
from tenants.schema import values
from tenants.services.saved import Saved, changing, valid


def save_model(
    *, organization_id: UUID, alias: str, account: str, model: str, actor: str
) -> Saved[ModelAlias]:
    """Calls of `alias` go to `model` at the account."""
    valid("alias", values.alias, alias)
    valid("model", values.upstream_model, model)
    with changing(organization_id, actor) as change:
        target_account = _find_account(account)
        row = ModelAlias.objects.filter(alias=alias).first()
        target = (
            ModelTarget.objects.select_related("account").filter(alias=row, position=0).first()
            if row
            else None
        )
        if target and (target.account, target.model) == (target_account, model):
            assert row is not None
            return Saved(row, created=False)
        before = {"account": target.account.name, "model": target.model} if target else None
        row = row or ModelAlias.objects.create(organization_id=organization_id, alias=alias)
        ModelTarget.objects.filter(alias=row).delete()
        ModelTarget.objects.create(
            organization_id=organization_id, alias=row, account=target_account, model=model
        )
        change.act(
            "model.update" if before else "model.create", alias, before, {"account": account, "model": model}
        )
        change.raise_version()
    return Saved(row, created=before is None, fields=("targets",))


def delete_model(*, organization_id: UUID, alias: str, actor: str) -> None:
    with changing(organization_id, actor) as change:
        row = ModelAlias.objects.filter(alias=alias).first()
        if row is None:
            raise InputError("model", f"there is no model {alias!r}")
        user = _policy_naming(alias)
        if user is not None:
            raise InputError("model", f"policy {user!r} names {alias!r}", "change the policy first")
        row.delete()
        change.act("model.delete", alias, {"alias": alias})
        change.raise_version()


def _find_account(name: str) -> ProviderAccount:
    account = ProviderAccount.objects.filter(name=name).first()
    if account is None:
        known = ProviderAccount.objects.values_list("name", flat=True)
        raise InputError("account", f"there is no provider account {name!r}", values.nearest(name, known))
    return account


def _policy_naming(alias: str) -> str | None:
    in_force = dict(Policy.objects.values_list("id", "revision"))
    for revision in PolicyRevision.objects.select_related("policy"):
        if in_force.get(revision.policy_id) == revision.number and alias in _named(revision):
            return revision.policy.name
    return None


def _named(revision: PolicyRevision) -> set[str]:
    document = revision.document
    return set(document["allow"]["models"]).union(*(limit["models"] or [] for limit in document["limits"]))
