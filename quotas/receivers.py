"""Makes known to every worker, through Redis, that a snapshot has become old; looks up newly routed models."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.dispatch import receiver
from redis.exceptions import RedisError

from orbit.lib import access
from orbit.lib.store import each
from quotas import catalogue, contracts, keys
from quotas.engine import PUBLISH
from quotas.models import Price
from tenants.models import ModelTarget, Organization
from tenants.signals import key_changed, organization_changed

logger = logging.getLogger(__name__)

TOLD = 10_000
_told: dict[UUID, int] = {}  # versions that this process has made known


def publish(entries: list[tuple[int, str, int]]) -> None:
    """Versions and generations with their shards, newest wins. What does not arrive, the sweep of every second brings."""
    try:
        each([(shard, ("EVAL", PUBLISH.source, 1, key, value)) for shard, key, value in entries])
    except RedisError as error:
        logger.warning("%s versions are not published yet: %s", len(entries), type(error).__name__)


@receiver(organization_changed)
def publish_organization(organization_id: UUID, shard: int, version: int, **_: Any) -> None:
    """Once for all that a transaction changed: the first that is heard of after its commit stands for the last."""
    if version <= _told.get(organization_id, 0):
        return
    with access.scope(organization_id=organization_id):
        newest = Organization.objects.values_list("version", flat=True).get()
    if settings.ORBIT_PROCESS != "web":  # else the task worker does it, see quotas.tasks.price_new_models
        price_targets(organization_id)
    publish([(shard, keys.version(shard, str(organization_id)), newest)])
    if len(_told) >= TOLD:
        _told.clear()
    _told[organization_id] = newest


@receiver(key_changed)
def publish_key(organization_id: UUID, shard: int, key_id: UUID, generation: int, **_: Any) -> None:
    publish([(shard, keys.generation(shard, str(key_id)), generation)])


def price_targets(organization_id: UUID) -> None:
    """Brings prices and facts of the organization's routed models into the database, where they are not yet.

    A worker may have loaded the organization meanwhile, without them: those with a price now are told again.
    """
    with access.scope(organization_id=organization_id):
        pairs = set(ModelTarget.objects.values_list("account__prices_as", "model"))
        known = set(
            Price.objects.filter(model__in={model for _, model in pairs}).values_list("provider", "model")
        )
    unseen = catalogue.unseen(pairs)
    if unseen:
        contracts.look_up(unseen, actor="model catalogue")
    if pairs - known:
        contracts.reseed(pairs - known, actor="price book")
