"""`env://NAME`: a credential in the environment of the gateway's processes."""

from __future__ import annotations

import os
import re

from orbit.lib.errors import InputError

SCHEME = "env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
# Our own secrets must not leave for a provider.
_OURS = ("ORBIT_", "DATABASE_", "REDIS_", "DJANGO_")


def check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError("", "names no environment variable", "write env://NAME")
    if name.upper().startswith(_OURS):
        raise InputError(
            "", f"{name} belongs to the gateway itself", "name a variable that holds a provider's key"
        )


def read(name: str) -> str | None:
    """The value, read each time, since these names belong to the operator and are no settings of ours."""
    check(name)
    return os.environ.get(name, "").strip() or None
