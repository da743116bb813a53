"""The inverse of apply: what the database says, as the declarative file says it, without secrets and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.models import ApiKey, CustomRole, ModelAlias, Organization, Policy, Project, ProviderAccount
from tenants.routing import MOST_S
from tenants.schema import policy_document
from tenants.schema.routes import ModelRoute
from tenants.schema.values import SMOOTH_US
from tenants.sections import registry
from tenants.services.policies import document_in_force

_CALENDAR_FIELDS = ("week_starts", "month_starts_on", "year_starts_in")
# jsonb keeps no order, and older documents lack what came later
_LIMIT_FIELDS = ("name", "meter", "per", "limit", "burst", "models", "of", "shadow", "temporary")


def organization_ids(slugs: list[str]) -> dict[str, UUID]:
    """By slug, in order; all organizations when none is named."""
    with access.operator():
        rows = Organization.objects.order_by("slug")
        return dict((rows.filter(slug__in=slugs) if slugs else rows).values_list("slug", "id"))


def organization_id(slug: str, field: str = "SLUG") -> UUID:
    """Of the one organization; InputError that names the field when there is none."""
    found = organization_ids([slug])
    if slug not in found:
        raise InputError(field, f"there is no organization {slug!r}")
    return found[slug]


def export(ids: list[UUID]) -> dict[str, Any]:
    return {"version": 1, "organizations": [_organization(organization_id) for organization_id in ids]}


def _organization(organization_id: UUID) -> dict[str, Any]:
    with access.scope(organization_id=organization_id):
        organization = Organization.objects.select_related("policy").get()
        policies = Policy.objects.order_by("name")
        projects = Project.objects.filter(archived_at=None).select_related("policy").order_by("slug")
        roles = [{"name": role.name, "rights": role.words} for role in CustomRole.objects.order_by("name")]
        models = ModelAlias.objects.prefetch_related("targets__account", "fallbacks__fallback")
        return {
            "slug": organization.slug,
            "name": organization.name,
            "time_zone": organization.time_zone,
            "currency": organization.currency,
            "calendar": {field: getattr(organization, field) for field in _CALENDAR_FIELDS},
            **({"requires_mfa": True} if organization.requires_mfa else {}),
            "provider_accounts": [_account(account) for account in ProviderAccount.objects.order_by("name")],
            "models": [_model(model) for model in models.order_by("alias") if model.targets.all()],
            **{section.field: section.export() for section in registry.sections.values()},
            "policies": [
                {"name": policy.name} | policy_entry(document_in_force(policy)) for policy in policies
            ],
            "policy": organization.policy.name if organization.policy else None,
            **({"roles": roles} if roles else {}),
            "projects": [_project(project) for project in projects],
        }


def _account(account: ProviderAccount) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": account.name,
        "kind": account.kind,
        "base_url": account.base_url,
        "prices_as": account.prices_as,
    }
    refs = {"credential": account.credential_ref, "usage_credential": account.usage_credential_ref}
    return made | {field: {"ref": ref} for field, ref in refs.items() if ref}


def _model(row: ModelAlias) -> dict[str, Any]:
    targets = sorted(row.targets.all(), key=lambda one: one.position)
    fallbacks = sorted(row.fallbacks.all(), key=lambda one: one.position)
    timeouts = {name: getattr(row, name) for name in MOST_S if getattr(row, name) is not None}
    route = ModelRoute.model_validate(
        {
            "alias": row.alias,
            "targets": [
                {"account": one.account.name, "model": one.model, "weight": one.weight} for one in targets
            ],
            "fallbacks": [one.fallback.alias for one in fallbacks],
            "retries": row.retries,
            "affinity": row.affinity,
            "timeouts": timeouts,
            "context_window": row.context_window,
            "max_output_tokens": row.max_output_tokens,
            "deprecated": row.deprecated or None,
        }
    )
    return route.model_dump(exclude_defaults=True)


def policy_entry(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what it would be anyway."""
    usual = policy_document({})
    made = {
        field: value for field, value in document.items() if field != "limits" and value != usual.get(field)
    }
    return made | {"limits": [_limit(limit) for limit in document["limits"]]}


def _limit(limit: Mapping[str, Any]) -> dict[str, Any]:
    made = {field: limit[field] for field in _LIMIT_FIELDS if limit.get(field) is not None}
    if limit["per"] in SMOOTH_US and limit["burst"] == limit["limit"]:
        del made["burst"]
    if limit["of"] == "self":
        del made["of"]
    if not made.get("shadow"):
        made.pop("shadow", None)
    return made


def _project(project: Project) -> dict[str, Any]:
    keys = ApiKey.objects.filter(project=project, revoked_at=None).order_by("name")
    accounts = project.service_accounts.filter(removed_at=None).order_by("name")
    names = list(accounts.values_list("name", flat=True))
    return {
        "slug": project.slug,
        "name": project.name,
        **({"cost_centre": project.cost_centre} if project.cost_centre else {}),
        "policy": project.policy.name if project.policy else None,
        **({"service_accounts": names} if names else {}),
        "keys": [_key(key) for key in keys.select_related("policy", "person", "service_account")],
    }


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "policy": key.policy.name if key.policy else None,
        **({"allow": key.allow} if key.allow else {}),
        "expires_at": rfc3339(key.expires_at) if key.expires_at else None,
        **({"rotate_after_days": key.rotate_after_days} if key.rotate_after_days else {}),
        **({"owner": key.owner} if key.owner else {}),
    }
