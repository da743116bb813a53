"""Alerts of budgets in the declarative file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from orbit.lib.errors import InputError
from tenants.schema import values
from tenants.schema.policy import Name, Strict, one_of


class Webhook(Strict):
    """Without `url` it stays as it is, and an empty one takes it away. Without `form` that stays, and is `orbit` of a new one.

    An address of Slack's is itself a secret.
    """

    url: str | None = Field(default=None, repr=False)
    form: Annotated[str, one_of("orbit", "slack")] | None = None


class Alert(Strict):
    """Whom to tell, by mail, by webhook or both, once a budget has come so far."""

    name: Annotated[str, AfterValidator(values.title), Field(max_length=63)]
    budget: Name | None = None
    percents: list[Annotated[int, Field(ge=1, le=1000)]] = []
    on_forecast: bool = False
    recipients: list[str] = []
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not self.percents and not self.on_forecast:
            raise InputError(".percents", "is missing", "such as percents: [80], or on_forecast: true")
        return self
