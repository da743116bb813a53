"""`vault://mount/path#field`: HashiCorp Vault or OpenBao, secrets engine KV version 2, by its HTTP API.

Why no client library: docs/decisions/0014-secret-stores.md.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from orbit.lib.errors import InputError
from tenants.secrets.http import Http
from tenants.secrets.secret import CannotRead, Down, Gone
from tenants.secrets.store import Store, split_field, text_in

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
_AGAIN_S = 2.0  # a login younger than that is not the reason for a refusal; a failed one is not tried before
_FOREVER = float("inf")


@dataclass(slots=True)
class _Login:
    """A token, and the monotonic times from which it is renewed and after which it is void."""

    token: str = field(repr=False)
    renewable: bool
    since: float
    renew_at: float
    ends_at: float


class Vault(Store):
    scheme = "vault"
    form = "vault://mount/path#field"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._login: _Login | None = None
        self._failed_at = -_FOREVER
        self._http = Http("Vault", settings.ORBIT_SECRET_TIMEOUT_S, settings.ORBIT_VAULT_CA_FILE)

    def check(self, name: str) -> None:
        if not settings.ORBIT_VAULT_ADDR:
            raise InputError(
                "", "no Vault is set up", "the operator sets ORBIT_VAULT_ADDR where the gateway runs"
            )
        path, field_name = split_field(name)
        if not _PATH.fullmatch(path) or not field_name:
            raise InputError("", "names no field of a secret in Vault", f"write {self.form}")

    def stems(self, prefix: str) -> tuple[str, ...]:
        return (f"{settings.ORBIT_VAULT_MOUNT}/{prefix}/",)

    def read(self, name: str) -> str:
        self.check(name)
        path, field_name = split_field(name)
        mount, _, inside = path.partition("/")
        login = self._logged_in()
        status, found = self._ask("GET", f"{mount}/data/{inside}", login.token)
        if status == 403 and self._expired(login):
            status, found = self._ask("GET", f"{mount}/data/{inside}", self._logged_in().token)
        if status == 200:
            data = found.get("data")
            return text_in(data.get("data") if isinstance(data, dict) else None, field_name)
        if status == 404 and not found.get("errors"):
            raise Gone("Vault has no such secret, or its version is deleted")
        raise _refusal(status)

    def keep(self) -> None:
        """Renews the token in time, also while nobody reads. Does nothing before the first read."""
        login = self._login
        if login is not None and time.monotonic() >= login.renew_at:
            self._logged_in()

    def close(self) -> None:
        """A token that we were given is not ours to revoke; one that we got by logging in is of no use any more."""
        if self._login is not None and settings.ORBIT_VAULT_AUTH != "token":
            with suppress(CannotRead):  # then it lapses by itself
                self._ask("POST", "auth/token/revoke-self", self._login.token)
        self._login = None
        self._http.close()

    def _logged_in(self) -> _Login:
        with self._lock:
            now = time.monotonic()
            login = self._login
            if login is not None and now < login.renew_at:
                return login
            if now < self._failed_at + _AGAIN_S:
                if login is not None and now < login.ends_at:
                    return login
                raise Down("the gateway could not log in to Vault a moment ago")
            try:
                self._login = self._renewed(login) if login is not None else self._new()
            except CannotRead:
                self._failed_at = now
                if login is None or now >= login.ends_at:
                    self._login = None
                    raise
            assert self._login is not None
            return self._login

    def _renewed(self, login: _Login) -> _Login:
        """The same token for longer; another one where it cannot be renewed, or only for what is left of its life."""
        if login.renewable:
            status, found = self._ask("POST", "auth/token/renew-self", login.token)
            if status == 200:
                renewed = _login_of(found, renewal=True)
                if renewed.ends_at > login.ends_at + 1 or not _logs_in():
                    return renewed
            elif status == 503:
                raise _refusal(status)
        return self._new()  # of a token at the end of its life Vault says 500

    def _new(self) -> _Login:
        if not _logs_in():
            return self._given()
        mount = settings.ORBIT_VAULT_AUTH_MOUNT or settings.ORBIT_VAULT_AUTH
        status, found = self._ask("POST", f"auth/{mount}/login", "", _proof())
        if status != 200:
            raise _refusal(status, "our login")
        return _login_of(found)

    def _given(self) -> _Login:
        """The operator's own token, with what Vault knows of its life."""
        token = settings.ORBIT_VAULT_TOKEN
        status, found = self._ask("GET", "auth/token/lookup-self", token)
        if status != 200:
            raise _refusal(status, "our token")
        data = found.get("data") or {}
        seconds = None if data.get("expire_time") is None else int(data.get("ttl") or 0)
        return _login(token, seconds, renewable=bool(data.get("renewable")))

    def _expired(self, refused: _Login) -> bool:
        """Whether a refusal may be the token's fault, which is then void. Another thread may have seen to it."""
        with self._lock:
            if self._login is refused and time.monotonic() > refused.since + _AGAIN_S:
                self._login = None
            return self._login is not refused

    def _ask(self, method: str, path: str, token: str, body: object = None) -> tuple[int, dict[str, Any]]:
        headers = {"x-vault-request": "true"}
        if token:
            headers["x-vault-token"] = token
        if settings.ORBIT_VAULT_NAMESPACE:
            headers["x-vault-namespace"] = settings.ORBIT_VAULT_NAMESPACE
        url = f"{settings.ORBIT_VAULT_ADDR.rstrip('/')}/v1/{path}"
        return self._http.ask(method, url, headers, body)


def _logs_in() -> bool:
    return str(settings.ORBIT_VAULT_AUTH) != "token"


def _proof() -> dict[str, str]:
    """What shows who we are. Read each time: both may be rotated under us."""
    if settings.ORBIT_VAULT_AUTH == "approle":
        return {"role_id": settings.ORBIT_VAULT_ROLE, "secret_id": settings.ORBIT_VAULT_SECRET_ID}
    try:
        return {
            "role": settings.ORBIT_VAULT_ROLE,
            "jwt": Path(settings.ORBIT_VAULT_JWT_FILE).read_text().strip(),
        }
    except OSError:
        raise CannotRead("the service account's token (ORBIT_VAULT_JWT_FILE) cannot be read") from None


def _login_of(found: dict[str, Any], *, renewal: bool = False) -> _Login:
    """A new token of 0 seconds lasts for ever; one that is renewed for 0 seconds has reached its end."""
    auth = found.get("auth") or {}
    token = auth.get("client_token")
    if not isinstance(token, str) or not token:
        raise CannotRead("Vault gave no token")
    seconds = int(auth.get("lease_duration") or 0)
    return _login(token, seconds if seconds or renewal else None, renewable=bool(auth.get("renewable")))


def _login(token: str, seconds: int | None, *, renewable: bool) -> _Login:
    """After two thirds of its life a token is renewed; without `seconds` it lasts for ever."""
    now = time.monotonic()
    if seconds is None:
        return _Login(token, renewable, now, _FOREVER, _FOREVER)
    return _Login(token, renewable, now, now + seconds * 2 / 3, now + seconds)


def _refusal(status: int, what: str = "to read it") -> CannotRead:
    if status == 503:
        return Down("Vault is sealed or not yet ready")
    if status >= 500 or status == 429 or status < 400:
        return Down(f"Vault answers with status {status}")
    if what == "to read it":
        return CannotRead(f"Vault refuses to read it (status {status}): its policy must allow the path")
    return CannotRead(f"Vault refuses {what} (status {status})")
