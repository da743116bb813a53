"""What a command works with: its gateway, the organization that is meant, its output, and the person's consent."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from functools import cached_property
from typing import Any, Self

from orbit.cli import profiles
from orbit.cli.client import Client
from orbit.cli.failures import Failure
from orbit.cli.output import Output


class Session:
    def __init__(
        self,
        output: Output,
        *,
        profile: str | None = None,
        organization: str | None = None,
        yes: bool = False,
    ) -> None:
        self.output = output
        self.profile_named = profile
        self._organization = organization
        self._yes = yes
        self._closed_at_the_end = ExitStack()

    @cached_property
    def profile(self) -> profiles.Profile:
        return profiles.chosen(self.profile_named)

    @cached_property
    def client(self) -> Client:
        return self._closed_at_the_end.enter_context(closing(Client(self.profile.url, self.profile.key)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed_at_the_end.close()

    @cached_property
    def me(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.ask("GET", "me").content
        return found

    @cached_property
    def organization(self) -> str:
        """The one named, the profile's, or the only one of the credential."""
        found = self._organization or self.profile.organization or self.me["organization"]
        if not found:
            raise Failure(
                "this credential is of no single organization", "Name one with --organization SLUG."
            )
        return str(found)

    @property
    def names_organization(self) -> bool:
        return bool(self._organization or self.profile.organization)

    def consent(self, question: str) -> None:
        """Failure unless the person agrees, or did beforehand."""
        if self._yes:
            return
        if not sys.stdin.isatty():
            raise Failure(f"not done without a yes: {question}", "Add --yes.")
        self.output.note(f"{question} [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Failure("not done")
