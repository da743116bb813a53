"""What is handed from phase to phase of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from dlp.external.client import Where
from dlp.policy import Inspecting
from orbit.lib import money
from orbit.lib.exchange import Timeouts
from quotas.catalogue import UNKNOWN, Facts
from quotas.chain import Chain
from quotas.limits import Calendar, Limit
from quotas.rates import NOTHING, Rates
from tenants.secrets import NONE, Credential, Secret
from tenants.storing import Storing
from tenants.untranslatable import REFUSING, Dropping

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account. `secret` is None when it has none, or when it cannot be had right now: then it is not `ready`.

    Both may change while a call is under way, as the credential's store says.
    """

    id: str
    name: str
    kind: str
    base_url: str
    credential: Credential = NONE

    @property
    def secret(self) -> Secret | None:
        return self.credential.secret

    @property
    def ready(self) -> bool:
        return self.credential.ready


@dataclass(frozen=True, slots=True)
class OutsideInspector:
    """An inspector outside of the gateway, where a policy names it. Its credential may change under way, as an account's."""

    where: Where
    credential: Credential = NONE


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls of an alias may go. `rates` is None for a model without a price, `padding` where none was measured."""

    account: Account
    model: str
    rates: Rates | None
    padding: float | None = None
    weight: int = 1
    facts: Facts = UNKNOWN


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """A model as applications name it: its targets, and what happens when one of them fails."""

    alias: str
    targets: tuple[Target, ...]
    fallbacks: tuple[str, ...] = ()  # aliases, each tried once with the call's own limits of it
    retries: int = 1  # at the same account
    affinity: str = "none"  # or key, end_user, conversation: what is kept on one target
    timeouts: Timeouts | None = None  # where the route says something else than the installation
    by_endpoint: dict[str, tuple[Target, ...]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ProjectSnapshot:
    id: str
    slug: str
    policy_id: UUID | None
    suspended: bool


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    name: str
    revision: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrganizationSnapshot:
    """An organization as of one version: all that its calls need without a query."""

    id: str
    slug: str
    shard: int
    version: int
    suspended: bool
    currency: str
    calendar: Calendar
    policy_id: UUID | None
    policies: Mapping[UUID, PolicySnapshot]
    projects: Mapping[str, ProjectSnapshot]
    models: Mapping[str, ModelRoute]
    ceiling: PolicySnapshot | None = None  # the operator's
    inspectors: Mapping[str, OutsideInspector] = field(default_factory=dict)  # by name


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An issued key as of one generation."""

    id: str
    organization_id: str
    project_id: str
    name: str
    policy_id: UUID | None
    generation: int
    expires_at: datetime | None  # of the secret by which it was asked for
    revoked: bool
    allow: Mapping[str, Any] = field(default_factory=dict)
    suspended: bool = False
    hint: str = ""  # of the secret by which it was asked for
    former_secret: str | None = None  # its id, where a rotation has replaced it


@dataclass(frozen=True, slots=True)
class Drain:
    """How far a stream is read on after its client left."""

    max_s: float
    max_cost_nano: int


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What a key may do: allow-lists (its own too) that must all agree, the smallest caps, every limit of the chain."""

    version: str
    models: tuple[tuple[str, ...], ...]
    endpoints: tuple[tuple[str, ...], ...]
    networks: tuple[tuple[IPv4Network | IPv6Network, ...], ...]
    max_input_tokens: int | None
    max_output_tokens: int | None
    max_body_bytes: int | None
    limits: tuple[Limit, ...]
    ceiling: Rates | None  # the price taken for models without one; None refuses them
    output_reserve: str = "bound"  # or learned
    drain: Drain | None = None  # None stops the provider when the client leaves
    on_store_failure: str = "closed"  # or local_share
    drop: Dropping = REFUSING  # what a translation may leave out
    storing: Storing | None = None  # None: neither prompts nor answers are
    audit_required: bool = False  # a call that cannot be recorded as asked is refused
    personal: Inspecting | None = None  # None: nobody looks for personal data
    retention: int | None = None  # days of its events' class, 0 without limit; None as the installation says


@dataclass(slots=True)
class Principal:
    """A key with its organization as this worker knows them, and its chains by model, made as they are met."""

    key: KeyRecord
    organization: OrganizationSnapshot
    project: ProjectSnapshot
    policy: EffectivePolicy | None
    chains: dict[str, Chain] = field(default_factory=dict)
    refusals: dict[str, bytes] = field(default_factory=dict)  # how each model's refusals are described
    routes: dict[str, ModelRoute] = field(
        default_factory=dict
    )  # of the models that the policy allows, as met
    endpoints: set[str] = field(default_factory=set)  # that the policy allows, as met
    pk: str = ""
    digest: bytes = field(default=b"", repr=False)  # of the secret that it was asked for by
    is_authenticated: bool = True  # what DRF's permission classes ask of a user

    def chain(self, model: str, now_us: int) -> Chain:
        """The limits that apply to a model, with windows that hold now."""
        chain = self.chains.get(model)
        if chain is None or chain.valid_until <= now_us:
            assert self.policy is not None
            limits = [limit for limit in self.policy.limits if limit.applies_to(model)]
            organization = self.organization
            chain = Chain.at(
                organization.shard, organization.id, self.key.id, limits, organization.calendar, now_us
            )
            self.chains[model] = chain
        return chain


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used. `cached` and `cache_write` are parts of the input, `reasoning` of the output.

    `parts` are the kinds of `quotas.rates.PARTS` that the provider told apart, none inside another; `units` what
    it charges for beside tokens; `service_tier` how it says the call was served.
    """

    input_tokens: int
    output_tokens: int
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    raw: Mapping[str, Any] | None = None
    anomaly: str | None = None
    parts: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    units: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    service_tier: str | None = None

    def cost_nano(self, rates: Rates) -> int:
        """What it costs at the rates of one moment; at most what counters hold, whatever the provider says."""
        cost = rates.cost_nano(
            self.input_tokens,
            self.output_tokens,
            cached=self.cached or 0,
            cache_write=self.cache_write or 0,
            parts=self.parts,
            units=self.units,
            service_tier=self.service_tier,
        )
        return min(cost, money.LIMIT - 1)


@dataclass(frozen=True, slots=True)
class Reply:
    """A plain answer to the client."""

    status: int
    headers: Headers
    body: bytes
