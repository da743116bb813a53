"""Which organizations, models and the like have series of their own. What comes after the budget is spent counts as `(other)`.

The budget is the installation's, not one process's: a file that all append to says who came first.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

OTHER = "(other)"  # no name that anybody may choose
WITHIN = 20  # models, limits and accounts of one organization


class Names:
    """Asked on the way of calls: the file is read once for each name that is new to the process."""

    def __init__(self, path: Path, most: int) -> None:
        self.path, self.most = path, most
        self._known: dict[str, str] = {}
        self._within: dict[tuple[str, str], dict[str, str]] = {}

    def organization(self, slug: str) -> str:
        """The slug, or `(other)`."""
        found = self._known.get(slug)
        if found is None:
            try:
                found = self._known[slug] = self._claimed(slug)
            except OSError:  # a full disk, or too many open files: no reason for a call to fail
                return OTHER
        return found

    def within(self, organization: str, what: str, name: str | None) -> str:
        """One of the first names of a sort that an organization used in this process. `organization` is a label."""
        if not name or organization == OTHER:
            return OTHER if name else ""
        some = self._within.setdefault((organization, what), {})
        found = some.get(name)
        if found is None:
            if len(some) >= WITHIN:
                return OTHER
            found = some[name] = name
        return found

    def claimed(self) -> list[str]:
        """Those that have series of their own, in any process."""
        try:
            return self.path.read_text().split()
        except FileNotFoundError:
            return []

    def _claimed(self, slug: str) -> str:
        if not self.path.parent.exists():
            return OTHER  # the data directory was taken away; the next start makes it anew
        with self.path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = file.read().split()
            if slug in known:
                return slug
            if len(known) >= self.most:
                return OTHER
            file.write(slug + "\n")
        return slug
