"""What every secret store is to us."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import ClassVar

from orbit.lib.errors import InputError
from tenants.secrets.secret import Gone

FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Store(ABC):
    """`name` is what a reference says behind `scheme://`. One object serves all threads of a process."""

    scheme: ClassVar[str]
    form: ClassVar[str]  # how its references are written

    @abstractmethod
    def check(self, name: str) -> None:
        """InputError for a name that can be none of this store's, or while the store is not set up."""

    @abstractmethod
    def read(self, name: str) -> str:
        """The secret as it is now, else CannotRead. A name that was not checked is refused."""

    def stems(self, prefix: str) -> tuple[str, ...]:
        """How the names begin that belong to the organization of `prefix`; none in a store for the operator alone."""
        return ()

    def keep(self) -> None:  # noqa: B027 - most have nothing to renew
        """Renews our own way in before it ends. Called every few seconds."""

    def close(self) -> None:  # noqa: B027 - or to give back
        """Gives back what was opened."""


def split_field(name: str) -> tuple[str, str]:
    """`path#field`; the field is empty where none is named."""
    path, mark, field = name.partition("#")
    if mark and not FIELD.fullmatch(field):
        raise InputError("", "names no field behind its #", "write the field's name, such as #api_key")
    return path, field


def field_of(text: str, field: str) -> str:
    """One field of a secret that is a JSON object; all of it where no field is named."""
    if not field:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        raise Gone(f"what is there is no JSON object, so it has no field {field!r}") from None
    return text_in(found, field)


def text_in(found: object, field: str) -> str:
    value = found.get(field) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise Gone(f"what is there has no field {field!r} that is text")
    return value


def needs_package(module: str, file: str) -> None:
    """InputError where an extra is not installed."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise InputError(
            "",
            f"the package for it is not installed ({module})",
            f"run `pip install --require-hashes -r requirements/{file}` where the gateway runs",
        )
