"""`env://NAME`: a credential in the environment of the gateway's processes, for the operator alone."""

from __future__ import annotations

import os
import re

from orbit.lib.errors import InputError
from tenants.secrets.secret import Gone
from tenants.secrets.store import Store

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
# Our own secrets must not leave for a provider.
_OURS = ("ORBIT_", "DATABASE_", "REDIS_", "DJANGO_")


class Environment(Store):
    scheme = "env"
    form = "env://NAME"

    def check(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise InputError("", "names no environment variable", "write env://NAME")
        if name.upper().startswith(_OURS):
            raise InputError(
                "", f"{name} belongs to the gateway itself", "name a variable that holds a provider's key"
            )

    def read(self, name: str) -> str:
        """Read each time, since these names belong to the operator and are no settings of ours."""
        self.check(name)
        value = os.environ.get(name, "").strip()
        if not value:
            raise Gone("it is not set where the gateway runs")
        return value
