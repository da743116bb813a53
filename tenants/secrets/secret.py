"""A secret that does not show itself, and the errors when there is none."""

from __future__ import annotations

import hmac
from typing import NoReturn

from orbit.lib.errors import Code, OrbitError


class Secret:
    """Text that `repr`, `str` and format strings mask, and that refuses to be pickled or written as JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, _: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a Secret is not serialised")


class CredentialUnavailable(OrbitError):
    """An account's credential cannot be had. `reason` is for the log; the client learns only which account."""

    def __init__(self, account: str, reason: str) -> None:
        super().__init__(
            Code.CREDENTIALS_UNAVAILABLE, f"The credential of provider account {account!r} is not available."
        )
        self.account = account
        self.reason = reason


class CannotRead(Exception):
    """A store did not give what was asked of it. The words are ours, so no secret is in them."""


class Down(CannotRead):
    """Nothing can be had of the store right now."""


class Gone(CannotRead):
    """The store answered that there is no such secret: what it gave before no longer counts."""
