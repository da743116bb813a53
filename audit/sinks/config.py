"""What an operator writes of every sink, whatever its kind."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from audit.events import COLUMNS
from audit.models import Event
from orbit.lib import clock

REFERENCE = re.compile(r"[a-z][a-z-]*://\S+")
# Of these an event is made of: what it is, whose, and where it stands. They are sent as they are.
KEPT = frozenset(
    {"v", "event_id", "kind", "organization", "organization_id", "seq", "admitted_at", "recorded_at"}
)
# What stands beside the columns (docs/events.md) and may tell of people or of what they do.
LONG_TAIL = frozenset(
    {
        "tags", "client_ip", "user_agent", "attempts", "usage", "key_hint", "former_secret", "requested_model",
        "actor", "action", "target", "before", "after", "reason",
    }
)  # fmt: skip
REDACTABLE = frozenset(COLUMNS) - KEPT - {"detail", "shard", "shard_seq"} | LONG_TAIL
STATUSES = ("settled", "provider_failed", "client_gone", "lease_expired")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")


def _reference(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise ValueError(
            "must be a reference to a secret; write env://NAME or vault://path#field, never the secret itself"
        )
    return text


Reference = Annotated[str, AfterValidator(_reference)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Batch(Strict):
    """A batch is sent when it has so many events or bytes, or when its first event has waited so long."""

    events: int = Field(default=500, ge=1, le=10_000)
    bytes: int = Field(default=1_000_000, ge=1_000, le=64_000_000)
    seconds: float = Field(default=1.0, ge=0.01, le=300)


class Retry(Strict):
    """How long a sink that failed is left alone: doubled each time up to the longest, a random half of it less."""

    first_s: float = Field(default=1.0, ge=0.01, le=60)
    longest_s: float = Field(default=60.0, ge=0.01, le=3600)
    refusals_in_a_row: int = Field(default=25, ge=0, le=100_000)


class SinkConfig(Strict):
    """The part that all kinds share."""

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
    kind: str
    renamed_from: str | None = None
    start: Literal["beginning", "now"] | datetime = Field(default="now", alias="from")
    paused: bool = False
    organizations: tuple[str, ...] | None = Field(default=None, min_length=1)
    kinds: tuple[Event.Kind, ...] | None = Field(default=None, min_length=1)
    statuses: tuple[Literal["settled", "provider_failed", "client_gone", "lease_expired"], ...] | None = (
        Field(default=None, min_length=1)
    )
    projects: tuple[str, ...] | None = Field(default=None, min_length=1)
    redact: dict[str, Literal["drop", "digest"]] = Field(default_factory=dict)
    digest_key: Reference | None = None
    batch: Batch = Batch()
    retry: Retry = Retry()
    timeout_s: float = Field(default=10.0, ge=0.1, le=300)

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, given: Any) -> Any:
        if given in ("beginning", "now"):
            return given
        try:
            return clock.parse(str(given))
        except ValueError:
            raise ValueError(
                "must be beginning, now or a date; write 2026-11-01 or 2026-11-01T10:00:00Z"
            ) from None

    @field_validator("projects")
    @classmethod
    def _projects(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for one in given or ():
            if not _PROJECT.fullmatch(one):
                raise ValueError(f"{one!r} names no project; write organization/project")
        return given

    @field_validator("redact")
    @classmethod
    def _redact(cls, given: dict[str, str]) -> dict[str, str]:
        for name in given:
            if name in KEPT:
                raise ValueError(f"{name} is what an event is told apart by and is always sent; leave it out")
            if name not in REDACTABLE:
                raise ValueError(f"{name!r} is no field of an event; docs/events.md lists them")
        return given

    @model_validator(mode="after")
    def _digests_have_a_key(self) -> Self:
        if "digest" in self.redact.values() and self.digest_key is None:
            raise ValueError(
                "digest_key is missing; fields are digested under a key, write digest_key: env://NAME"
            )
        return self

    def references(self) -> tuple[str, ...]:
        """Every secret that it names, so that they can be tried before they are needed."""
        return tuple(_references(self.model_dump()))

    def told(self) -> dict[str, Any]:
        """As it is written down when it changes. Secrets are references, so there are none in it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"renamed_from"}, exclude_none=True)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [one for item in value.values() for one in _references(item)]
    if isinstance(value, list | tuple):
        return [one for item in value for one in _references(item)]
    is_one = (
        isinstance(value, str)
        and REFERENCE.fullmatch(value)
        and not value.startswith(("http://", "https://"))
    )
    return [value] if is_one else []


class Tls(Strict):
    """Files of certificates: the authority that signed the sink's, and our own where the sink asks for one."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if self.key_file and not self.cert_file:
            raise ValueError("cert_file is missing; key_file is the key of that certificate")
        return self
