"""Grafana's HTTP API, so far as folders of organizations need it.

As documented at https://grafana.com/docs/grafana/latest/developers/http_api/: folder, folder_permissions, team and
dashboard. Grafana 13 calls these the legacy API and keeps them. Its address is the operator's own, so it may be private; no tenant's address is allowed by that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from audit.sinks.base import Unavailable
from audit.sinks.config import Tls
from audit.sinks.http import Post, check_url, place_of

SECONDS = 3.0  # a place in the task worker is held for so long by a Grafana that does not answer
MOST_BYTES = 2_000_000
VIEW = 1  # of the levels of a folder's permissions

Json = dict[str, Any]


class GrafanaError(Exception):
    """It did not do what was asked; the message says what to look at, without any credential.

    `away`: there was no answer, or none to any request would differ.
    """

    def __init__(self, message: str, *, away: bool = False) -> None:
        super().__init__(message)
        self.away = away


def is_set_up() -> bool:
    return bool(settings.ORBIT_GRAFANA_URL)


def problems() -> list[str]:
    """In words, naming the setting that mends it."""
    url = settings.ORBIT_GRAFANA_URL
    if not url:
        return []
    found = []
    try:
        check_url("ORBIT_GRAFANA_URL", url, private=True)
    except ValueError as error:
        found.append(f"{error}. It must read https://host (or http:// in your own network).")
    if "?" in url:
        found.append("ORBIT_GRAFANA_URL must not have a query; the token goes into ORBIT_GRAFANA_TOKEN.")
    if not settings.ORBIT_GRAFANA_TOKEN:
        found.append(
            "ORBIT_GRAFANA_URL is set and ORBIT_GRAFANA_TOKEN is not. Make a service account with the role Admin in "
            "Grafana and set its token, or leave out both."
        )
    return found


@contextmanager
def connected() -> Iterator[Grafana]:
    url = settings.ORBIT_GRAFANA_URL
    post = Post(place_of(url), SECONDS, Tls(ca_file=settings.ORBIT_GRAFANA_CA_FILE or None))
    try:
        yield Grafana(url, settings.ORBIT_GRAFANA_TOKEN, post)
    finally:
        post.close()


class Grafana:
    """For one thread. Everything raises GrafanaError when Grafana does not do it."""

    def __init__(self, url: str, token: str, post: Post) -> None:
        self._url = url.rstrip("/")
        self._headers = [
            ("authorization", f"Bearer {token}"),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ]
        self._post = post

    def folder(self, uid: str) -> Json | None:
        return self._found("GET", f"/api/folders/{quote(uid)}")

    def create_folder(self, uid: str, title: str) -> None:
        self._done("POST", "/api/folders", {"uid": uid, "title": title})

    def rename_folder(self, uid: str, title: str) -> None:
        self._done("PUT", f"/api/folders/{quote(uid)}", {"title": title, "overwrite": True})

    def delete_folder(self, uid: str) -> bool:
        """With what is in it, alert rules too. Whether there was one."""
        return self._found("DELETE", f"/api/folders/{quote(uid)}?forceDeleteRules=true") is not None

    def permissions(self, uid: str) -> list[Json]:
        path = f"/api/folders/{quote(uid)}/permissions"
        found = self._done("GET", path)
        if not isinstance(found, list):
            raise GrafanaError(f"answered no list to {_what('GET', path)}")
        return [_object(one, "GET", path) for one in found]

    def set_permissions(self, uid: str, items: list[Json]) -> None:
        """In place of all that there are."""
        self._done("POST", f"/api/folders/{quote(uid)}/permissions", {"items": items})

    def team(self, name: str) -> int | None:
        """The id of the team of that name."""
        found = self._found("GET", f"/api/teams/search?{urlencode({'name': name})}")
        return next((one["id"] for one in (found or {}).get("teams") or [] if one.get("name") == name), None)

    def create_team(self, name: str) -> int:
        made = _object(self._done("POST", "/api/teams", {"name": name}), "POST", "/api/teams").get("teamId")
        if not isinstance(made, int):
            raise GrafanaError("answered no teamId to POST /api/teams")
        return made

    def delete_team(self, team: int) -> None:
        self._found("DELETE", f"/api/teams/{team}")

    def board(self, uid: str) -> Json | None:
        """`dashboard`, and `meta` with `folderUid`."""
        return self._found("GET", f"/api/dashboards/uid/{quote(uid)}")

    def save_board(self, folder: str, model: Json) -> None:
        given = {"dashboard": {**model, "id": None}, "folderUid": folder, "overwrite": True}
        self._done("POST", "/api/dashboards/db", given)

    def _found(self, method: str, path: str) -> Json | None:
        """None where there is no such thing."""
        answer = self._asked(method, path, None)
        return None if answer is None else _object(answer, method, path)

    def _done(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = self._asked(method, path, body)
        if answer is None:
            raise GrafanaError(f"answered 404 to {_what(method, path)}")
        return answer

    def _asked(self, method: str, path: str, body: Json | None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        try:
            reply = self._post(self._url + path, self._headers, content, method=method, most_bytes=MOST_BYTES)
        except Unavailable as error:
            raise GrafanaError(str(error), away=True) from None
        if reply.status == 404:
            return None
        if reply.status != 200 or reply.content is None:
            away = reply.status == 401 or reply.status >= 500
            raise GrafanaError(_refused(reply.status, _what(method, path)), away=away)
        try:
            return json.loads(reply.content)
        except ValueError:
            raise GrafanaError(
                f"answered no JSON to {_what(method, path)}: does ORBIT_GRAFANA_URL lead to it?"
            ) from None


def _object(answer: Any, method: str, path: str) -> Json:
    if not isinstance(answer, dict):
        raise GrafanaError(f"answered no object to {_what(method, path)}")
    return answer


def _what(method: str, path: str) -> str:
    return f"{method} {path.partition('?')[0]}"


def _refused(status: int, what: str) -> str:
    if status == 401:
        return "does not take the token of ORBIT_GRAFANA_TOKEN"
    if status == 403:
        return f"refuses {what}: the service account of ORBIT_GRAFANA_TOKEN needs the role Admin"
    if status in (409, 412):
        return f"answered {status} to {what}: it has another folder or team of this name; rename or delete that one"
    return f"answered {status} to {what}"
