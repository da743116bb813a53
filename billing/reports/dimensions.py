"""By what a report may be broken down, and where sums by it are kept."""

from __future__ import annotations

from collections.abc import Sequence

from orbit.lib.errors import InputError
from quotas.sums import DATES, FACET_NAMES, OBJECTS
from tenants.schema import values

TITLES = {
    "project": "Project",
    "cost_centre": "Cost centre",
    "key": "Key",
    "model": "Model",
    "account": "Provider account",
    "end_user": "End user",
    "tag": "Tag",
    "code": "Error code",
    "day": "Day",
    "week": "Week",
    "month": "Month",
}
MOST = 2
NARROWING = tuple(OBJECTS)  # what a report may be narrowed to one of
KEPT_WITH_FACETS = ("project", "cost_centre", *DATES)


def checked(by: Sequence[str]) -> tuple[str, ...]:
    """InputError when it is not known, named twice, or more than a report has room for."""
    for name in by:
        if name not in TITLES:
            raise InputError(
                "by", f"{name!r} is not known", values.nearest(name, TITLES) or f"one of: {', '.join(TITLES)}"
            )
    if len(by) > MOST or len(set(by)) < len(by):
        raise InputError("by", "takes at most two, each once", "leave the others out")
    return tuple(by)


def from_rollups(by: Sequence[str], narrowed: Sequence[str] = ()) -> bool:
    """Whether the rollups keep sums by all of this at once. Else single calls have to be read.

    What calls say of themselves is kept by project and time alone.
    """
    said = [name for name in by if name in FACET_NAMES]
    if not said:
        return True
    others = [*(name for name in by if name not in FACET_NAMES), *narrowed]
    return len(said) == 1 and all(name in KEPT_WITH_FACETS for name in others)


def columns(by: Sequence[str]) -> tuple[str, ...]:
    """What is read for it: a cost centre is what projects belong to."""
    found = dict.fromkeys("project" if name == "cost_centre" else name for name in by)
    return tuple(found)
