"""Whose rows the running code may see.

The first wall is `ScopedManager`, which refuses a query made outside a scope; the second is Postgres
row-level security, which the same scopes feed with the two settings `orbit.organization` and
`orbit.person`. Both hold for one transaction and one context, so nothing is left on a pooled connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from django.db import OperationalError, connections, models, transaction
from psycopg.errors import QueryCanceled
from psycopg.pq import TransactionStatus

ModelT = TypeVar("ModelT", bound=models.Model)


class AccessDenied(RuntimeError):
    """A query on tenants' rows without a scope, or with one that does not reach so far. A programming error."""


@dataclass(frozen=True, slots=True)
class Access:
    alias: str  # which role's connection answers
    organization_id: UUID | None = None
    person_id: int | None = None


_access: ContextVar[Access | None] = ContextVar("orbit_access", default=None)


def current() -> Access | None:
    return _access.get()


def organization_id() -> UUID:
    """The organization in scope; AccessDenied when there is none."""
    access = _access.get()
    if access is None or access.organization_id is None:
        raise AccessDenied("no organization is in scope")
    return access.organization_id


@contextmanager
def _entered(access: Access) -> Iterator[None]:
    token = _access.set(access)
    try:
        yield
    finally:
        _access.reset(token)


@contextmanager
def scope(*, organization_id: UUID | None = None, person_id: int | None = None) -> Iterator[None]:
    """Rows of one organization and of one person, as `orbit_app`, in one transaction.

    A scope inside a scope puts the outer one's settings back when it ends; where it fails, its savepoint does.
    """
    outer = _access.get()
    with transaction.atomic(using="default"):
        _tell_postgres(organization_id, person_id)
        with _entered(Access("default", organization_id, person_id)):
            yield
        if outer is not None and outer.alias == "default" and not connections["default"].needs_rollback:
            _tell_postgres(outer.organization_id, outer.person_id)


def _tell_postgres(organization_id: UUID | None, person_id: int | None) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('orbit.organization', %s, true), set_config('orbit.person', %s, true)",
            [str(organization_id or ""), str(person_id or "")],
        )


@contextmanager
def ledger() -> Iterator[None]:
    """The ledger's writer: inserts and reads events of all organizations, as `orbit_ledger`."""
    with _entered(Access("ledger")), transaction.atomic(using="ledger"):
        yield


@contextmanager
def operator() -> Iterator[None]:
    """The installation's operator: reads all organizations, as `orbit_operator`."""
    with _entered(Access("operator")):
        yield


@contextmanager
def statements_within(ms: int) -> Iterator[None]:
    """Each statement of this thread gets so long, then the database ends it; with 0, as long as it takes."""
    told: dict[str, Any] = {}
    firmly: dict[str, Any] = {}  # where no transaction can take it back

    def tell(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        alias, raw = context["connection"].alias, context["connection"].connection
        if firmly.get(alias) is not raw:
            if raw.info.transaction_status == TransactionStatus.IDLE:
                _set_timeout(raw, ms)
                told[alias] = firmly[alias] = raw
            elif told.get(alias) is not raw and raw.info.transaction_status == TransactionStatus.INTRANS:
                raw.execute(f"SET statement_timeout = {ms:d}")
                told[alias] = raw
        return execute(sql, params, many, context)

    with ExitStack() as wrapped:
        for alias in ("default", "operator") if ms else ():
            if alias in connections.settings:
                wrapped.callback(_untell, alias, told)
                wrapped.enter_context(connections[alias].execute_wrapper(tell))
        yield


def _set_timeout(raw: Any, ms: int) -> None:
    """Before a transaction that is about to begin: one that is rolled back would undo it."""
    before = raw.autocommit
    raw.autocommit = True
    try:
        raw.execute(f"SET statement_timeout = {ms:d}")
    finally:
        raw.autocommit = before


def _untell(alias: str, told: dict[str, Any]) -> None:
    """What goes back to the pool is as it was."""
    connection = connections[alias]
    if alias not in told or connection.connection is not told[alias]:
        return
    try:
        connection.connection.execute("RESET statement_timeout")
    except psycopg.Error:
        connection.close()


def took_too_long(error: BaseException | None) -> bool:
    """Whether it is the database's word that a statement was ended for want of time."""
    return isinstance(error, OperationalError) and isinstance(error.__cause__, QueryCanceled)


class AccessRouter:
    """Sends each query to the connection of the role in scope."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        access = _access.get()
        return access.alias if access else "default"

    db_for_write = db_for_read

    def allow_relation(self, obj1: models.Model, obj2: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default"


class ScopedManager(models.Manager[ModelT], Generic[ModelT]):
    """Rows of the organization in scope; of the person's own rows where `person_field` names them."""

    use_in_migrations = False

    def __init__(self, organization_field: str = "organization_id", person_field: str = "") -> None:
        super().__init__()
        self.organization_field = organization_field
        self.person_field = person_field

    def get_queryset(self) -> models.QuerySet[ModelT]:
        rows = super().get_queryset()
        access = _access.get()
        if access is None:
            raise AccessDenied(f"{self.model.__name__} was queried outside a scope")
        if access.alias != "default":
            return rows
        if access.organization_id is not None:
            return rows.filter(**{self.organization_field: access.organization_id})
        if access.person_id is not None and self.person_field:
            return rows.filter(**{self.person_field: access.person_id})
        raise AccessDenied(f"{self.model.__name__} was queried outside its organization")
