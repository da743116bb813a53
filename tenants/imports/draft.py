"""The declarative file in the making, with what could not be carried over. Neither ever holds a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import yaml
from django.conf import settings

from orbit.lib import targets
from orbit.lib.errors import InputError
from orbit.lib.exchange import NotAllowed
from tenants import kinds, schema
from tenants.schema import Invalid, values
from tenants.secrets import check_reference


@dataclass(slots=True)
class Draft:
    organizations: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def warn(self, path: str, message: str) -> None:
        line = f"{path}: {message}"
        if line not in self.warnings:
            self.warnings.append(line)

    def text(self, source: str) -> str:
        """YAML for `manage.py apply`, headed by what it lacks."""
        content = {"version": 1, "organizations": self.organizations}
        self._check(content)
        head = [f"Made from {source} by `manage.py import`. Look it over, then `manage.py apply -f` it."]
        if self.warnings:
            head += ["", "To be looked at, or not carried over:", *(f"- {one}" for one in self.warnings)]
        comment = "\n".join(f"# {line}".rstrip() for line in head)
        return f"{comment}\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)}"

    def _check(self, content: dict[str, Any]) -> None:
        """What apply would say of it here and now is told too."""
        try:
            problems = schema.check(schema.parse(content), {})
        except Invalid as error:
            problems = error.problems
        for problem in problems:
            self.warn(f"the result, {problem.path}", f"{problem.message} {problem.suggestion}".strip())


class Given:
    """A mapping of the other file. Each field is taken once; those that nobody took are told by `leave`."""

    def __init__(self, content: Any, path: str, draft: Draft) -> None:
        self.path, self._draft = path, draft
        self._left: dict[str, Any] = {}
        if isinstance(content, Mapping):
            self._left = dict(content)
        elif content is not None:
            draft.warn(path, "is no mapping of names to values, so nothing of it is carried over")

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def mapping(self, name: str) -> Given:
        return Given(self.take(name), self.at(name), self._draft)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}".strip(".")

    def warn(self, name: str, message: str) -> None:
        self._draft.warn(self.at(name), message)

    def whole(self, name: str, least: int, most: int | None = None) -> int | None:
        """A whole number; one that is no number, or out of bounds, is told."""
        given = self.take(name)
        if given is None:
            return None
        try:
            number = ceil(float(given))
        except (TypeError, ValueError, OverflowError):
            self.warn(name, "is no number and is not carried over")
            return None
        kept = max(number, least) if most is None else min(max(number, least), most)
        if kept != number:
            self.warn(name, f"is not possible here: it becomes {kept}")
        return kept

    def leave(self, why: str = "without a counterpart here, not carried over") -> None:
        names = [name for name, value in self._left.items() if value not in (None, [], {})]
        if names:
            self._draft.warn(self.path or "the file", f"{', '.join(map(str, names))}: {why}")


@dataclass(slots=True)
class Accounts:
    """Provider accounts of one organization, one for each place and credential."""

    draft: Draft
    rows: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def account(
        self, kind: str, base_url: str | None, key: str | None, path: str, *, name: str = ""
    ) -> dict[str, Any] | None:
        """The account at that place, made when it is new; None, and told, when there can be none.

        `key` is a reference, or a secret, for which a reference to a variable is put in its place.
        """
        wanted = (kind, base_url or "", key or "")
        if wanted in self._known:
            return self._known[wanted]
        if base_url is not None and not self._reachable(base_url, path):
            return None
        made: dict[str, Any] = {"name": self._free(name or kind), "kind": kind}
        if base_url is not None:
            made["base_url"] = base_url
        if kinds.BY_NAME[kind].prices_as is None:
            made["prices_as"] = made["name"]  # nobody's prices, rather than the wrong ones
            self.draft.warn(
                path, f"nobody knows the prices of account {made['name']}: agree them under `prices`"
            )
        if key is not None or kinds.BY_NAME[kind].needs_credential:
            made["credential"] = {"ref": self._reference(key, made["name"], path)}
        self._known[wanted] = made
        self.rows.append(made)
        return made

    def _free(self, wanted: str) -> str:
        names = {row["name"] for row in self.rows}
        base, number, found = name_of(wanted) or "account", 1, name_of(wanted) or "account"
        while found in names:
            number += 1
            found = f"{base}-{number}"
        return found

    def _reference(self, key: str | None, account: str, path: str) -> str:
        if key is not None and "://" in key:
            try:
                return check_reference(key)
            except InputError as error:
                self.draft.warn(path, f"the reference to its key is not carried over: {error.message}")
        elif key is not None:
            self.draft.warn(
                path, "a key stands in the file, and is not carried over: it should stand in no file"
            )
        placeholder = f"IMPORTED_{re.sub(r'[^A-Z0-9]', '_', account.upper())}_KEY"
        self.draft.warn(
            path, f"account {account} takes its key from the variable {placeholder}: set it, or change it"
        )
        return f"env://{placeholder}"

    def _reachable(self, url: str, path: str) -> bool:
        """Whether an account may be there at all, perhaps after the operator has listed the place."""
        try:
            values.base_url(url, settings.ORBIT_PRIVATE_TARGETS)
            return True
        except InputError as error:
            refused = error
        try:
            place = targets.split(url)[0].partition("://")[2]
            place = (
                place if re.search(r":\d+$", place) else f"{place}:{443 if url.startswith('https') else 80}"
            )
            values.base_url(url, [place])
        except (InputError, NotAllowed, ValueError):
            self.draft.warn(path, f"its address is not carried over: {refused.message}")
            return False
        self.draft.warn(
            path, f"{place} is not public: list it in ORBIT_PRIVATE_TARGETS where the gateway runs"
        )
        return True


def name_of(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:50]


def slug_of(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-")
