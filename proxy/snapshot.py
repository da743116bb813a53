"""The data plane's only reads of the database, and the cache of what they found.

A snapshot is good until a RESERVE answers STALE; nothing polls.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from dlp.policy import inspecting
from orbit.lib import access, money
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Timeouts
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy.context import (
    Account,
    Drain,
    EffectivePolicy,
    KeyRecord,
    ModelRoute,
    OrganizationSnapshot,
    OutsideInspector,
    PolicySnapshot,
    Principal,
    ProjectSnapshot,
    Target,
)
from quotas import calibration, catalogue, keys, prices
from quotas.engine import Engine
from quotas.limits import Limit
from quotas.policies import calendar_of, limits_of, strictest
from tenants.allowing import allow_key
from tenants.found_keys import find_key
from tenants.models import (
    ApiKey,
    FormerSecret,
    Inspector,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    Organization,
    PolicyRevision,
    Project,
    ProviderAccount,
)
from tenants.rotation import earliest
from tenants.secrets import Cache, Credential, Holder, presumed
from tenants.services.inspectors import where_of
from tenants.storing import audit_of, storing
from tenants.untranslatable import dropping

T = TypeVar("T")

logger = logging.getLogger(__name__)

KEYS = 100_000  # principals kept in one worker
ABSENT_S = 5.0  # how long an unknown key is remembered as such
ABSENT = 10_000


@dataclass
class Snapshots:
    """Principals by key digest and organizations by id, each loaded once for all who wait."""

    engine: Engine
    credentials: Cache = field(default_factory=Cache)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(4, thread_name_prefix="snapshot")
    )
    principals: OrderedDict[bytes, Principal] = field(default_factory=OrderedDict)
    organizations: dict[str, OrganizationSnapshot] = field(default_factory=dict)
    absent: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    loading: dict[Any, asyncio.Task[Any]] = field(default_factory=dict)

    def known(self, digest: bytes) -> Principal | None:
        return self.principals.get(digest)

    async def find(self, digest: bytes) -> Principal | None:
        """The principal of a key; None when there is no such key. AUTH_UNAVAILABLE when it cannot be looked up."""
        principal = self.principals.get(digest)
        if principal is not None:
            return principal
        now = asyncio.get_running_loop().time()
        if self.absent.get(digest, 0.0) > now:
            return None
        found: Principal | None = await self.once(digest, lambda: self._load(digest))
        if found is None:
            self.absent[digest] = now + ABSENT_S
            if len(self.absent) > ABSENT:
                self.absent.popitem(last=False)
        return found

    async def refresh(self, digest: bytes) -> Principal | None:
        """The same after the store said that what we have is old."""
        stale = self.principals.pop(digest, None)
        if stale is not None and self.organizations.get(stale.organization.id) is stale.organization:
            del self.organizations[stale.organization.id]  # else another key's call has renewed it
        return await self.find(digest)

    async def at_least(
        self, principal: Principal, version: int | None, generation: int | None
    ) -> Principal | None:
        """Who a principal is as of a version and generation, to be judged and not to be admitted: without a policy.

        Reads only what is older than these; of None nobody knows, so that is read. None when the key is gone.
        """
        organization_id = principal.organization.id
        organization = self.organizations.get(organization_id)
        if organization is None or version is None or organization.version < version:
            self.organizations.pop(organization_id, None)
            organization = await self.once(organization_id, lambda: self._load_organization(organization_id))
        known = self.principals.get(principal.digest)
        if known is None or generation is None or known.key.generation < generation:
            self.principals.pop(principal.digest, None)
            known = await self.find(principal.digest)
        if known is None:
            return None
        project = organization.projects.get(known.key.project_id)
        return None if project is None else Principal(known.key, organization, project, None)

    async def _load(self, digest: bytes) -> Principal | None:
        key = await self._in_thread(lambda: load_key(digest))
        if key is None:
            return None
        organization = self.organizations.get(key.organization_id)
        if organization is None:
            organization = await self.once(
                key.organization_id, lambda: self._load_organization(key.organization_id)
            )
        await self._publish(organization.shard, keys.generation(organization.shard, key.id), key.generation)
        principal = make_principal(key, organization)
        principal.digest = digest
        self.principals[digest] = principal
        if len(self.principals) > KEYS:
            self.principals.popitem(last=False)
        return principal

    async def _load_organization(self, organization_id: str) -> OrganizationSnapshot:
        organization = await self._in_thread(
            lambda: load_organization(UUID(organization_id), self.credentials.of)
        )
        await self._publish(
            organization.shard, keys.version(organization.shard, organization.id), organization.version
        )
        self.organizations[organization_id] = organization
        return organization

    async def _publish(self, shard: int, key: str, value: int) -> None:
        """Should the store be away now, RESERVE answers STALE when it is back, and we come here again."""
        try:
            await self.engine.publish(shard, key, value)
        except (StoreUnavailable, StoreError) as error:
            logger.warning("a version is not published: %s", error)

    async def once(self, name: Any, load: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Does a piece of work one time for all who ask for it while it runs."""
        return await asyncio.shield(self.begin(name, load))

    def begin(self, name: Any, load: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The same, for who need not wait for its end."""
        task = self.loading.get(name)
        if task is None:
            task = self.loading[name] = asyncio.create_task(load(), name="snapshot")
            task.add_done_callback(lambda done: self._loaded(name, done))
        return task

    def _loaded(self, name: Any, done: asyncio.Task[Any]) -> None:
        self.loading.pop(name, None)
        if not done.cancelled() and done.exception() is not None:  # whoever waits for it has it too
            logger.warning("%s: %s", name, done.exception())

    async def _in_thread(self, read: Callable[[], T]) -> T:
        def run() -> T:
            try:
                return read()
            finally:
                for connection in connections.all(initialized_only=True):
                    connection.close()  # back to the pool

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, run)
        except (OperationalError, InterfaceError) as error:
            raise OrbitError(
                Code.AUTH_UNAVAILABLE, "The key cannot be looked up right now. Try again.", retry_after_s=1
            ) from error

    async def read(self, read: Callable[[], T]) -> T:
        """Runs a read of the ledger beside the event loop."""
        return await self._in_thread(read)


def load_key(digest: bytes) -> KeyRecord | None:
    found = find_key(digest)
    if found is None:
        return None
    key_id, organization_id = found
    with access.scope(organization_id=organization_id):
        key = ApiKey.objects.select_related("project").filter(pk=key_id).first()
        if key is None or bytes(key.digest) == digest:
            return record_of(key) if key is not None else None
        former = FormerSecret.objects.filter(digest=digest, key=key).first()
    return record_of(key, former) if former is not None else None


def record_of(key: ApiKey, former: FormerSecret | None = None) -> KeyRecord:
    """What the data plane knows of a key by its secret of today, or by a former one; its project is read along."""
    return KeyRecord(
        id=str(key.pk),
        organization_id=str(key.organization_id),
        project_id=str(key.project_id),
        name=key.name,
        policy_id=key.policy_id,
        generation=key.generation,
        expires_at=earliest(key.refused_from, None if former is None else former.works_until),
        revoked=key.revoked_at is not None or key.project.archived_at is not None,
        allow=key.allow,
        suspended=key.suspended_at is not None,
        hint=key.hint if former is None else former.hint,
        former_secret=None if former is None else str(former.pk),
    )


def load_organization(
    organization_id: UUID, credential: Callable[[Holder], Credential] = presumed
) -> OrganizationSnapshot:
    """`credential` is how an account's is held; without it, other stores are not asked for theirs."""
    with access.scope(organization_id=organization_id):
        organization = Organization.objects.get(pk=organization_id)
        revisions = PolicyRevision.objects.select_related("policy")
        current = [one for one in revisions if one.number == one.policy.revision]
        return OrganizationSnapshot(
            id=str(organization.pk),
            slug=organization.slug,
            shard=organization.shard,
            version=organization.version,
            suspended=organization.is_closed,
            currency=organization.currency,
            calendar=calendar_of(organization),
            policy_id=organization.policy_id,
            policies={
                one.policy_id: PolicySnapshot(one.policy.name, one.number, one.document) for one in current
            },
            projects={
                str(one.pk): ProjectSnapshot(
                    str(one.pk), one.slug, one.policy_id, one.suspended_at is not None
                )
                for one in Project.objects.all()
            },
            models=_models(credential),
            ceiling=_ceiling_over(organization),
            inspectors={
                one.name: OutsideInspector(where_of(one), credential(one)) for one in Inspector.objects.all()
            },
        )


def _ceiling_over(organization: Organization) -> PolicySnapshot | None:
    if organization.ceiling is None:
        return None
    return PolicySnapshot("ceiling", organization.ceiling_revision, organization.ceiling)


def _models(credential: Callable[[Holder], Credential]) -> dict[str, ModelRoute]:
    accounts = {
        one.pk: Account(str(one.pk), one.name, one.kind, one.base_url.rstrip("/"), credential(one))
        for one in ProviderAccount.objects.all()
    }
    rows = list(ModelTarget.objects.select_related("alias", "account").order_by("position"))
    priced = {one.pk: prices.Target(one.account.prices_as, one.model, one.account.name) for one in rows}
    pairs = {(one.account.prices_as, one.model) for one in rows}
    rates = prices.in_force(set(priced.values()), datetime.now(UTC))
    paddings, facts = calibration.paddings(pairs), catalogue.facts_of(pairs)
    targets: dict[UUID, list[Target]] = {}
    for one in rows:
        pair = (one.account.prices_as, one.model)
        target = Target(
            account=accounts[one.account_id],
            model=one.model,
            rates=rates.get(priced[one.pk]),
            padding=paddings.get(pair),
            weight=one.weight,
            facts=facts[pair].overridden(
                context_window=one.alias.context_window,
                max_output=one.alias.max_output_tokens,
                deprecated=one.alias.deprecated or None,
            ),
        )
        targets.setdefault(one.alias_id, []).append(target)
    fallbacks: dict[UUID, list[str]] = {}
    for fallback in ModelFallback.objects.select_related("fallback").order_by("position"):
        fallbacks.setdefault(fallback.alias_id, []).append(fallback.fallback.alias)
    return {
        alias.alias: ModelRoute(
            alias=alias.alias,
            targets=tuple(targets[alias.pk]),
            fallbacks=tuple(fallbacks.get(alias.pk, ())),
            retries=alias.retries,
            affinity=alias.affinity,
            timeouts=_timeouts(alias),
        )
        for alias in ModelAlias.objects.all()
        if alias.pk in targets
    }


def _timeouts(alias: ModelAlias) -> Timeouts | None:
    """The route's own over the installation's; None where it has none."""
    if alias.connect_s is alias.first_byte_s is alias.gap_s is alias.total_s is None:
        return None
    return Timeouts(
        alias.connect_s or settings.ORBIT_CONNECT_TIMEOUT_S,
        alias.first_byte_s or settings.ORBIT_FIRST_BYTE_TIMEOUT_S,
        alias.gap_s or settings.ORBIT_IDLE_TIMEOUT_S,
        alias.total_s,
    )


def make_principal(key: KeyRecord, organization: OrganizationSnapshot, at_us: int | None = None) -> Principal:
    project = organization.projects[key.project_id]
    return Principal(
        key, organization, project, effective_policy(key, organization, project, at_us), pk=key.id
    )


def attached(
    key: KeyRecord, organization: OrganizationSnapshot, project: ProjectSnapshot
) -> list[tuple[PolicySnapshot, list[Limit]]]:
    """The policies on the chain organization, project, key, each with the limits that it puts on the key; above them
    the operator's ceiling, where there is any of its own."""
    key_name = f"{project.slug}/{key.name}"
    chain = [
        (organization.policy_id, "organization", organization.id, organization.slug),
        (project.policy_id, "project", project.id, project.slug),
        (key.policy_id, "key", key.id, key_name),
    ]
    policies = [
        (organization.policies[policy_id], level, object_id, name)
        for policy_id, level, object_id, name in chain
        if policy_id is not None
    ]
    if policies and organization.ceiling is not None:  # counts where the organization's own policy does
        policies.insert(0, (organization.ceiling, "organization", organization.id, organization.slug))
    found = []
    for policy, level, object_id, name in policies:
        where = {"level": level, "object_id": object_id, "object_name": name}
        found.append((policy, limits_of(policy.document, **where, key_id=key.id, key_name=key_name)))
    return found


def effective_policy(
    key: KeyRecord,
    organization: OrganizationSnapshot,
    project: ProjectSnapshot,
    at_us: int | None = None,
) -> EffectivePolicy | None:
    """What the chain says together, from a moment on (default: now); None when no policy is on it, and then
    nothing is allowed."""
    policies = attached(key, organization, project)
    if not policies:
        return None
    documents = [policy.document for policy, _ in policies]
    limits = [limit for _, some in policies for limit in some]
    allowed = [*(document["allow"] for document in documents), key.allow]
    return EffectivePolicy(
        version=",".join(f"{policy.name}@{policy.revision}" for policy, _ in policies),
        models=tuple(tuple(allow["models"]) for allow in allowed if "models" in allow),
        endpoints=tuple(tuple(allow["endpoints"]) for allow in allowed if "endpoints" in allow),
        networks=tuple(
            tuple(ip_network(one) for one in allow["ip_ranges"])
            for allow in allowed
            if allow.get("ip_ranges")
        ),
        max_input_tokens=_smallest(document["caps"].get("max_input_tokens") for document in documents),
        max_output_tokens=_smallest(document["caps"].get("max_output_tokens") for document in documents),
        max_body_bytes=_smallest(document["caps"].get("max_body_bytes") for document in documents),
        limits=tuple(strictest(limits, at_us or time.time_ns() // 1000)),
        ceiling=_ceiling(documents),
        output_reserve=_nearest(documents, "output_reserve") or "bound",
        drain=_drain(_nearest(documents, "on_disconnect")),
        on_store_failure=_on_store_failure(documents),
        drop=dropping(documents),
        storing=storing(documents, settings.ORBIT_CONTENT_DAYS),
        audit_required=any(audit_of(document).get("required") for document in documents),
        personal=inspecting(documents, allow_key(organization.id)),
        retention=_retention(documents),
    )


def _retention(documents: list[Any]) -> int | None:
    """The longest that a policy of the chain says: nobody below shortens what somebody above wants kept."""
    said = [document.get("audit", {}).get("retention_days") for document in documents]
    if "unlimited" in said:
        return 0
    return max((days for days in said if days is not None), default=None)


def _smallest(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _nearest(documents: list[Any], field: str) -> Any:
    """What the policy nearest to the key says that says anything."""
    return next((document[field] for document in reversed(documents) if document.get(field)), None)


def _drain(said: Any) -> Drain | None:
    if not isinstance(said, dict):
        return None
    return Drain(float(said["drain"]["max_s"]), money.nano(said["drain"]["max_cost"]))


def _on_store_failure(documents: list[Any]) -> str:
    """Every policy of the chain must open it: the limits of one that does not are to hold."""
    opened = all(document.get("on_store_failure") == "local_share" for document in documents)
    return "local_share" if opened else "closed"


def _ceiling(documents: list[Any]) -> prices.Rates | None:
    """The price for models without one: every policy of the chain must name one, and the nearest to the key counts."""
    named = [document.get("unpriced_models", "refuse") for document in documents]
    if "refuse" in named:
        return None
    return prices.ceiling(named[-1])
