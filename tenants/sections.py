"""Lists of the declarative file whose rows an app above this one keeps, such as contract prices.

Imports do not point that way, so each app registers its section at start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.services.saved import Actor, Saved


@dataclass(frozen=True)
class Section:
    """`path` tells an entry of the file from the others; `paths` are those of the organization in scope.

    `warn` is asked once an entry is saved: what of it does not hold, each beginning with the field that it is about.
    """

    field: str
    kind: str
    path: Callable[[Any], str]
    save: Callable[[UUID, Any, Actor], Saved[Any]]  # organization, entry, actor
    paths: Callable[[], Iterable[str]]
    remove: Callable[[UUID, str, Actor], None]  # organization, path, actor
    export: Callable[[], list[dict[str, Any]]]
    warn: Callable[[Any], Iterable[str]] = lambda _: ()


class Registry:
    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}

    def register(self, section: Section) -> None:
        self.sections[section.field] = section


registry = Registry()
