"""`azure-kv://vault/name`: Azure Key Vault. The SDK finds an identity; the read itself is one plain request.

The identity is the machine's or pod's own where there is one (no key anywhere), else the SDK's own variables.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from orbit.lib.errors import InputError
from tenants.secrets.http import Http
from tenants.secrets.secret import CannotRead, Down, Gone, Secret
from tenants.secrets.store import Store, needs_package

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,125}[A-Za-z0-9])?")
_VERSION = "7.4"
_PUBLIC = "vault.azure.net"
# What a developer's machine has is no identity of an installation, and some of it starts programs.
_NOT_OURS = (
    "shared_token_cache",
    "visual_studio_code",
    "cli",
    "developer_cli",
    "powershell",
    "interactive_browser",
    "broker",
)


class KeyVault(Store):
    scheme = "azure-kv"
    form = "azure-kv://vault/name"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identity: Any = None
        self._http = Http("Azure Key Vault", settings.ORBIT_SECRET_TIMEOUT_S, settings.ORBIT_AZURE_CA_FILE)

    def check(self, name: str) -> None:
        vaults = addresses()
        if not vaults:
            raise InputError(
                "",
                "no Azure Key Vault is set up",
                "the operator sets ORBIT_AZURE_VAULTS where the gateway runs",
            )
        needs_package("azure.identity", "azure.txt")
        vault, _, secret = name.partition("/")
        if vault not in vaults:
            raise InputError(
                "",
                "names none of the gateway's vaults",
                f"one of: {', '.join(sorted(vaults))} (azure-kv://vault/name)",
            )
        if not _NAME.fullmatch(secret):
            raise InputError("", "names no secret of Azure Key Vault", f"write {self.form}")

    def stems(self, prefix: str) -> tuple[str, ...]:
        """Names there hold no slashes. A hyphen of the prefix is doubled, so that no two organizations share a stem."""
        stem = prefix.replace("-", "--").replace("/", "-")
        return tuple(f"{vault}/{stem}-" for vault in addresses())

    def read(self, name: str) -> str:
        self.check(name)
        vault, _, secret = name.partition("/")
        address = addresses()[vault]
        scope = _scope(address)
        url = f"{address}/secrets/{secret}?api-version={_VERSION}"
        status, found = self._ask(url, scope)
        if status == 401:  # the token was taken back before its time
            self._forget_identity()
            status, found = self._ask(url, scope)
        if status == 200 and isinstance(found.get("value"), str):
            return str(found["value"])
        raise _refusal(status, found)

    def close(self) -> None:
        self._http.close()
        self._forget_identity()

    def _ask(self, url: str, scope: str) -> tuple[int, dict[str, Any]]:
        token = self._token(scope)
        return self._http.ask("GET", url, {"authorization": f"Bearer {token.reveal()}"})

    def _token(self, scope: str) -> Secret:
        """The SDK keeps it for as long as it is good."""
        errors = import_module("azure.core.exceptions")
        with self._lock:
            try:
                if self._identity is None:
                    self._identity = _identity()
                return Secret(self._identity.get_token(scope).token)
            except (errors.AzureError, ValueError) as error:
                raise Down(f"Azure gave the gateway no token ({type(error).__name__})") from None

    def _forget_identity(self) -> None:
        with self._lock:
            identity, self._identity = self._identity, None
        if identity is not None:
            identity.close()


def addresses() -> dict[str, str]:
    """The vaults that ORBIT_AZURE_VAULTS lists: by name, with where they answer."""
    found = {}
    for one in settings.ORBIT_AZURE_VAULTS:
        name, given, address = one.partition("=")
        found[name] = address.rstrip("/") if given else f"https://{name}.{_PUBLIC}"
    return found


def _scope(address: str) -> str:
    """What a token is asked for: the cloud that the vault is of."""
    cloud = (urlsplit(address).hostname or "").partition(".")[2]
    return f"https://{cloud if cloud.startswith('vault.') else _PUBLIC}/.default"


def _identity() -> Any:
    excluded = {f"exclude_{name}_credential": True for name in _NOT_OURS}
    return import_module("azure.identity").DefaultAzureCredential(
        **excluded,
        connection_timeout=settings.ORBIT_SECRET_TIMEOUT_S,
        read_timeout=settings.ORBIT_SECRET_TIMEOUT_S,
        retry_total=0,  # our own cache tries again
    )


def _refusal(status: int, found: dict[str, Any]) -> CannotRead:
    error = found.get("error")
    inner = error.get("innererror") if isinstance(error, dict) else None
    if status == 404 or (isinstance(inner, dict) and inner.get("code") == "SecretDisabled"):
        return Gone("Azure Key Vault has no such secret, or it is disabled")
    if status in (401, 403):
        return CannotRead(f"Azure Key Vault refuses to read it (status {status})")
    return Down(f"Azure Key Vault answers with status {status}")
