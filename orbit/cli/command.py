"""What a command is. Most are rows of a table: a method, a path, what is sent, and what is shown of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orbit.cli import values

if TYPE_CHECKING:
    from orbit.cli.session import Session

_PLACE = re.compile(r"{(\w+)}")
ORGANIZATION = "organization"  # the place that --organization or the profile fills

Run = Callable[["Session", dict[str, Any]], int | None]


@dataclass(frozen=True, slots=True)
class Option:
    """`name` as the API says it; --name-with-hyphens here. Read from text by `reads`, or a mere switch."""

    name: str
    help: str
    reads: values.Reads = values.text
    required: bool = False
    switch: bool = False
    flags: tuple[str, ...] = ()
    metavar: str = ""

    @property
    def spelt(self) -> tuple[str, ...]:
        return self.flags or ("--" + self.name.replace("_", "-"),)


@dataclass(frozen=True, slots=True)
class Command:
    """A row. Places of the path are arguments, `{organization}` excepted; options go into the query of a GET, else
    into the body.

    `columns` make a list's table; `said` is told where the answer is empty; `asks` is asked before it is done.
    """

    words: str
    help: str
    method: str
    path: str
    options: tuple[Option, ...] = ()
    columns: tuple[str, ...] = ()
    said: str = "done"
    asks: str = ""

    @property
    def places(self) -> list[str]:
        return [place for place in _PLACE.findall(self.path) if place != ORGANIZATION]

    @property
    def of_organization(self) -> bool:
        return "{organization}" in self.path

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and bool(self.columns)


@dataclass(frozen=True, slots=True)
class Special:
    """A command that is more than one exchange. `places` are arguments; one that ends in `?` may be left out."""

    words: str
    help: str
    run: Run
    places: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    of_organization: bool = False
    asks: bool = False  # whether it takes --yes


AnyCommand = Command | Special
