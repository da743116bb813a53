"""Inspectors in the declarative file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from dlp.external.registry import KINDS
from orbit.lib.errors import InputError
from tenants.schema import values
from tenants.schema.policy import Name, Strict, one_of
from tenants.secrets import check_reference


class Credential(Strict):
    """Exactly one of the two. Without either, the stored one stays."""

    ref: Annotated[str, AfterValidator(check_reference)] | None = None
    value: str | None = Field(default=None, repr=False)


class Inspector(Strict):
    name: Name
    kind: Annotated[str, one_of(*KINDS)]
    base_url: str | None = None
    options: dict[str, Any] = {}
    price: Annotated[str, BeforeValidator(lambda value: values.cost(value, least=0))] = "0"
    price_per: Annotated[str, one_of("thousand_requests", "gigabyte")] = "thousand_requests"
    credential: Credential | None = None

    @field_validator("credential", mode="after")
    @classmethod
    def _credential(cls, value: Credential | None) -> Credential | None:
        if value is not None and (value.ref is None) == (value.value is None):
            raise InputError("", "must hold either ref or value", 'such as {ref: "env://INSPECTOR_KEY"}')
        return value
