"""A request of a client, and the same as it goes to one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from proxy.context import ModelRoute, Principal, Target
from proxy.formats.base import Terms
from proxy.forms import Form
from proxy.personal.inspection import Inspection
from proxy.surfaces.base import Surface
from proxy.traces.trace import Trace
from proxy.translation.base import Translated
from quotas.needs import Asked, File, Need


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client, checked and decoded: what is the same whichever target serves it."""

    id: UUID
    name: str  # the id as it is written
    principal: Principal
    surface: Surface
    endpoint: str
    body: dict[str, Any]
    raw: bytes
    route: ModelRoute
    stream: bool
    output: int | None  # the most tokens of one choice that the client wants
    choices: int
    end_user: str | None
    tags: Mapping[str, str]
    form: Form | None  # that it came as
    carried: Mapping[str, str]  # headers that a provider of the same format may see
    client_ip: str | None
    user_agent: str | None
    started: float  # monotonic seconds
    inspection: Inspection | None = None  # where the policy has personal data looked for
    trace: Trace | None = None  # where one is kept or handed on

    @property
    def files(self) -> tuple[File, ...]:
        return () if self.form is None else self.form.files


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it goes to one target. `model` is the alias that the target belongs to."""

    request: Request
    model: str
    target: Target
    spoken: str  # the endpoint whose format the target gets
    body: Mapping[str, Any]  # in that format
    translated: Translated | None
    terms: Terms
    need: Need  # the most that it can use
    spares: tuple[Target, ...] = ()  # others of the same alias, of which the dearest is reserved

    @property
    def request_id(self) -> UUID:
        return self.request.id

    @property
    def principal(self) -> Principal:
        return self.request.principal

    @property
    def endpoint(self) -> str:
        return self.request.endpoint

    @property
    def stream(self) -> bool:
        return self.request.stream

    @property
    def choices(self) -> int:
        return self.request.choices

    @property
    def asked(self) -> Asked:
        """As its class of price knows it."""
        return Asked(self.target.model, self.body, self.request.files, choices=self.choices)

    @property
    def end_user(self) -> str | None:
        return self.request.end_user

    @property
    def input_bound(self) -> int:
        return self.need.input_tokens

    @property
    def output_most(self) -> int:
        """Of all its choices together."""
        return self.need.output_tokens
