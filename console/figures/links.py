"""Addresses of a dashboard and of the calls behind its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from console.figures.reading import Asking, Group
from orbit.lib.clock import rfc3339


@dataclass(frozen=True, slots=True)
class Links:
    """`page` is the path of the dashboard, `query` what it was asked for. No link leads to calls that one may not see."""

    slug: str
    page: str
    query: Mapping[str, str]
    asked: Asking
    sees_calls: bool

    def with_(self, **changed: str) -> str:
        """The same dashboard, asked for something else; an empty text leaves a word out."""
        query = {name: value for name, value in {**self.query, **changed}.items() if value}
        return f"{self.page}?{urlencode(query)}" if query else self.page

    def calls(self, since: datetime, until: datetime, **found_by: str) -> str:
        """Empty where nothing may be seen, or no address holds exactly the calls that are meant."""
        if self.asked.mine and "key" not in {**self.asked.narrowed, **found_by}:
            own = self.asked.only["key_id"]
            if len(own) != 1:
                return ""
            found_by["key"] = str(own[0])
        if not self.sees_calls:
            return ""
        span = {"since": rfc3339(since), "until": rfc3339(until)}
        return f"/o/{self.slug}/calls/?{urlencode({**span, **self.asked.narrowed, **found_by})}"

    def all_calls(self, found_by: Mapping[str, str]) -> str:
        """Of the whole span."""
        return self.calls(self.asked.span.since, self.asked.span.until, **found_by)

    def of(self, group: Group, by: str) -> str:
        """The calls of a row; those of no one, and of all others, have no address of their own."""
        return self.all_calls({by: group.value}) if group.value is not None else ""

    def only(self, group: Group, by: str) -> str:
        """The dashboard of one row's calls."""
        if group.value is None or by in self.asked.narrowed or by in ("end_user", "tag"):
            return ""
        return self.with_(**{by: group.value, "by": "model" if by != "model" else "project"})

    def csv(self, of: str) -> str:
        return f"{reverse(self._csv_page(), args=[self.slug])}?{urlencode({**self.query, 'of': of})}"

    def _csv_page(self) -> str:
        return "my_usage_csv" if self.asked.mine else "dashboard_csv"
