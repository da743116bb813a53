"""The declarative file: organizations with all that belongs to them. See docs/apply.md."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.conf import settings
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from orbit.lib.errors import InputError
from tenants import kinds, rotation
from tenants.rights import BUILT_IN, Right
from tenants.schema import values
from tenants.schema.alerts import Alert
from tenants.schema.inspectors import Inspector
from tenants.schema.policy import Allow, Name, NamedPolicy, Strict, one_of
from tenants.schema.prices import ContractPrice
from tenants.schema.routes import ModelRoute
from tenants.secrets import check_reference, check_value

Slug = Annotated[str, AfterValidator(values.slug)]
Title = Annotated[str, AfterValidator(values.title)]


class Calendar(Strict):
    week_starts: Annotated[str, one_of("monday", "sunday", "saturday")] = "monday"
    month_starts_on: Annotated[int, Field(ge=1, le=28)] = 1
    year_starts_in: Annotated[int, Field(ge=1, le=12)] = 1


class Credential(Strict):
    """Exactly one of the two. A value is sealed before anything else happens to it."""

    ref: Annotated[str, AfterValidator(check_reference)] | None = None
    value: Annotated[str, AfterValidator(check_value)] | None = Field(default=None, repr=False)


class Account(Strict):
    name: Name
    kind: Annotated[str, one_of(*kinds.BY_NAME, later=kinds.LATER)]
    base_url: str | None = None
    prices_as: Name | None = None
    credential: Credential | None = None
    usage_credential: Credential | None = None

    @field_validator("base_url", mode="after")
    @classmethod
    def _base_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = kinds.BY_NAME.get(info.data.get("kind", ""))
        if kind is None:  # told already
            return value
        if value is None and kind.base_url is None:
            raise InputError(
                "", "is missing", "where the provider answers, such as https://llm.example.com/v1"
            )
        return kind.complete(values.base_url(value or kind.base_url or "", settings.ORBIT_PRIVATE_TARGETS))

    @field_validator("prices_as", mode="after")
    @classmethod
    def _prices_as(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = kinds.BY_NAME.get(info.data.get("kind", ""))
        if value is None and kind is not None and kind.prices_as is None:
            raise InputError("", "is missing", "whose prices apply, such as openai")
        return value or (kind.prices_as if kind else None)

    @field_validator("credential", "usage_credential", mode="after")
    @classmethod
    def _credential(cls, value: Credential | None) -> Credential | None:
        if value is not None and (value.ref is None) == (value.value is None):
            raise InputError("", "must hold either ref or value", 'such as {ref: "env://OPENAI_API_KEY"}')
        return value


class Role(Strict):
    name: Name
    rights: list[Annotated[str, one_of(*(right.value for right in Right))]] = []

    @field_validator("name", mode="after")
    @classmethod
    def _name(cls, value: str) -> str:
        if value in BUILT_IN:
            raise InputError("", f"{value!r} is built in", "choose another")
        return value


class Key(Strict):
    name: Name
    policy: Name | None = None
    allow: Allow = Allow()
    expires_at: Annotated[datetime | None, BeforeValidator(lambda value: value and values.moment(value))] = (
        None
    )
    rotate_after_days: Annotated[int, Field(ge=1, le=rotation.MOST_DAYS)] | None = None
    owner: Annotated[str, AfterValidator(values.owner)] | None = None


class Project(Strict):
    slug: Slug
    name: Title | None = None
    cost_centre: Annotated[str, AfterValidator(values.cost_centre)] | None = None
    policy: Name | None = None
    service_accounts: list[Name] = []
    keys: list[Key] = []


class Organization(Strict):
    slug: Slug
    name: Title | None = None
    time_zone: Annotated[str, AfterValidator(values.time_zone)] = "UTC"
    currency: Annotated[str, AfterValidator(values.currency)] = "USD"
    calendar: Calendar = Calendar()
    requires_mfa: bool | None = None
    provider_accounts: list[Account] = []
    models: list[ModelRoute] = []
    prices: list[ContractPrice] = []
    alerts: list[Alert] = []
    inspectors: list[Inspector] = []
    policies: list[NamedPolicy] = []
    policy: Name | None = None
    roles: list[Role] = []
    projects: list[Project] = []


class Document(Strict):
    version: Literal[1]
    organizations: list[Organization]
