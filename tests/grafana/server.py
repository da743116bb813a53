"""A server that keeps to Grafana's HTTP API, written from its documentation; no Grafana can be installed here.

https://grafana.com/docs/grafana/latest/developers/http_api/, the pages folder, folder_permissions, team and dashboard:
paths, methods, fields, statuses. What is not there is answered 400 and noted as a fault: a field that the page does not
name, a uid over 40 characters, a team's or folder's name that is taken. A new folder is open to Viewers and Editors, as
there; saving permissions replaces them; a board can be put into a folder that exists alone.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_a-token-of-the-tests"
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
DEFAULT = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}]

Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class Grafana:
    port: int = 0
    folders: dict[str, Json] = field(default_factory=dict)
    permissions: dict[str, list[Json]] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)
    boards: dict[str, Json] = field(default_factory=dict)  # dashboard, and meta
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    role: str = "Admin"  # of the token's service account
    broken: int = 0  # a status that all is answered with
    _teams_made: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def changes(self) -> list[str]:
        return [one for one in self.asked if not one.startswith("GET ")]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        for pattern, handler in (
            (r"GET /api/folders/([^/]+)", self._folder),
            (r"POST /api/folders", self._create_folder),
            (r"PUT /api/folders/([^/]+)", self._rename_folder),
            (r"DELETE /api/folders/([^/]+)", self._delete_folder),
            (r"GET /api/folders/([^/]+)/permissions", self._permissions),
            (r"POST /api/folders/([^/]+)/permissions", self._set_permissions),
            (r"GET /api/teams/search", self._teams),
            (r"POST /api/teams", self._create_team),
            (r"DELETE /api/teams/(\d+)", self._delete_team),
            (r"GET /api/dashboards/uid/([^/]+)", self._board),
            (r"POST /api/dashboards/db", self._save_board),
        ):
            if found := re.fullmatch(pattern, f"{method} {path}"):
                if self.role != "Admin":
                    return 403, {"message": "Access denied"}
                call: Any = handler
                return call(*found.groups(), query, body)  # type: ignore[no-any-return]
        return self._fault(f"no such endpoint: {method} {path}")

    def _fault(self, words: str) -> Answer:
        self.faults.append(words)
        return 400, {"message": words}

    def _folder(self, uid: str, *_: Any) -> Answer:
        return (200, self.folders[uid]) if uid in self.folders else (404, {"message": "folder not found"})

    def _create_folder(self, query: Any, body: Json) -> Answer:
        if {*body} != {"uid", "title"} or not _UID.fullmatch(body["uid"]) or not body["title"]:
            return self._fault(f"folder {body}")
        if body["uid"] in self.folders or self._has_title(body["title"]):
            return 409, {"message": "a folder with the same name or uid already exists"}
        self.folders[body["uid"]] = {**body, "id": len(self.folders) + 1, "version": 1}
        self.permissions[body["uid"]] = [*DEFAULT]
        return 200, self.folders[body["uid"]]

    def _has_title(self, title: str) -> bool:
        return any(one["title"] == title for one in self.folders.values())

    def _rename_folder(self, uid: str, query: Any, body: Json) -> Answer:
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        if not body.keys() <= {"title", "version", "overwrite"} or not body.get("title"):
            return self._fault(f"folder {body}")
        folder = self.folders[uid]
        if not body.get("overwrite") and body.get("version") != folder["version"]:
            return 412, {"message": "changed by someone else", "status": "version-mismatch"}
        if self._has_title(body["title"]):
            return 409, {"message": "a folder with the same name already exists"}
        folder |= {"title": body["title"], "version": folder["version"] + 1}
        return 200, folder

    def _delete_folder(self, uid: str, query: dict[str, list[str]], body: Any) -> Answer:
        if {*query} - {"forceDeleteRules"}:
            return self._fault(f"query {query}")
        if self.folders.pop(uid, None) is None:
            return 404, {"message": "folder not found"}
        del self.permissions[uid]
        for board in [name for name, one in self.boards.items() if one["meta"]["folderUid"] == uid]:
            del self.boards[board]
        return 200, {"message": "Folder deleted", "id": 1}

    def _permissions(self, uid: str, *_: Any) -> Answer:
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        rows = [
            {"userId": 0, "teamId": 0, "role": "", "uid": uid, "permissionName": "…", **one}
            for one in self.permissions[uid]
        ]
        return 200, rows

    def _set_permissions(self, uid: str, query: Any, body: Json) -> Answer:
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        for one in body["items"]:
            who = {*one} - {"permission"}
            if len(who) != 1 or not who <= {"role", "teamId", "userId"} or one["permission"] not in (1, 2, 4):
                return self._fault(f"permission {one}")
            if "teamId" in one and one["teamId"] not in self.teams:
                return self._fault(f"no team {one}")
        self.permissions[uid] = body["items"]
        return 200, {"message": "Folder permissions updated", "id": 1}

    def _teams(self, query: dict[str, list[str]], body: Any) -> Answer:
        [name] = query["name"]
        rows = [
            {"id": id_, "orgId": 1, "name": one, "email": "", "memberCount": 0}
            for id_, one in self.teams.items()
            if one == name
        ]
        return 200, {"totalCount": len(rows), "teams": rows, "page": 1, "perPage": 1000}

    def _create_team(self, query: Any, body: Json) -> Answer:
        if not body.keys() <= {"name", "email"} or not body.get("name"):
            return self._fault(f"team {body}")
        if body["name"] in self.teams.values():
            return 409, {"message": "Team name taken"}
        self._teams_made += 1
        self.teams[self._teams_made] = body["name"]
        return 200, {"message": "Team created", "teamId": self._teams_made, "uid": f"t{self._teams_made}"}

    def _delete_team(self, team: str, *_: Any) -> Answer:
        if self.teams.pop(int(team), None) is None:
            return 404, {"message": "Failed to delete Team. ID not found"}
        return 200, {"message": "Team deleted"}

    def _board(self, uid: str, *_: Any) -> Answer:
        return (200, self.boards[uid]) if uid in self.boards else (404, {"message": "Dashboard not found"})

    def _save_board(self, query: Any, body: Json) -> Answer:
        model = body["dashboard"]
        if not body.keys() <= {"dashboard", "folderUid", "overwrite", "message"} or not _UID.fullmatch(
            model["uid"]
        ):
            return self._fault("dashboard")
        if model["id"] is not None or not model["title"]:
            return self._fault("dashboard.id must be null, and a title given")
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        found = self.boards.get(model["uid"])
        if found is not None and not body.get("overwrite"):
            return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
        version = found["dashboard"]["version"] + 1 if found else 1
        saved = {**model, "id": 7, "version": version, "fiscalYearStartMonth": 0}  # it adds fields of its own
        self.boards[model["uid"]] = {
            "dashboard": saved,
            "meta": {"folderUid": body["folderUid"], "url": f"/d/{model['uid']}/board"},
        }
        return 200, {"id": 7, "uid": model["uid"], "status": "success", "version": version}


@contextmanager
def running_grafana() -> Iterator[Grafana]:
    grafana = Grafana()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            content = self.rfile.read(size)
            parts = urlsplit(self.path)
            grafana.asked.append(f"{self.command} {parts.path}")
            status, answer = self._answer(parts.path, parse_qs(parts.query), content)
            told = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json; charset=UTF-8")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def _answer(self, path: str, query: dict[str, list[str]], content: bytes) -> Answer:
            if grafana.broken:
                return grafana.broken, {"message": "broken"}
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                return 401, {"message": "Invalid API key"}
            if content and self.headers.get("content-type") != "application/json":
                return 400, {"message": "bad request data"}
            return grafana.answer(self.command, path, query, json.loads(content) if content else None)

        def do_GET(self) -> None:
            self.do()

        def do_POST(self) -> None:
            self.do()

        def do_PUT(self) -> None:
            self.do()

        def do_DELETE(self) -> None:
            self.do()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        grafana.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield grafana
        finally:
            server.shutdown()
            thread.join(10)
    assert grafana.faults == []
